internal import Inference
internal import RoundhouseAPI
internal import Routing
internal import SwiftProtobuf

extension Roundhouse_V1_RouteDecision {
    init(_ explanation: RouteExplanation) {
        self.init()
        self.requested = explanation.decision.requested
        self.strategy = explanation.decision.strategy
        self.rule = explanation.decision.rule ?? ""
        self.candidates = explanation.ranked.map(Roundhouse_V1_RouteCandidate.init)
        self.rejected = explanation.rejected.map(Roundhouse_V1_RouteCandidate.init)
        self.omittedRejected = Int32(clamping: explanation.omitted)
        self.estimatedInputTokens = Int64(explanation.decision.estimatedInputTokens)
    }
}

extension Roundhouse_V1_RouteCandidate {
    init(_ candidate: CandidateExplanation) {
        self.init()
        self.model = candidate.model.description
        self.rank = Int32(clamping: candidate.rank)
        self.score = candidate.score.isFinite ? candidate.score : 0
        self.reasons = candidate.reasons
        self.availability = candidate.availability.name
        self.breaker = candidate.breaker
        self.inFlight = Int32(clamping: candidate.inFlight)
        if let latency = candidate.expectedLatency { self.expectedLatency = .init(latency) }
        if let rate = candidate.successRate { self.successRate = rate }
        if let cost = candidate.estimatedCost { self.estimatedCostNanoUsd = cost }
        self.affinity = candidate.hasAffinity
    }
}

extension ProviderAvailability {
    /// As in `RouteCandidate.availability`.
    fileprivate var name: String {
        switch self {
        case .available: "available"
        case .loading: "loading"
        case .unloaded: "unloaded"
        case .unavailable: "unavailable"
        }
    }
}

extension Roundhouse_V1_EmbedResponse {
    init(_ outcome: EmbeddingOutcome, requestID: String) {
        self.init()
        self.embeddings = outcome.vectors.map { vector in .with { $0.values = vector } }
        self.model = outcome.model.description
        self.usage = Roundhouse_V1_Usage(outcome.usage)
        if let cost = outcome.cost { self.cost = Roundhouse_V1_Cost(cost) }
        self.attempts = outcome.attempts.map(Roundhouse_V1_Attempt.init)
        self.requestID = requestID
        self.latency = .init(outcome.latency)
    }
}

extension RouteExplanation {
    /// `roundhouse.v1.RouteDecision` as JSON, for answers that are no messages.
    var json: String? {
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        return try? Roundhouse_V1_RouteDecision(self).jsonString(options: options)
    }
}
