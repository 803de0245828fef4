internal import Inference
internal import Telemetry

/// Counts every finished request in the figures of the system and of its models.
struct RequestFigures: RequestRecorder {
    let figures: TelemetryRecorder

    func record(_ record: RequestRecord) {
        let waits = [record.queueTime, record.loadTime].compactMap(\.self)
        let queue = waits.isEmpty ? nil : waits.reduce(Duration.zero, +)
        self.figures.record(FinishedRequest(record, queue: queue, cache: .init(record.cacheStatus)))
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
