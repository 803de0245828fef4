public import Inference

/// A requirement that a model does not fulfil, with what was found and what was expected.
public enum Rejection: Sendable, Hashable, CustomStringConvertible {
    case task(found: ModelCategory, required: ModelCategory)
    case capability(Capability)
    /// `isEstimate`: the requirement is the estimated size of the prompt, and another model has room for it.
    case contextLength(found: Int?, required: Int, isEstimate: Bool)
    /// Nano-USD for a million tokens.
    case price(found: Int64?, allowed: Int64)
    /// Nano-USD for the request.
    case cost(found: Int64?, allowed: Int64)
    case notFree(pricesAreKnown: Bool)
    case qualityScore(found: Double?, required: Double)
    case safetyScore(found: Double?, required: Double)
    case latency(expected: Duration, allowed: Duration)
    case notLocal
    case providerNotAllowed(ProviderID)
    case providerDenied(ProviderID)
    case tag(String)
    /// The configuration keeps requests from it.
    case notAllowed

    /// What of the requirements it is: the name of the API's field, or `policy`.
    public var requirement: String {
        switch self {
        case .task: "task"
        case .capability: "capabilities"
        case .contextLength(_, _, isEstimate: false): "min_context_length"
        case .contextLength(_, _, isEstimate: true): "messages"
        case .price: "max_price_nano_usd"
        case .cost: "max_cost_nano_usd"
        case .notFree: "free_only"
        case .qualityScore: "min_quality_score"
        case .safetyScore: "min_safety_score"
        case .latency: "max_latency"
        case .notLocal: "local_only"
        case .providerNotAllowed: "allowed_providers"
        case .providerDenied: "denied_providers"
        case .tag: "tags"
        case .notAllowed: "policy"
        }
    }

    /// A sentence without its subject, the model, and without its full stop.
    public var description: String {
        switch self {
        case .task(let found, let required):
            "is for '\(found.rawValue)', and '\(required.rawValue)' is required"
        case .capability(let capability):
            "lacks capability '\(capability.rawValue)'"
        case .contextLength(let found, let required, let isEstimate):
            Self.contextLength(found: found, required: required, isEstimate: isEstimate)
        case .price(nil, let allowed):
            "price not known, and at most \(allowed) nano-USD a million tokens is required"
        case .price(let found?, let allowed):
            "price of \(found) nano-USD a million tokens is above the \(allowed) that are allowed"
        case .cost(nil, let allowed):
            "cost not known, since its prices or its longest answer are not, and at most \(allowed) nano-USD is required"
        case .cost(let found?, let allowed):
            "expected cost of \(found) nano-USD is above the \(allowed) that are allowed"
        case .notFree(let pricesAreKnown):
            pricesAreKnown ? "is not free" : "price not known, and free models are required"
        case .qualityScore(let found, let required):
            Self.score("quality score", found: found, required: required)
        case .safetyScore(let found, let required):
            Self.score("safety score", found: found, required: required)
        case .latency(let expected, let allowed):
            "first token expected after \(expected.milliseconds) ms, above the \(allowed.milliseconds) ms that are allowed"
        case .notLocal:
            "is not on this machine"
        case .providerNotAllowed(let provider):
            "provider '\(provider)' is not among those that are allowed"
        case .providerDenied(let provider):
            "provider '\(provider)' is denied"
        case .tag(let tag):
            "lacks tag '\(tag)'"
        case .notAllowed:
            "the configuration does not allow it"
        }
    }

    private static func contextLength(found: Int?, required: Int, isEstimate: Bool) -> String {
        guard let found else { return "context length not known, and at least \(required) is required" }
        return isEstimate
            ? "context length \(found) is below the about \(required) tokens of the prompt, and others have room for it"
            : "context length \(found) is below the \(required) that are required"
    }

    private static func score(_ name: String, found: Double?, required: Double) -> String {
        guard let found else { return "\(name) not known, and at least \(required) is required" }
        return "\(name) \(found) is below the \(required) that is required"
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, so that nothing is told as "0 ms".
    fileprivate var milliseconds: Int64 {
        let milliseconds = (self.nanoseconds / 1e6).rounded(.up)
        return milliseconds < 9e18 ? Int64(milliseconds) : .max
    }
}
