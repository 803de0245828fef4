import Inference

/// Whose doing a fault was, as far as a model's figures, breaker and exclusion are concerned.
enum FaultBlame: Sendable, Hashable {
    /// Something is broken.
    case broken
    /// Nothing is broken: there was too much to do.
    case busy
    /// The request's doing or the client's: nothing was learned of the model.
    case innocent
}

extension UpstreamFault {
    /// What a fault says of the model that was asked.
    var blame: FaultBlame {
        switch self.kind {
        case .serverError, .unreachable, .timedOut, .truncated, .malformed, .authenticationFailed, .modelNotFound:
            .broken
        case .rateLimited, .overloaded, .queueFull, .insufficientMemory: .busy
        case .contextLengthExceeded, .contentFiltered, .invalidRequest, .unsupported, .diverged, .cancelled: .innocent
        }
    }

    /// What a fault says of the provider as a whole. A fault that shows that the provider is there and knows us is as
    /// good as an answer.
    var providerOutcome: CircuitBreaker.Outcome {
        switch self.kind {
        case .unreachable, .authenticationFailed, .timedOut(.connect): .failure
        case .serverError, .truncated, .malformed, .modelNotFound, .contextLengthExceeded, .contentFiltered,
            .invalidRequest, .diverged:
            .success
        case .rateLimited, .overloaded, .timedOut(.firstToken), .timedOut(.idle), .timedOut(.total), .unsupported,
            .queueFull, .insufficientMemory, .cancelled:
            .neutral
        }
    }

    /// Whether other models of the same provider are likely to fail in the same way now.
    func isLikelyShared(by provider: ProviderID) -> Bool {
        // Each model of ours is a process of its own.
        guard provider != .local else { return false }
        return switch self.kind {
        case .unreachable, .authenticationFailed, .timedOut(.connect), .rateLimited, .overloaded: true
        case .serverError, .truncated, .malformed, .modelNotFound, .contextLengthExceeded, .contentFiltered,
            .invalidRequest, .timedOut(.firstToken), .timedOut(.idle), .timedOut(.total), .unsupported, .queueFull,
            .insufficientMemory, .diverged, .cancelled:
            false
        }
    }
}
