/// What is kept of a finished or failed request: names and figures, never the text.
public struct RequestRecord: Sendable, Hashable {
    public var id: String
    /// What the client asked for: an id, an alias, or `auto`.
    public var requestedModel: String
    /// Who answered, or who was tried last. `nil` when nobody could be asked.
    public var model: ModelID?
    /// Microseconds since 1970-01-01 UTC at which the request arrived.
    public var startedAtMicroseconds: Int64
    /// From arrival to the end.
    public var latency: Duration
    /// From arrival to the first output event.
    public var firstTokenLatency: Duration?
    /// How long it waited for the turn of a model that had to be loaded first; `nil` when it waited for none.
    public var queueTime: Duration?
    /// How long it waited while a model was loaded; `nil` when it waited for none.
    public var loadTime: Duration?
    public var usage: Usage?
    /// Of every attempt together; `nil` when no price is known.
    public var cost: Cost?
    public var finishReason: FinishReason?
    /// Every upstream that was tried, in order.
    public var attempts: [Attempt]
    /// The gRPC status name: `OK`, `UNAVAILABLE`, `CANCELLED`.
    public var status: String
    /// A sentence when the status is not OK.
    public var errorMessage: String?
    /// True for `StreamGenerate`.
    public var isStreamed: Bool
    public var cacheStatus: CacheStatus
    /// Who the client has proved to be: the names of its certificate. `nil` without one; never its address.
    public var client: String?
    /// The client's labels that rules looked at.
    public var tags: [String]
    /// The client's own labels.
    public var metadata: [String: String]
    /// The trace that it belongs to; `nil`: none.
    public var traceID: TraceID?

    public init(
        id: String,
        requestedModel: String,
        model: ModelID? = nil,
        startedAtMicroseconds: Int64,
        latency: Duration,
        firstTokenLatency: Duration? = nil,
        queueTime: Duration? = nil,
        loadTime: Duration? = nil,
        usage: Usage? = nil,
        cost: Cost? = nil,
        finishReason: FinishReason? = nil,
        attempts: [Attempt] = [],
        status: String,
        errorMessage: String? = nil,
        isStreamed: Bool,
        cacheStatus: CacheStatus = .none,
        client: String? = nil,
        tags: [String] = [],
        metadata: [String: String] = [:],
        traceID: TraceID? = nil
    ) {
        self.id = id
        self.requestedModel = requestedModel
        self.model = model
        self.startedAtMicroseconds = startedAtMicroseconds
        self.latency = latency
        self.firstTokenLatency = firstTokenLatency
        self.queueTime = queueTime
        self.loadTime = loadTime
        self.usage = usage
        self.cost = cost
        self.finishReason = finishReason
        self.attempts = attempts
        self.status = status
        self.errorMessage = errorMessage
        self.isStreamed = isStreamed
        self.cacheStatus = cacheStatus
        self.client = client
        self.tags = tags
        self.metadata = metadata
        self.traceID = traceID
    }
}

/// Whether an answer was there already.
public enum CacheStatus: String, Sendable, Hashable, CaseIterable {
    /// Nobody looked for one.
    case none
    /// It was kept from an earlier request.
    case hit
    /// None was kept.
    case miss
    /// It came from the upstream call of an identical request in flight.
    case shared
}

/// One upstream that was asked, and how it went.
public struct Attempt: Sendable, Hashable {
    public var model: ModelID
    public var duration: Duration
    /// `nil` for the one that answered.
    public var fault: UpstreamFault?
    /// Tokens that it took, also when it failed or lost; `nil` when it gave no output.
    public var usage: Usage?
    /// What they cost; `nil` when no price is known.
    public var cost: Cost?
    /// Whether it was asked beside a slow one, to see who answers first.
    public var isHedge: Bool

    public init(
        model: ModelID,
        duration: Duration,
        fault: UpstreamFault? = nil,
        usage: Usage? = nil,
        cost: Cost? = nil,
        isHedge: Bool = false
    ) {
        self.model = model
        self.duration = duration
        self.fault = fault
        self.usage = usage
        self.cost = cost
        self.isHedge = isHedge
    }
}

/// Where records go. Called on the hot path: takes the record into memory and returns.
public protocol RequestRecorder: Sendable {
    func record(_ record: RequestRecord)
}
