import Inference

/// Keeps models back that failed lately or said when to come back: they are asked only when nobody else is left.
struct Exclusions: Sendable {
    /// ``FallbackPolicy/excludeFailedFor``.
    let afterFault: Duration

    /// - Parameter now: nanoseconds; see ``RoutingFigures/now``.
    func note(_ fault: UpstreamFault, of model: ModelFigures, at now: UInt64) {
        guard fault.blame != .innocent else { return }
        let asked = min(fault.retryAfter ?? .zero, FallbackPolicy.longestExclusion)
        let until = max(asked, self.afterFault).wholeNanoseconds
        guard until > 0 else { return }
        model.excludedUntil = max(model.excludedUntil, now + until)
    }
}
