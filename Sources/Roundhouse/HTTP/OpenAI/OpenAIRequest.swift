internal import Inference

/// A request of `/v1/chat/completions` or `/v1/completions`, understood.
struct OpenAIRequest: Sendable {
    enum Endpoint: Sendable, Hashable {
        case chat
        case completion
    }

    var endpoint: Endpoint
    var inference: InferenceRequest
    /// The answer comes as server-sent events.
    var isStreamed: Bool
    /// `stream_options.include_usage`: a last chunk tells the usage.
    var includesUsage: Bool
    /// `/v1/completions` alone: the prompt is repeated before the answer.
    var echo: String?
    /// Fields that were not understood, in order; they are in ``InferenceRequest/extraFields``.
    var unknownFields: [String] { self.inference.extraFields.map(\.name) }
}
