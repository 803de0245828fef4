/// What an upstream says while it answers, in one vocabulary for every wire format.
///
/// A healthy answer is any number of deltas, at most one ``usage(_:)``, and exactly one ``finished(_:)``, which is last.
/// An upstream that stops without saying that it finished is a fault (``UpstreamFault/Kind/truncated``), never an end.
public enum InferenceEvent: Sendable, Hashable {
    case textDelta(String)
    /// Thoughts that a model shows beside its answer.
    case reasoningDelta(String)
    /// Ends a block of thoughts with what its upstream wants back, unchanged, in the next turn.
    case reasoningSignature(ReasoningSignature)
    case toolCallDelta(ToolCallDelta)
    /// Words with which a model declines, where its wire format keeps them apart from the answer's text.
    case refusalDelta(String)
    /// A source of what was said.
    case citation(Citation)
    /// How probable tokens of the text were: the entries of OpenAI's `logprobs.content`, each an object, joined by
    /// commas, as text that is valid JSON inside of brackets. Comes right before the text of these tokens. Only where
    /// ``InferenceRequest/logprobs`` asked for it.
    case logprobs(String)
    case usage(Usage)
    case finished(FinishReason)

    /// Whether the client can see this event: once one was sent, another attempt can no longer be hidden.
    public var isOutput: Bool {
        switch self {
        case .textDelta, .reasoningDelta, .reasoningSignature, .toolCallDelta, .refusalDelta, .citation, .logprobs: true
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
    /// What the upstream wants back with this call, unchanged, in the next turn (Gemini's `thoughtSignature`).
    public var signature: ReasoningSignature?

    public init(
        index: Int,
        id: String? = nil,
        name: String? = nil,
        argumentsFragment: String = "",
        signature: ReasoningSignature? = nil
    ) {
        self.index = index
        self.id = id
        self.name = name
        self.argumentsFragment = argumentsFragment
        self.signature = signature
    }
}

/// Proof of a model's thoughts, opaque to us: kept to the letter and given back only to the wire format that made it.
public struct ReasoningSignature: Sendable, Hashable {
    /// As the upstream wrote it.
    public var value: String
    /// The wire format that made it and that alone may see it again. Empty when a client does not say: then any that
    /// takes signatures may.
    public var origin: String
    /// Whether ``value`` stands in the place of thoughts that the upstream does not show (Anthropic's
    /// `redacted_thinking`): the block then has no text.
    public var isRedacted: Bool

    public init(_ value: String, origin: String, isRedacted: Bool = false) {
        self.value = value
        self.origin = origin
        self.isRedacted = isRedacted
    }

    /// Whether the wire format `origin` may be given it.
    public func isFor(_ origin: String) -> Bool { self.origin.isEmpty || self.origin == origin }
}

/// A source that a model names for what it said.
public struct Citation: Sendable, Hashable {
    public var url: String?
    public var title: String?
    /// The words of the source.
    public var citedText: String?
    /// Where in the answer's text the cited words lie, as the upstream counts; `nil` when it does not say.
    public var startIndex: Int?
    public var endIndex: Int?
    /// Which of the request's documents it was, from 0.
    public var documentIndex: Int?

    public init(
        url: String? = nil,
        title: String? = nil,
        citedText: String? = nil,
        startIndex: Int? = nil,
        endIndex: Int? = nil,
        documentIndex: Int? = nil
    ) {
        self.url = url
        self.title = title
        self.citedText = citedText
        self.startIndex = startIndex
        self.endIndex = endIndex
        self.documentIndex = documentIndex
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
    /// The model itself declined.
    case refusal
    /// The upstream gave a reason that we do not know.
    case other
}
