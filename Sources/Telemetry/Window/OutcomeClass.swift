package import Inference

/// How a request, or an attempt at a model, ended: few enough to be counted one by one.
package enum OutcomeClass: Int, Sendable, Hashable, CaseIterable {
    case success
    /// HTTP 429: the model is well, the key has no more.
    case rateLimited
    case overloaded
    case timedOut
    /// It broke: a server's error, no connection, a cut or unreadable stream.
    case failed
    /// It could not be asked: a dead key, a model that is not there, no memory, a full queue.
    case unavailable
    /// The request itself was at fault: invalid, too long, filtered, unsupported.
    case rejected
    /// The client left, or the attempt was given up for no fault of its own.
    case cancelled

    /// Whether it speaks against the model or the gateway. What is the client's doing does not.
    package var isFailure: Bool {
        switch self {
        case .success, .rejected, .cancelled: false
        case .rateLimited, .overloaded, .timedOut, .failed, .unavailable: true
        }
    }

    /// Whether it says anything about how well the model does.
    package var isJudged: Bool { self == .success || self.isFailure }

    /// For labels: `rate_limited`.
    package var name: String {
        switch self {
        case .success: "success"
        case .rateLimited: "rate_limited"
        case .overloaded: "overloaded"
        case .timedOut: "timed_out"
        case .failed: "failed"
        case .unavailable: "unavailable"
        case .rejected: "rejected"
        case .cancelled: "cancelled"
        }
    }

    /// The class of a fault of an upstream.
    package init(_ fault: UpstreamFault.Kind) {
        self =
            switch fault {
            case .rateLimited: .rateLimited
            case .overloaded: .overloaded
            case .timedOut: .timedOut
            case .serverError, .unreachable, .truncated, .malformed: .failed
            case .authenticationFailed, .modelNotFound, .queueFull, .insufficientMemory: .unavailable
            case .contextLengthExceeded, .contentFiltered, .invalidRequest, .unsupported: .rejected
            case .diverged, .cancelled: .cancelled
            }
    }

    /// The class of a request that ended with a gRPC status: by its last fault where there is one, else by the status.
    ///
    /// - Parameter status: its name: `OK`, `UNAVAILABLE`.
    package init(status: String, lastFault: UpstreamFault.Kind?) {
        if status == "OK" {
            self = .success
        } else if status == "CANCELLED" {
            self = .cancelled
        } else if let lastFault {
            self = OutcomeClass(lastFault)
        } else {
            self =
                switch status {
                case "DEADLINE_EXCEEDED": .timedOut
                case "RESOURCE_EXHAUSTED": .overloaded
                case "UNAVAILABLE": .unavailable
                case "INTERNAL", "UNKNOWN", "DATA_LOSS": .failed
                default: .rejected
                }
        }
    }
}
