internal import Inference
internal import Persistence
internal import Synchronization
internal import Telemetry

/// Takes every finished request into the log and into the figures, in one step: so that figures, whenever they are looked
/// at, are those of the first so many records of the log, and no others. That is what makes them right after a crash: see
/// ``MetricKeeper``.
final class RequestBooks: RequestRecorder {
    private let log: RequestLog
    private let figures: TelemetryRecorder
    private let step = Mutex(())

    init(log: RequestLog, figures: TelemetryRecorder) {
        self.log = log
        self.figures = figures
    }

    func record(_ record: RequestRecord) {
        let finished = FinishedRequest(counted: record)
        self.step.withLock { _ in
            self.log.record(record)
            self.figures.record(finished)
        }
    }

    /// What of the figures has to be stored, and how many records of the log they count.
    func takeChanges() -> (changes: MetricChanges, accepted: Int64) {
        self.step.withLock { _ in (self.figures.takeChanges(), self.log.acceptedCount) }
    }
}

extension FinishedRequest {
    /// What figures count of a record: the same whether it has just ended or comes from the store, which keeps whole
    /// microseconds.
    init(counted record: RequestRecord) {
        let waits = [record.queueTime, record.loadTime].compactMap { $0?.microseconds }
        let queue = waits.isEmpty ? nil : waits.reduce(Int64(0)) { $0.addingSaturated($1) }
        self.init(record, queue: queue.map { .microseconds($0) }, cache: .init(record.cacheStatus))
    }
}

extension FinishedRequest.CacheStatus {
    /// An answer that was shared with an identical request in flight was never looked for in a cache.
    init(_ status: CacheStatus) {
        switch status {
        case .none, .shared: self = .notAsked
        case .hit: self = .hit
        case .miss: self = .miss
        }
    }
}
