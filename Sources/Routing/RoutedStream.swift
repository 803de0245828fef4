public import Inference

/// An upstream that answers: its first events and the rest to come.
public struct RoutedStream: Sendable {
    /// Who was asked before, and why they did not answer.
    public let failedAttempts: [Attempt]
    /// Held back until the first of them was output or the end: give these first.
    public let firstEvents: [InferenceEvent]
    /// What follows ``firstEvents``.
    public let stream: any UpstreamStream
    private let asking: Asking

    init(_ begun: BegunAnswer, of asking: Asking, after failedAttempts: [Attempt]) {
        self.failedAttempts = failedAttempts
        self.firstEvents = begun.events
        self.stream = begun.stream
        self.asking = asking
    }

    /// Who answers.
    public var candidate: Candidate { self.asking.candidate }
    public var model: ModelID { self.asking.model }
    /// When this upstream was asked.
    public var beganAt: ContinuousClock.Instant { self.asking.beganAt }
    /// Whether it was asked beside a slow one.
    public var isHedge: Bool { self.asking.isHedge }
    /// From 1.
    public var attempt: Int { self.failedAttempts.count + 1 }
}

/// Why nobody answered.
public enum RoutingFailure: Error, Sendable, Hashable {
    /// The id or alias that was asked for does not exist.
    case modelNotFound(requested: String)
    /// Nothing can answer now; nobody was asked.
    case nobodyReady([Candidates.Unavailable])
    /// Nothing that was asked for is what the request requires.
    case requirementsNotMet([Candidates.Unmet])
    /// The request names a strategy that does not exist.
    case unknownStrategy(String, known: [String])
    /// Everyone who was asked failed, or one failed in a way that no other can mend (its attempt is the last).
    case allFailed([Attempt])

    init(_ error: SelectionError) {
        switch error {
        case .modelNotFound(let requested): self = .modelNotFound(requested: requested)
        case .nobodyReady(let unavailable): self = .nobodyReady(unavailable)
        case .requirementsNotMet(let unmet): self = .requirementsNotMet(unmet)
        case .unknownStrategy(let name, let known): self = .unknownStrategy(name, known: known)
        }
    }
}
