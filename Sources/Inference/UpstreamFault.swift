/// What went wrong with an upstream, in one closed vocabulary for every wire format.
///
/// Routing decides by ``Kind`` and never by text; ``message`` is for people.
public struct UpstreamFault: Error, Sendable, Hashable {
    public var kind: Kind
    /// One sentence: what the upstream said or what we saw, shortened, without secrets.
    public var message: String
    /// The HTTP status that told it, where there was one.
    public var httpStatus: Int?
    /// False when asking the same model again would undo what somebody decided, such as to unload it.
    public var mayRetrySame: Bool

    public init(_ kind: Kind, _ message: String, httpStatus: Int? = nil, mayRetrySame: Bool = true) {
        self.kind = kind
        self.message = message
        self.httpStatus = httpStatus
        self.mayRetrySame = mayRetrySame
    }

    public enum Kind: Sendable, Hashable {
        /// HTTP 429 or its like; the upstream may say when to come back.
        case rateLimited(retryAfter: Duration?)
        /// HTTP 503, 529 or its like.
        case overloaded(retryAfter: Duration?)
        /// Any other 5xx, or an error inside a 200.
        case serverError
        /// No connection: refused, reset before an answer, name not found, certificate not trusted, engine not running.
        case unreachable
        case timedOut(Phase)
        /// The stream ended without its terminal marker.
        case truncated
        /// Bytes that are not what the wire format promises.
        case malformed
        case contextLengthExceeded
        case contentFiltered
        case authenticationFailed
        case modelNotFound
        /// The upstream says that the request itself is wrong.
        case invalidRequest
        /// The wire format or the upstream cannot do what the request needs; the message names it. Nothing was sent.
        case unsupported
        /// So many wait already for a model of our own to be loaded.
        case queueFull
        /// A model of our own that does not fit into memory, however much is evicted.
        case insufficientMemory
        /// It was asked to give an answer again of which the client has the beginning, and gave another one. Not its doing.
        case diverged
        /// The client left or its deadline passed. Not the upstream's doing.
        case cancelled
    }

    /// What an upstream was given too little time for.
    public enum Phase: String, Sendable, Hashable, CaseIterable {
        case connect
        case firstToken
        case idle
        case total
    }

    /// What to do about a fault.
    public enum Disposition: Sendable, Hashable {
        /// The same upstream may succeed in a moment, another one at once.
        case retrySame
        /// Another upstream may succeed.
        case retryOther
        /// A model with a larger context may succeed.
        case largerContext
        /// A model with another filter may succeed.
        case otherFilter
        /// The credentials are no good; another upstream may succeed.
        case keyIsDead
        /// The request itself is at fault or gone; nobody will succeed.
        case fail
    }

    /// The one place where a kind of fault becomes a decision.
    public var disposition: Disposition {
        switch self.kind {
        case .rateLimited, .overloaded, .serverError, .unreachable, .timedOut(.connect), .timedOut(.firstToken),
            .timedOut(.idle), .truncated, .malformed:
            self.mayRetrySame ? .retrySame : .retryOther
        case .modelNotFound, .insufficientMemory, .queueFull, .unsupported, .diverged: .retryOther
        case .contentFiltered: .otherFilter
        case .timedOut(.total): .fail
        case .contextLengthExceeded: .largerContext
        case .authenticationFailed: .keyIsDead
        case .invalidRequest, .cancelled: .fail
        }
    }

    /// A name from a fixed list, for logs, records and metric labels: `rate_limited`, `timed_out_idle`.
    public var reason: String {
        switch self.kind {
        case .rateLimited: "rate_limited"
        case .overloaded: "overloaded"
        case .serverError: "server_error"
        case .unreachable: "unreachable"
        case .timedOut(.connect): "timed_out_connect"
        case .timedOut(.firstToken): "timed_out_first_token"
        case .timedOut(.idle): "timed_out_idle"
        case .timedOut(.total): "timed_out_total"
        case .truncated: "truncated"
        case .malformed: "malformed"
        case .contextLengthExceeded: "context_length_exceeded"
        case .contentFiltered: "content_filtered"
        case .authenticationFailed: "authentication_failed"
        case .modelNotFound: "model_not_found"
        case .invalidRequest: "invalid_request"
        case .unsupported: "unsupported"
        case .insufficientMemory: "insufficient_memory"
        case .queueFull: "queue_full"
        case .diverged: "diverged"
        case .cancelled: "cancelled"
        }
    }

    /// How long the upstream asked us to stay away, if it did.
    public var retryAfter: Duration? {
        switch self.kind {
        case .rateLimited(let delay), .overloaded(let delay): delay
        default: nil
        }
    }
}
