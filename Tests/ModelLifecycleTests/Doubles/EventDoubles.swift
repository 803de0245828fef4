import Inference
import Logging
import Synchronization

@testable import ModelLifecycle

struct DiskError: Error, Equatable, CustomStringConvertible {
    var description: String { "the disk is full" }
}

/// Keeps events in memory; survives the logs that write to it.
final class MemoryEventStorage: EventStorage {
    private struct State {
        var events: [StoredEvent] = []
        var isFailing = false
        var failsAfterCommit = false
        var appends = 0
        var reads = 0
        var prunes = 0
        var appendGate: Turnstile?
        var onRead: (@Sendable (Int) -> Void)?
    }

    private let state = Mutex(State())

    var events: [StoredEvent] { self.state.withLock { $0.events } }
    var appends: Int { self.state.withLock { $0.appends } }
    var prunes: Int { self.state.withLock { $0.prunes } }

    func setFailing(_ isFailing: Bool) { self.state.withLock { $0.isFailing = isFailing } }
    /// The next write says that it failed, and did not.
    func failAfterCommit() { self.state.withLock { $0.failsAfterCommit = true } }
    /// Writes wait here.
    func setAppendGate(_ gate: Turnstile?) { self.state.withLock { $0.appendGate = gate } }
    /// Called before and after each read, counted from 0.
    func setOnRead(_ onRead: (@Sendable (Int) -> Void)?) { self.state.withLock { $0.onRead = onRead } }

    private func isFailing() -> Bool { self.state.withLock { $0.isFailing } }

    func eventRange() async throws -> ClosedRange<Int64>? {
        if self.isFailing() { throw DiskError() }
        return self.state.withLock { state in
            guard let first = state.events.first, let last = state.events.last else { return nil }
            return first.sequence...last.sequence
        }
    }

    func append(_ events: [StoredEvent]) async throws {
        let gate = self.state.withLock { state in
            state.appends += 1
            return state.appendGate
        }
        await gate?.pass()
        if self.isFailing() { throw DiskError() }
        let fails = self.state.withLock { state in
            state.events += events
            defer { state.failsAfterCommit = false }
            return state.failsAfterCommit
        }
        if fails { throw DiskError() }
    }

    func events(after sequence: Int64, limit: Int, filter: EventFilter) async throws -> [StoredEvent] {
        self.interrupt()
        defer { self.interrupt() }
        if self.isFailing() { throw DiskError() }
        return Array(self.events.filter { $0.sequence > sequence && filter.admits($0.event) }.prefix(limit))
    }

    func events(before sequence: Int64, limit: Int, filter: EventFilter) async throws -> [StoredEvent] {
        if self.isFailing() { throw DiskError() }
        return Array(self.events.reversed().filter { $0.sequence < sequence && filter.admits($0.event) }.prefix(limit))
    }

    func pruneEvents(keeping count: Int) async throws {
        if self.isFailing() { throw DiskError() }
        self.state.withLock { state in
            state.prunes += 1
            state.events = Array(state.events.suffix(count))
        }
    }

    private func interrupt() {
        let (onRead, number) = self.state.withLock { state in
            defer { state.reads += 1 }
            return (state.onRead, state.reads)
        }
        onRead?(number)
    }
}

/// Keeps what was recorded.
final class EventCatcher: EventRecorder {
    private let caught = Mutex<[GatewayEvent]>([])

    var events: [GatewayEvent] { self.caught.withLock { $0 } }

    func record(_ event: GatewayEvent) { self.caught.withLock { $0.append(event) } }
}

/// Keeps what was logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var texts: [String] { self.lines.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            self.lines.lines.withLock { $0.append("\(event.level): \(event.message)") }
        }
    }
}

extension ModelID {
    /// A model of the local provider, for tests whose names are valid.
    static func local(_ name: String) -> ModelID {
        guard let id = ModelID(provider: .local, name: name) else { preconditionFailure("\(name) is no model name") }
        return id
    }
}
