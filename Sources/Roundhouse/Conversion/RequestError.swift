internal import GRPCCore
internal import GRPCProtobuf
internal import Inference
internal import Routing

/// Why a request got no answer, or no whole one.
enum RequestError: Error, Sendable, Hashable {
    /// Every field at fault.
    case invalidRequest([FieldViolation])
    case modelNotFound(requested: String)
    /// Nothing can answer now; nobody was asked.
    case nobodyReady([Candidates.Unavailable])
    /// Nothing that was asked for is what the request requires.
    case requirementsNotMet([Candidates.Unmet])
    /// Everyone who was asked failed. Never empty.
    case allFailed([Attempt])
    /// The answer was cut after output had been sent.
    case interrupted(Attempt, sent: SentOutput)
    /// The client left.
    case cancelled
    /// The client's deadline passed.
    case deadlineExceeded

    init(_ failure: RoutingFailure) {
        switch failure {
        case .modelNotFound(let requested):
            self = .modelNotFound(requested: requested)
        case .nobodyReady(let unavailable):
            self = .nobodyReady(unavailable)
        case .requirementsNotMet(let unmet):
            self = .requirementsNotMet(unmet)
        case .unknownStrategy(let name, let known):
            self = .invalidRequest([
                FieldViolation("strategy", found: name, expected: "one of \(known.joined(separator: ", "))")
            ])
        case .allFailed(let attempts):
            self = attempts.last?.fault?.kind == .cancelled ? .cancelled : .allFailed(attempts)
        }
    }
}

/// How much of an answer a client had been sent when it was cut.
struct SentOutput: Sendable, Hashable {
    var textBytes = 0
    var reasoningBytes = 0
    /// Pieces of tool calls or of a refusal, from which nobody can go on.
    var hasOther = false

    var isOnlyText: Bool { !self.hasOther }

    mutating func note(_ event: InferenceEvent) {
        switch event {
        case .textDelta(let text): self.textBytes += text.utf8.count
        case .reasoningDelta(let text): self.reasoningBytes += text.utf8.count
        case .toolCallDelta, .refusalDelta: self.hasOther = true
        case .reasoningSignature, .citation, .logprobs, .usage, .finished: break
        }
    }
}

/// The gRPC status of one fault, when it is what the client is told.
struct FaultStatus: Sendable, Hashable {
    var code: RPCError.Code
    /// UPPER_SNAKE, for `ErrorInfo.reason`.
    var reason: String

    /// The one place where a kind of fault becomes a status.
    init(_ fault: UpstreamFault) {
        switch fault.kind {
        case .rateLimited: (self.code, self.reason) = (.resourceExhausted, "UPSTREAM_RATE_LIMITED")
        case .overloaded: (self.code, self.reason) = (.unavailable, "UPSTREAM_OVERLOADED")
        case .serverError: (self.code, self.reason) = (.unavailable, "UPSTREAM_ERROR")
        case .unreachable: (self.code, self.reason) = (.unavailable, "UPSTREAM_UNREACHABLE")
        case .timedOut: (self.code, self.reason) = (.unavailable, "UPSTREAM_TIMED_OUT")
        case .truncated: (self.code, self.reason) = (.unavailable, "UPSTREAM_TRUNCATED")
        case .malformed: (self.code, self.reason) = (.unavailable, "UPSTREAM_MALFORMED")
        case .contextLengthExceeded: (self.code, self.reason) = (.invalidArgument, "CONTEXT_LENGTH_EXCEEDED")
        case .contentFiltered: (self.code, self.reason) = (.invalidArgument, "CONTENT_FILTERED")
        case .authenticationFailed:
            (self.code, self.reason) = (.failedPrecondition, "UPSTREAM_AUTHENTICATION_FAILED")
        case .modelNotFound: (self.code, self.reason) = (.notFound, "UPSTREAM_MODEL_NOT_FOUND")
        case .invalidRequest: (self.code, self.reason) = (.invalidArgument, "UPSTREAM_REJECTED_REQUEST")
        case .unsupported: (self.code, self.reason) = (.invalidArgument, "CAPABILITY_UNSUPPORTED")
        case .queueFull: (self.code, self.reason) = (.resourceExhausted, "QUEUE_FULL")
        case .insufficientMemory: (self.code, self.reason) = (.failedPrecondition, "INSUFFICIENT_MEMORY")
        case .diverged: (self.code, self.reason) = (.unavailable, "UPSTREAM_DIVERGED")
        case .cancelled: (self.code, self.reason) = (.cancelled, "CANCELLED")
        }
    }
}
