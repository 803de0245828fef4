/// What an upstream says while it answers, in one vocabulary for every wire format.
///
/// A healthy answer is any number of deltas, at most one ``usage(_:)``, and exactly one ``finished(_:)``, which is last.
/// An upstream that stops without saying that it finished is a fault (``UpstreamFault/Kind/truncated``), never an end.
public enum InferenceEvent: Sendable, Hashable {
    case textDelta(String)
    /// Thoughts that a model shows beside its answer.
    case reasoningDelta(String)
    case toolCallDelta(ToolCallDelta)
    case usage(Usage)
    case finished(FinishReason)

    /// Whether the client can see this event: once one was sent, another attempt can no longer be hidden.
    public var isOutput: Bool {
        switch self {
        case .textDelta, .reasoningDelta, .toolCallDelta: true
        case .usage, .finished: false
        }
    }
}

/// A fragment of a tool call. Fragments of different calls may interleave; ``index`` tells them apart.
public struct ToolCallDelta: Sendable, Hashable {
    /// The position of the call in the answer, from 0.
    public var index: Int
    /// In the first fragment of a call.
    public var id: String?
    /// In the first fragment of a call.
    public var name: String?
    /// A piece of the arguments' JSON text: concatenate by ``index``.
    public var argumentsFragment: String

    public init(index: Int, id: String? = nil, name: String? = nil, argumentsFragment: String = "") {
        self.index = index
        self.id = id
        self.name = name
        self.argumentsFragment = argumentsFragment
    }
}

/// Why an answer ended.
public enum FinishReason: String, Sendable, Hashable, CaseIterable {
    /// The model ended by itself or met a stop sequence.
    case stop
    /// The token limit cut it.
    case length
    /// It ended to have tools called.
    case toolCalls
    /// A filter of the upstream cut it.
    case contentFilter
    /// The upstream gave a reason that we do not know.
    case other
}

/// Tokens of one answer.
public struct Usage: Sendable, Hashable {
    /// Tokens of the prompt, cached ones included.
    public var inputTokens: Int
    /// Tokens produced, reasoning included.
    public var outputTokens: Int
    /// The part of ``inputTokens`` that the upstream read from its cache.
    public var cachedInputTokens: Int
    /// The part of ``outputTokens`` that was reasoning.
    public var reasoningTokens: Int
    /// True when the upstream gave no figures and these are our estimate.
    public var isEstimated: Bool

    public init(
        inputTokens: Int,
        outputTokens: Int,
        cachedInputTokens: Int = 0,
        reasoningTokens: Int = 0,
        isEstimated: Bool = false
    ) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cachedInputTokens = cachedInputTokens
        self.reasoningTokens = reasoningTokens
        self.isEstimated = isEstimated
    }
}
