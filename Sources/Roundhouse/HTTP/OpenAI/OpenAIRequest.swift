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
    /// The tools came as `functions`: their calls are answered as `function_call`.
    var usesFunctions = false
    /// Paths of what stands inside of fields, was not understood, and reaches no upstream: `messages[0].name`.
    var ignoredFields: [String] = []
    /// Fields that were not understood, in order; they are in ``InferenceRequest/extraFields``.
    var unknownFields: [String] { self.inference.extraFields.map(\.name) }
}
