internal import Hummingbird

/// Headers of the OpenAI-compatible routes.
enum OpenAIHeader: String {
    case requestID = "x-request-id"
    /// Who answered: `provider/name`.
    case model = "x-roundhouse-model"
    case provider = "x-roundhouse-provider"
    /// How many upstreams were asked until then.
    case attempts = "x-roundhouse-attempts"
    /// Of all attempts together, in USD.
    case cost = "x-roundhouse-cost-usd"
    /// Fields of the request that the model's provider was not given, by name.
    case ignoredFields = "x-roundhouse-ignored-fields"
    case contentType = "content-type"
    case cacheControl = "cache-control"
    case buffering = "x-accel-buffering"
}

extension HTTPFields {
    func value(_ header: OpenAIHeader) -> String? {
        HTTPFields.Element.Name(header.rawValue).flatMap { self[$0] }
    }

    /// What no header may hold is left out of the value.
    mutating func set(_ header: OpenAIHeader, _ value: String) {
        guard let name = HTTPFields.Element.Name(header.rawValue) else { return }
        self[name] = value
    }
}
