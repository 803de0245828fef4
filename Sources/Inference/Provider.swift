/// One upstream that can answer: an adapter for a wire format, bound to an address and its credentials.
///
/// A provider makes exactly one attempt per call. Which provider, in what order and how often is routing's business.
public protocol Provider: Sendable {
    var id: ProviderID { get }

    /// Sends the request and returns once the upstream accepted it, which for HTTP means a 2xx header.
    ///
    /// Cancelling the task closes the connection.
    ///
    /// - Throws: ``UpstreamFault`` when it did not.
    func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream

    /// How many tokens `request` would take as input to its model.
    ///
    /// - Returns: `nil` when the upstream cannot tell; the caller then estimates and says so.
    /// - Throws: ``UpstreamFault`` when the upstream can tell but failed to.
    func countTokens(_ request: UpstreamRequest) async throws(UpstreamFault) -> Int?

    /// Turns texts into vectors.
    ///
    /// - Throws: ``UpstreamFault``, ``UpstreamFault/Kind/unsupported`` when the wire format has no embeddings.
    func embed(_ request: EmbeddingRequest) async throws(UpstreamFault) -> EmbeddingAnswer

    /// Whether a request for `model` sent now has a chance: not while a local engine is missing or has failed.
    ///
    /// Called for every candidate of every request: answers at once, from memory.
    func availability(of model: String) -> ProviderAvailability

    /// Requests for `model` that wait here until the upstream may be given another one. Answers at once, from memory.
    func waitingCount(of model: String) -> Int
}

extension Provider {
    public func countTokens(_ request: UpstreamRequest) async throws(UpstreamFault) -> Int? { nil }
    public func embed(_ request: EmbeddingRequest) async throws(UpstreamFault) -> EmbeddingAnswer {
        throw UpstreamFault(.unsupported, "provider '\(self.id)' has no embeddings")
    }
    public func availability(of model: String) -> ProviderAvailability { .available }
    public func waitingCount(of model: String) -> Int { 0 }
}

/// Whether a model of a provider can be asked.
public enum ProviderAvailability: Sendable, Hashable {
    /// Requests are sent to it.
    case available
    /// Its engine is starting; a request waits for it within its own deadline.
    case loading
    /// It does not run and starts with its first request.
    case unloaded
    /// Not now; the sentence says why and what to do.
    case unavailable(reason: String)
}

/// A request addressed to one model of one provider.
public struct UpstreamRequest: Sendable, Hashable {
    public var inference: InferenceRequest
    /// The upstream's name of the model: ``ModelID/name``.
    public var model: String
    /// Whether the answer is wanted token by token or whole.
    public var delivery: Delivery
    /// The begun answer that the upstream is to go on with, after the conversation; `nil`: it begins anew. Only for models
    /// with ``Capability/prefill``. What it takes of the limit of the answer is taken off when the request is made: see
    /// ``SamplingParameters/outputTokensLeft(after:)``.
    public var prefill: String?
    /// The time that the first output may take, connecting included; `nil`: the provider's own limits alone.
    public var firstTokenLimit: Duration?
    /// The longest answer that the model can give, in tokens, for wire formats that must name a limit where the client set
    /// none; `nil`: not known.
    public var longestAnswer: Int?
    /// Who wants to know how the load goes when the model has to be loaded first.
    public var progress: ProgressSink?

    public init(
        inference: InferenceRequest,
        model: String,
        delivery: Delivery,
        prefill: String? = nil,
        firstTokenLimit: Duration? = nil,
        longestAnswer: Int? = nil,
        progress: ProgressSink? = nil
    ) {
        self.inference = inference
        if let prefill, let left = inference.sampling.outputTokensLeft(after: prefill) {
            // At least one, since this is an estimate: that the limit is reached is for an upstream to say.
            self.inference.sampling.maxOutputTokens = max(1, left)
        }
        self.model = model
        self.delivery = delivery
        self.prefill = prefill
        self.firstTokenLimit = firstTokenLimit
        self.longestAnswer = longestAnswer
        self.progress = progress
    }

    public enum Delivery: Sendable, Hashable {
        case streamed
        /// One body: cheaper for both sides when nobody watches the tokens arrive.
        case whole
    }
}

/// An answer under way. One consumer; letting go of it closes the connection.
public protocol UpstreamStream: AnyObject, Sendable {
    /// The next events, at least one; those that arrived together come together, so that a fast upstream costs one
    /// wake-up for many tokens. `nil` only after ``InferenceEvent/finished(_:)`` was returned.
    ///
    /// Cancelling the task closes the connection and throws ``UpstreamFault/Kind/cancelled``.
    ///
    /// - Throws: ``UpstreamFault``, ``UpstreamFault/Kind/truncated`` when the upstream ended without saying so.
    func next() async throws(UpstreamFault) -> [InferenceEvent]?

    /// Closes the connection at once, from any thread. Does nothing after the end.
    func cancel()

    /// How its beginning went; `nil` when that is not known.
    var timing: UpstreamTiming? { get }
}

extension UpstreamStream {
    public var timing: UpstreamTiming? { nil }
}

/// How long an upstream took to begin its answer.
public struct UpstreamTiming: Sendable, Hashable {
    /// From handing the request in to sending it: waiting for a connection, or opening one.
    public var connect: Duration
    /// From there to the first byte of the answer; `nil` when none came.
    public var firstByte: Duration?

    public init(connect: Duration, firstByte: Duration?) {
        self.connect = connect
        self.firstByte = firstByte
    }
}
