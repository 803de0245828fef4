internal import Inference
internal import RoundhouseAPI
internal import SwiftProtobuf
internal import Telemetry

extension Roundhouse_V1_Anomaly {
    /// - Parameter now: microseconds since 1970-01-01 UTC: until when one has lasted that is not over.
    init(_ anomaly: Telemetry.Anomaly, now: Int64) {
        self.init()
        let evidence = anomaly.evidence
        self.model = anomaly.subject.description
        self.kind = .init(anomaly.kind)
        self.startTime = .init(microseconds: anomaly.startMicroseconds)
        if let end = anomaly.endMicroseconds { self.endTime = .init(microseconds: end) }
        self.observed = evidence.observed
        self.baseline = evidence.baseline
        self.spread = evidence.spread
        self.unit = anomaly.kind.unit
        self.baselineBasis = evidence.basis.rawValue
        self.baselineHourCount = Int32(clamping: evidence.baselineHours)
        self.requestCount = evidence.requests
        self.failureCount = evidence.failures
        self.description_p = anomaly.sentence(now: now)
    }
}

extension Roundhouse_V1_AnomalyKind {
    init(_ kind: Telemetry.Anomaly.Kind) {
        switch kind {
        case .latencySpike: self = .latencySpike
        case .errorIncrease: self = .errorIncrease
        case .trafficSurge: self = .trafficSurge
        }
    }
}

extension Telemetry.Anomaly.Kind {
    /// Of what was observed.
    fileprivate var unit: String {
        switch self {
        case .latencySpike: "microseconds"
        case .errorIncrease: "part"
        case .trafficSurge: "requests-per-second"
        }
    }
}
