internal import Inference
internal import Persistence
internal import RoundhouseAPI
internal import SwiftProtobuf

extension Roundhouse_V1_RequestRecord {
    init(_ stored: StoredRequest) {
        self.init()
        let record = stored.record
        self.sequence = stored.sequence
        self.id = record.id
        self.requestedModel = record.requestedModel
        self.model = record.model?.description ?? ""
        self.provider = record.model?.provider.rawValue ?? ""
        self.startTime = .init(microseconds: record.startedAtMicroseconds)
        self.latency = .init(record.latency)
        if let latency = record.firstTokenLatency { self.firstTokenLatency = .init(latency) }
        if let time = record.queueTime { self.queueTime = .init(time) }
        if let time = record.loadTime { self.loadTime = .init(time) }
        if let usage = record.usage { self.usage = .init(usage) }
        if let cost = record.cost { self.cost = .init(cost) }
        if let reason = record.finishReason { self.finishReason = .init(reason) }
        self.attempts = record.attempts.map(Roundhouse_V1_Attempt.init)
        self.status = record.status
        self.errorMessage = record.errorMessage ?? ""
        self.streamed = record.isStreamed
        self.cacheStatus = .init(record.cacheStatus)
        self.client = record.client ?? ""
        self.tags = record.tags
        self.metadata = record.metadata
        self.traceID = record.traceID?.description ?? ""
    }
}

extension Roundhouse_V1_CacheStatus {
    init(_ status: Inference.CacheStatus) {
        switch status {
        case .none: self = .none
        case .hit: self = .hit
        case .miss: self = .miss
        case .shared: self = .shared
        }
    }
}
