import Inference

/// An attempt under way. Shared by reference: it is handed around more often than a model's description should be copied.
final class Asking: Sendable {
    /// In the ``AttemptPlan``.
    let place: Int
    let candidate: Candidate
    let provider: any Provider
    let beganAt: ContinuousClock.Instant
    let admission: Breakers.Admission
    let isStreamed: Bool
    let isHedge: Bool
    /// How long it may go without output; `nil`: as long as the provider allows.
    let limit: Duration?
    /// `nil`: nobody traces.
    let span: (any AttemptSpan)?

    init(
        place: Int,
        candidate: Candidate,
        provider: any Provider,
        beganAt: ContinuousClock.Instant,
        admission: Breakers.Admission,
        isStreamed: Bool,
        isHedge: Bool,
        limit: Duration?,
        span: (any AttemptSpan)? = nil
    ) {
        self.place = place
        self.candidate = candidate
        self.provider = provider
        self.beganAt = beganAt
        self.admission = admission
        self.isStreamed = isStreamed
        self.isHedge = isHedge
        self.limit = limit
        self.span = span
    }

    var model: ModelID { self.candidate.id }
}
