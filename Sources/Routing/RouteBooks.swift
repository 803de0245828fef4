import Inference

/// Who was asked for one request and how it went, and who is next.
struct RouteBooks: Sendable {
    var plan: AttemptPlan
    /// Closed ones, and those who could not be asked.
    var attempts: [Attempt]
    /// Who gave the answer whose end was not told yet.
    var answering: Asking?

    mutating func append(
        _ asking: Asking, _ fault: UpstreamFault?, usage: Usage?, cost: Cost?, at now: ContinuousClock.Instant
    ) {
        let attempt = Attempt(
            model: asking.model,
            duration: asking.beganAt.duration(to: now),
            fault: fault,
            usage: usage,
            cost: cost,
            isHedge: asking.isHedge
        )
        self.attempts.append(attempt)
        asking.span?.ended(attempt, at: now)
    }

    mutating func refuse(_ place: Int, because reason: String) {
        self.plan.refused(place)
        self.attempts.append(
            Attempt(notAsked: Candidates.Unavailable(model: self.plan.candidates[place].id, reason: reason)))
    }

    /// Why there is no further step.
    func failure(at now: ContinuousClock.Instant) -> RoutingFailure {
        if self.plan.askedCount > 0 { return .allFailed(self.attempts) }
        if self.plan.isPast(now), let first = self.plan.candidates.first {
            let fault = UpstreamFault(.cancelled, "the client's deadline had passed before it was asked")
            return .allFailed(self.attempts + [Attempt(model: first.id, duration: .zero, fault: fault)])
        }
        return .nobodyReady(
            self.attempts.map { Candidates.Unavailable(model: $0.model, reason: $0.fault?.message ?? "") })
    }
}

extension Attempt {
    /// Of one that could not be asked: told with the others, so that everyone sees why.
    init(notAsked left: Candidates.Unavailable) {
        self.init(model: left.model, duration: .zero, fault: UpstreamFault(.unreachable, left.reason))
    }
}
