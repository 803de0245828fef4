import Synchronization

@testable import RoundhouseCLI

/// A console with scripted input that keeps what is written, per stream and in the order of both.
final class RecordingConsole: Console {
    struct Transcript: Sendable {
        var output = ""
        var errors = ""
        var both = ""
    }

    private struct State {
        var transcript = Transcript()
        var input: [String]
        var waiting: [(text: String, continuation: CheckedContinuation<Void, Never>)] = []
    }

    let output: TerminalTraits
    let errors: TerminalTraits
    let isInputTerminal: Bool
    let time = ManualTime()
    private let screenEvents = AsyncStream.makeStream(of: Screen.Event.self)
    private let screenSize: Mutex<ScreenSize>
    private let closesAfter: Int
    private let state: Mutex<State>

    /// - Parameter closesAfter: characters of output after which nobody reads any more.
    init(
        input: [String] = [],
        isInputTerminal: Bool = false,
        traits: TerminalTraits = .plain,
        size: ScreenSize = ScreenSize(columns: 80, rows: 24),
        closesAfter: Int = .max
    ) {
        self.output = traits
        self.errors = traits
        self.isInputTerminal = isInputTerminal
        self.closesAfter = closesAfter
        self.screenSize = Mutex(size)
        self.state = Mutex(State(input: input))
    }

    var clock: CommandClock { self.time.clock }

    var transcript: Transcript {
        self.state.withLock { $0.transcript }
    }

    func write(_ text: String) async throws {
        let ready: [CheckedContinuation<Void, Never>]? = self.state.withLock { state in
            guard state.transcript.output.count + text.count <= self.closesAfter else { return nil }
            state.transcript.output += text
            state.transcript.both += text
            let shown = state.transcript.output
            let ready = state.waiting.filter { shown.contains($0.text) }.map(\.continuation)
            state.waiting.removeAll { shown.contains($0.text) }
            return ready
        }
        guard let ready else { throw OutputClosed() }
        for continuation in ready {
            continuation.resume()
        }
    }

    func note(_ text: String) async {
        self.state.withLock {
            $0.transcript.errors += text
            $0.transcript.both += text
        }
    }

    func nextLine() async -> String? {
        self.state.withLock { $0.input.isEmpty ? nil : $0.input.removeFirst() }
    }

    func withScreen(_ body: @escaping @Sendable (Screen) async throws -> Void) async throws {
        let screen = Screen(
            size: { self.screenSize.withLock { $0 } }, hasKeys: self.isInputTerminal,
            events: self.screenEvents.stream, suspend: { try await self.write("<suspended>") })
        try await self.write("<screen>")
        do {
            try await body(screen)
        } catch {
            try? await self.write("</screen>")
            throw error
        }
        try await self.write("</screen>")
    }

    func press(_ key: Key) {
        self.screenEvents.continuation.yield(.key(key))
    }

    func resize(columns: Int, rows: Int) {
        self.screenSize.withLock { $0 = ScreenSize(columns: columns, rows: rows) }
        self.screenEvents.continuation.yield(.resized)
    }

    /// Returns when standard output contains `text`.
    func shown(_ text: String) async {
        await withCheckedContinuation { continuation in
            let isShown = self.state.withLock { state in
                if state.transcript.output.contains(text) { return true }
                state.waiting.append((text, continuation))
                return false
            }
            if isShown { continuation.resume() }
        }
    }
}

/// A clock that moves when a test says so, and by the whole of a sleep at once.
final class ManualTime: Sendable {
    private let state = Mutex<(now: Duration, sleeps: [Duration])>((.zero, []))

    /// What was slept, in order.
    var sleeps: [Duration] { self.state.withLock { $0.sleeps } }

    func advance(by duration: Duration) {
        self.state.withLock { $0.now += duration }
    }

    var clock: CommandClock {
        CommandClock(
            now: { self.state.withLock { $0.now } },
            sleep: { duration in
                try Task.checkCancellation()
                self.state.withLock {
                    $0.now += duration
                    $0.sleeps.append(duration)
                }
            }
        )
    }
}
