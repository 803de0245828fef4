import FoundationEssentials
import Inference
import Logging
import Synchronization

@testable import Persistence

/// A directory of its own for one test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "roundhouse-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        self.path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    var database: String { "\(self.path)/roundhouse.db" }

    func write(_ bytes: some Sequence<UInt8>, to name: String) throws {
        try Data(bytes).write(to: URL(filePath: "\(self.path)/\(name)"))
    }
}

/// A clock that stands still until it is moved, and remembers what it was asked for.
final class ManualClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: self.offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - self.offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Instant(offset: .zero)
        var next = 0
        var sleepers: [Int: (deadline: Instant, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var asked: [Duration] = []
    }

    private let state = Mutex(State())

    var now: Instant { self.state.withLock { $0.now } }
    var minimumResolution: Duration { .zero }
    /// Every duration that somebody slept or sleeps for.
    var asked: [Duration] { self.state.withLock { $0.asked } }
    var sleeperCount: Int { self.state.withLock { $0.sleepers.count } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isDue = self.state.withLock { state in
                    state.asked.append(state.now.duration(to: deadline))
                    guard deadline > state.now, !Task.isCancelled else { return true }
                    state.sleepers[id] = (deadline, continuation)
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(
                throwing: CancellationError())
        }
    }

    func advance(by duration: Duration) {
        let due = self.state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }
}

/// Keeps what was logged.
final class LogCapture: Sendable {
    private let lines = Mutex<[String]>([])

    var texts: [String] { self.lines.withLock { $0 } }

    var logger: Logger {
        Logger(label: "test") { _ in Handler(capture: self) }
    }

    private struct Handler: LogHandler {
        let capture: LogCapture
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.notice

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            self.capture.lines.withLock { $0.append("\(event.level): \(event.message)") }
        }
    }
}

/// Gives other tasks their turn until the condition holds. Tests that use it carry a time limit.
func eventually(_ condition: () async throws -> Bool) async rethrows {
    while !(try await condition()) {
        await Task.yield()
    }
}

extension RequestRecord {
    /// A record with a value in every field.
    static func full(_ id: String, startedAt: Int64 = 1_700_000_000_000_000) -> RequestRecord {
        var record = RequestRecord.plain(id, startedAt: startedAt)
        record.firstTokenLatency = .milliseconds(35)
        record.queueTime = .microseconds(5)
        record.loadTime = .seconds(6)
        record.usage = Usage(
            inputTokens: 12, outputTokens: 34, cachedInputTokens: 5, reasoningTokens: 6, isEstimated: true
        )
        record.finishReason = .toolCalls
        if let other = ModelID("cloud/org/model") {
            let fault = UpstreamFault(
                .overloaded(retryAfter: .seconds(2)), "busy", httpStatus: 529, mayRetrySame: false)
            record.attempts.insert(Attempt(model: other, duration: .microseconds(34), fault: fault), at: 0)
        }
        record.errorMessage = "nobody answered: \"quoted\" é 🚂"
        record.isStreamed = true
        record.cacheStatus = .shared
        record.client = "spiffe://example/billing, CN=é"
        record.tags = ["batch", "é \"quoted\""]
        record.traceID = TraceID(high: 0x4BF9_2F35_77B3_4DA6, low: 7)
        record.metadata = ["team": "a/b", "é": "\n\u{0}\""]
        return record
    }

    /// A record with one attempt and nothing optional.
    static func plain(_ id: String, startedAt: Int64 = 1_700_000_000_000_000) -> RequestRecord {
        let model = ModelID("local/tiny")
        return RequestRecord(
            id: id,
            requestedModel: "default",
            model: model,
            startedAtMicroseconds: startedAt,
            latency: .microseconds(1234),
            attempts: model.map { [Attempt(model: $0, duration: .microseconds(1200))] } ?? [],
            status: "OK",
            isStreamed: false
        )
    }
}
