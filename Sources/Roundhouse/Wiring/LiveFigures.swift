internal import Inference
internal import Routing

/// What a model does at this moment, as routing knows it.
struct LiveFigures: Sendable, Hashable {
    /// Of the model, or of its provider when that lets fewer requests through.
    var breaker = BreakerState.closed
    /// Until an open breaker lets a request through again; `nil` when it does already.
    var untilRetry: Duration?
    /// Requests that it answers now.
    var inFlight = 0

    /// Whether there is nothing to tell.
    var isIdle: Bool { self == LiveFigures() }
}

extension Router {
    /// Looks at a model's breakers and what it answers. Answers at once, from memory.
    func liveFigures(of id: ModelID) -> LiveFigures {
        let model = self.figures[id]
        let now = self.figures.now
        var openUntil = model.openUntil
        // Models of ours are processes of their own: their provider has no breaker.
        if id.provider != .local {
            // 0 is closed, the past is half open, and of two that are open the later one counts.
            openUntil = max(openUntil, model.provider.openUntil)
        }
        return LiveFigures(openUntil: openUntil, now: now, inFlight: model.inFlight)
    }

    /// The same of a provider.
    func liveFigures(of id: ProviderID) -> LiveFigures {
        let provider = self.figures[id]
        return LiveFigures(openUntil: provider.openUntil, now: self.figures.now, inFlight: provider.inFlight)
    }
}

extension LiveFigures {
    /// - Parameters:
    ///   - openUntil: as ``ModelFigures/openUntil``.
    ///   - now: of the same clock, in nanoseconds.
    init(openUntil: UInt64, now: UInt64, inFlight: Int) {
        self.inFlight = inFlight
        guard openUntil > 0 else { return }
        self.breaker = openUntil > now ? .open : .halfOpen
        if openUntil > now { self.untilRetry = .nanoseconds(Int64(clamping: openUntil - now)) }
    }
}
