import FoundationEssentials
import Inference
import Logging
import Persistence
import Synchronization
import Telemetry
import Testing

@testable import Roundhouse

/// Monday, 2026-01-05 00:00 UTC, in microseconds.
let monday: Int64 = 1_767_571_200_000_000
let second: Int64 = 1_000_000
let minute: Int64 = 60_000_000
let hour: Int64 = 3_600_000_000
let day: Int64 = 86_400_000_000

/// A time that stands where it is put.
final class SetTime: Sendable {
    private let time: Mutex<Int64>

    init(_ time: Int64) { self.time = Mutex(time) }

    var value: Int64 {
        get { self.time.withLock { $0 } }
        set { self.time.withLock { $0 = newValue } }
    }
}

/// Counts requests where there is no log.
struct RequestFigures: RequestRecorder {
    let figures: TelemetryRecorder

    func record(_ record: RequestRecord) { self.figures.record(FinishedRequest(counted: record)) }
}

/// Figures, the log and the store under them, as a server has them, in a directory that may be looked at as a crash would
/// leave it.
struct MetricBench {
    let store: Store
    let log: RequestLog
    let figures = TelemetryRecorder()
    let books: RequestBooks
    let watch: AnomalyWatch
    let keys = KeyUses()
    let keeper: MetricKeeper

    init(
        _ directory: String, at time: SetTime, figures: TelemetryRecorder? = nil,
        settings: MetricKeeper.Settings = MetricKeeper.Settings()
    ) throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        self.store = try Store(path: "\(directory)/roundhouse.db")
        var logSettings = RequestLog.Settings()
        // Written when somebody asks for it, so that nothing happens while files are copied.
        logSettings.interval = .seconds(3600)
        logSettings.batchSize = 100_000
        logSettings.retention = .seconds(400 * 86_400)
        self.log = RequestLog(store: self.store, settings: logSettings, now: { time.value }, logger: logger)
        let recorder = figures ?? self.figures
        self.books = RequestBooks(log: self.log, figures: recorder)
        self.watch = AnomalyWatch(recorder)
        self.keeper = MetricKeeper(
            store: self.store, log: self.log, books: self.books, figures: recorder, watch: self.watch, keys: self.keys,
            settings: settings, now: { time.value }, logger: logger)
    }

    /// A new directory, with the database of another one as it is now.
    static func directory(after crashed: String? = nil) throws -> String {
        let files = FileManager.default
        let path = files.temporaryDirectory.appending(path: "roundhouse-figures-\(UUID().uuidString)").path
        try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        for file in ["roundhouse.db", "roundhouse.db-wal"] {
            guard let crashed, files.fileExists(atPath: "\(crashed)/\(file)") else { continue }
            try files.copyItem(atPath: "\(crashed)/\(file)", toPath: "\(path)/\(file)")
        }
        return path
    }

    static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    /// Figures counted from nothing but the log.
    func recounted(at now: Int64) async throws -> TelemetryRecorder {
        let recorder = TelemetryRecorder()
        for record in try await self.store.requests(after: 0, limit: 1_000_000).records {
            recorder.record(FinishedRequest(counted: record))
        }
        recorder.roll(at: now)
        return recorder
    }
}

/// What a bucket of each beginning has, whether or not it is closed.
func byStart(_ recorder: TelemetryRecorder, _ subject: MetricSubject, _ tier: MetricTier) -> [Int64: MetricFigures] {
    var sums: [Int64: MetricFigures] = [:]
    for bucket in recorder.buckets(of: subject, tier, from: 0) {
        bucket.add(to: &sums[bucket.start, default: MetricFigures()])
    }
    return sums
}

extension RequestRecord {
    /// One of many kinds, that ended at `end`.
    static func random(endingAt end: Int64, using random: inout some RandomNumberGenerator) throws -> RequestRecord {
        let models = try ["local/a", "cloud/x", "cloud/y"].map { try modelID($0) }
        let latency = Int64.random(in: 1000...30_000_000, using: &random)
        let model = models.randomElement(using: &random)
        let faults: [UpstreamFault.Kind] = [
            .rateLimited(retryAfter: nil), .timedOut(.idle), .serverError, .insufficientMemory, .unreachable,
        ]
        var attempts: [Attempt] = []
        while Bool.random(using: &random), let other = models.randomElement(using: &random) {
            let fault = UpstreamFault(faults.randomElement(using: &random) ?? .serverError, "no")
            let nanoseconds = Int64.random(in: 0...2000, using: &random)
            attempts.append(Attempt(model: other, duration: .nanoseconds(nanoseconds), fault: fault))
        }
        let isAnswered = Int.random(in: 0..<5, using: &random) > 0
        if isAnswered, let model { attempts.append(Attempt(model: model, duration: .microseconds(latency / 2))) }
        let queue: Duration? = Bool.random(using: &random) ? .nanoseconds(1_234_567) : nil
        return RequestRecord(
            id: "\(end)", requestedModel: "default", model: isAnswered ? model : attempts.last?.model,
            startedAtMicroseconds: end - latency, latency: .microseconds(latency),
            firstTokenLatency: Bool.random(using: &random) ? .microseconds(latency / 3) : nil, queueTime: queue,
            loadTime: Bool.random(using: &random) ? queue : nil,
            usage: Usage(inputTokens: Int.random(in: 0...900, using: &random), outputTokens: 40, reasoningTokens: 3),
            cost: Cost(nanoUSD: Int64.random(in: 0...10_000, using: &random)), attempts: attempts,
            status: isAnswered ? "OK" : ["UNAVAILABLE", "CANCELLED"].randomElement(using: &random) ?? "INTERNAL",
            isStreamed: Bool.random(using: &random),
            cacheStatus: [.none, .miss, .hit].randomElement(using: &random) ?? .none)
    }
}
