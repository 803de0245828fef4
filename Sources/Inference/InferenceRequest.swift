/// One request for text, as a client means it: no provider, no wire format.
///
/// `Generate` and `StreamGenerate` both become this; routing chooses a model for it and a ``Provider`` carries it out.
public struct InferenceRequest: Sendable, Hashable {
    /// The client's name for the request, or one that we made: it goes into logs, records and upstream headers so that
    /// one request can be followed through every attempt.
    public var id: String
    /// Which model is meant.
    public var target: Target
    /// The conversation, oldest first; never empty.
    public var messages: [Message]
    public var sampling: SamplingParameters
    /// Tools that the model may have called. Names are unique.
    public var tools: [Tool]
    public var toolChoice: ToolChoice
    /// Whether several tools may be called in one answer; `nil`: the upstream's default.
    public var allowsParallelToolCalls: Bool?
    public var responseFormat: ResponseFormat
    /// How much the model may think; `nil`: the upstream's default.
    public var reasoning: ReasoningOptions?
    /// Who may answer, and what is done when somebody fails.
    public var routing: RoutingOptions
    /// The client's own labels, kept with the request's record and not interpreted.
    public var metadata: [String: String]
    /// The trace that it belongs to, and the span that upstreams are told of; `nil`: none.
    public var trace: TraceContext?
    /// Whether the upstream is to tell how probable the tokens of its answer were; `nil`: no.
    public var logprobs: LogprobOptions?
    /// The client's name for its own user, for the upstream's abuse detection; `nil`: not said.
    public var user: String?
    /// Fields of an OpenAI-compatible request that mean nothing to us: OpenAI-compatible upstreams get them unchanged,
    /// others do not get them. None is the name of a field that we write ourselves.
    public var extraFields: [ExtraField]

    public init(
        id: String,
        target: Target = .automatic,
        messages: [Message],
        sampling: SamplingParameters = SamplingParameters(),
        tools: [Tool] = [],
        toolChoice: ToolChoice = .automatic,
        allowsParallelToolCalls: Bool? = nil,
        responseFormat: ResponseFormat = .text,
        reasoning: ReasoningOptions? = nil,
        routing: RoutingOptions = RoutingOptions(),
        metadata: [String: String] = [:],
        trace: TraceContext? = nil,
        logprobs: LogprobOptions? = nil,
        user: String? = nil,
        extraFields: [ExtraField] = []
    ) {
        self.id = id
        self.target = target
        self.messages = messages
        self.sampling = sampling
        self.tools = tools
        self.toolChoice = toolChoice
        self.allowsParallelToolCalls = allowsParallelToolCalls
        self.responseFormat = responseFormat
        self.reasoning = reasoning
        self.routing = routing
        self.metadata = metadata
        self.trace = trace
        self.logprobs = logprobs
        self.user = user
        self.extraFields = extraFields
    }

    /// Which model a client asks for.
    public enum Target: Sendable, Hashable, CustomStringConvertible {
        /// `auto` or nothing: the router chooses.
        case automatic
        /// A bare name that the registry resolves, such as `default`.
        case alias(String)
        /// Exactly this model.
        case model(ModelID)

        /// Reads the `model` field of a request.
        ///
        /// - Returns: `nil` when the text has a slash but is not a valid ``ModelID``, or is not a valid alias.
        public init?(_ text: String) {
            if text.isEmpty || text == "auto" {
                self = .automatic
            } else if text.utf8.contains(UInt8(ascii: "/")) {
                guard let id = ModelID(text) else { return nil }
                self = .model(id)
            } else {
                guard ProviderID.isValid(text) else { return nil }
                self = .alias(text)
            }
        }

        public var description: String {
            switch self {
            case .automatic: "auto"
            case .alias(let name): name
            case .model(let id): id.description
            }
        }
    }
}

/// The knobs of generation. `nil` means "not said": the upstream's own default holds, and nothing is sent.
public struct SamplingParameters: Sendable, Hashable {
    /// 0...2; 0 is as repeatable as the engine can be.
    public var temperature: Double?
    /// 0...1, nucleus sampling.
    public var topP: Double?
    /// At least 1, in tokens.
    public var maxOutputTokens: Int?
    /// Up to 16 sequences, none empty, that end the answer and are not part of it.
    public var stop: [String]
    /// For repeatable sampling, where the upstream honours it.
    public var seed: Int64?
    /// -2...2
    public var presencePenalty: Double?
    /// -2...2
    public var frequencyPenalty: Double?

    public init(
        temperature: Double? = nil,
        topP: Double? = nil,
        maxOutputTokens: Int? = nil,
        stop: [String] = [],
        seed: Int64? = nil,
        presencePenalty: Double? = nil,
        frequencyPenalty: Double? = nil
    ) {
        self.temperature = temperature
        self.topP = topP
        self.maxOutputTokens = maxOutputTokens
        self.stop = stop
        self.seed = seed
        self.presencePenalty = presencePenalty
        self.frequencyPenalty = frequencyPenalty
    }

    /// How many tokens an answer may still have that was begun elsewhere, so that the whole of it keeps
    /// ``maxOutputTokens``; `nil`: as many as it likes. 0: it has them all.
    ///
    /// - Parameter begun: its text so far, of which four bytes are taken for a token.
    public func outputTokensLeft(after begun: String) -> Int? {
        self.maxOutputTokens.map { max(0, $0 - (begun.utf8.count + 3) / 4) }
    }
}
