public import Inference
private import Synchronization

/// A provider that answers as it is told and remembers what it was asked.
public final class ScriptedProvider: Provider {
    public let id: ProviderID
    private let script: @Sendable (UpstreamRequest) -> Script
    private let state = Mutex(State())

    private struct State {
        var requests: [UpstreamRequest] = []
        var cancelled = 0
        var availability: [String: ProviderAvailability] = [:]
        var tokenCount: Int?
        var embeddingRequests: [EmbeddingRequest] = []
        var embedding: EmbeddingScript?
    }

    /// Answers a request for vectors.
    public typealias EmbeddingScript = @Sendable (EmbeddingRequest) throws(UpstreamFault) -> EmbeddingAnswer

    /// What happens to one request.
    public enum Script: Sendable {
        /// The upstream does not accept it.
        case refuse(UpstreamFault)
        /// Batches of events, then the end: a fault, or `nil` when the batches hold the finish.
        case answer([[InferenceEvent]], fault: UpstreamFault? = nil)
        /// Batches of events, then silence until the request is cancelled.
        case hang(after: [[InferenceEvent]])
        /// The upstream says nothing until the latch is opened, then answers as with ``answer(_:fault:)``.
        case later(Latch, [[InferenceEvent]], fault: UpstreamFault? = nil)
        /// The upstream neither accepts nor refuses it until the request is cancelled.
        case stall
    }

    public init(_ id: ProviderID, script: @escaping @Sendable (UpstreamRequest) -> Script) {
        self.id = id
        self.script = script
    }

    /// Answers every request with `words` as deltas, usage and a stop.
    public convenience init(_ id: ProviderID, saying words: [String]) {
        self.init(id) { _ in
            .answer(
                words.map { [.textDelta($0)] } + [
                    [.usage(Usage(inputTokens: 3, outputTokens: words.count)), .finished(.stop)]
                ]
            )
        }
    }

    /// What it was asked, in order.
    public var requests: [UpstreamRequest] { self.state.withLock { $0.requests } }
    /// How many answers were cancelled before their end.
    public var cancelledCount: Int { self.state.withLock { $0.cancelled } }

    public func set(_ availability: ProviderAvailability, of model: String) {
        self.state.withLock { $0.availability[model] = availability }
    }

    /// Every text that vectors were asked for, in order.
    public var embeddingRequests: [EmbeddingRequest] { self.state.withLock { $0.embeddingRequests } }

    public func setEmbedding(_ script: @escaping EmbeddingScript) {
        self.state.withLock { $0.embedding = script }
    }

    public func setTokenCount(_ count: Int?) {
        self.state.withLock { $0.tokenCount = count }
    }

    public func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream {
        self.state.withLock { $0.requests.append(request) }
        switch self.script(request) {
        case .refuse(let fault): throw fault
        case .answer(let batches, let fault): return ScriptedStream(batches, end: .fault(fault), provider: self)
        case .hang(let batches): return ScriptedStream(batches, end: .silence, provider: self)
        case .later(let latch, let batches, let fault):
            return ScriptedStream(batches, end: .fault(fault), provider: self, latch: latch)
        case .stall:
            await Latch().pass()
            self.noteCancellation()
            throw UpstreamFault(.cancelled, "cancelled")
        }
    }

    public func embed(_ request: EmbeddingRequest) async throws(UpstreamFault) -> EmbeddingAnswer {
        let script = self.state.withLock { state in
            state.embeddingRequests.append(request)
            return state.embedding
        }
        guard let script else { throw UpstreamFault(.unsupported, "provider '\(self.id)' has no embeddings") }
        return try script(request)
    }

    public func countTokens(_ request: UpstreamRequest) async throws(UpstreamFault) -> Int? {
        self.state.withLock { $0.tokenCount }
    }

    public func availability(of model: String) -> ProviderAvailability {
        self.state.withLock { $0.availability[model] ?? .available }
    }

    fileprivate func noteCancellation() {
        self.state.withLock { $0.cancelled += 1 }
    }
}

private final class ScriptedStream: UpstreamStream {
    enum End: Sendable {
        case fault(UpstreamFault?)
        case silence
    }

    private struct State {
        var batches: ArraySlice<[InferenceEvent]>
        var isOver = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>
    private let end: End
    private let provider: ScriptedProvider
    private let latch: Latch?

    init(_ batches: [[InferenceEvent]], end: End, provider: ScriptedProvider, latch: Latch? = nil) {
        self.state = Mutex(State(batches: batches[...]))
        self.end = end
        self.provider = provider
        self.latch = latch
    }

    func next() async throws(UpstreamFault) -> [InferenceEvent]? {
        if let latch, await !latch.pass() {
            self.cancel()
            throw UpstreamFault(.cancelled, "cancelled")
        }
        if let batch = self.state.withLock({ $0.batches.popFirst() }) { return batch }
        switch self.end {
        case .fault(let fault):
            self.state.withLock { $0.isOver = true }
            if let fault { throw fault }
            return nil
        case .silence:
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isOver = self.state.withLock { state in
                        if !state.isOver { state.waiter = continuation }
                        return state.isOver
                    }
                    if isOver { continuation.resume() }
                }
            } onCancel: {
                self.cancel()
            }
            throw UpstreamFault(.cancelled, "cancelled")
        }
    }

    func cancel() {
        let (wasOver, waiter) = self.state.withLock { state in
            defer {
                state.isOver = true
                state.waiter = nil
            }
            let finished = state.batches.isEmpty && !self.isSilent
            return (state.isOver || finished, state.waiter)
        }
        if !wasOver { self.provider.noteCancellation() }
        waiter?.resume()
    }

    private var isSilent: Bool {
        if case .silence = self.end { true } else { false }
    }
}
