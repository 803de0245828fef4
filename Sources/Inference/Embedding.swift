/// Texts whose meanings are wanted as vectors.
public struct EmbeddingRequest: Sendable, Hashable {
    /// See ``InferenceRequest/id``.
    public var id: String
    /// The upstream's name of the model: ``ModelID/name``.
    public var model: String
    /// 1 to 2048, none empty.
    public var inputs: [String]
    /// The length that the vectors are to have, where the model can shorten them; `nil`: its own.
    public var dimensions: Int?
    /// At most this long for the whole answer; `nil`: the provider's own limits.
    public var timeLimit: Duration?
    /// See ``InferenceRequest/trace``.
    public var trace: TraceContext?

    public init(
        id: String, model: String, inputs: [String], dimensions: Int? = nil, timeLimit: Duration? = nil,
        trace: TraceContext? = nil
    ) {
        self.id = id
        self.model = model
        self.inputs = inputs
        self.dimensions = dimensions
        self.timeLimit = timeLimit
        self.trace = trace
    }
}

/// The vectors of an ``EmbeddingRequest``.
public struct EmbeddingAnswer: Sendable, Hashable {
    /// One for each input, in their order, all of one length.
    public var vectors: [[Float]]
    /// `nil` when the upstream does not say.
    public var usage: Usage?
    /// How the answer's beginning went; `nil` when that is not known.
    public var timing: UpstreamTiming?

    public init(vectors: [[Float]], usage: Usage? = nil, timing: UpstreamTiming? = nil) {
        self.vectors = vectors
        self.usage = usage
        self.timing = timing
    }
}
