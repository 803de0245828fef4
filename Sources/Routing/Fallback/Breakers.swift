public import Inference
internal import Synchronization

/// What a circuit breaker does now.
public enum BreakerState: String, Sendable, Hashable, CaseIterable {
    case closed
    /// Nobody is let through.
    case open
    /// A few are let through, to see whether it is well again.
    case halfOpen = "half_open"
}

/// The circuit breakers of all models and providers: they live with the figures, which tell the selection who is open.
///
/// A model's breaker counts everything that its requests met; a provider's counts only what concerns all of its models.
public struct Breakers: Sendable {
    private let figures: RoutingFigures
    private let settings: BreakerSettings?
    private let recorder: (any EventRecorder)?

    /// - Parameters:
    ///   - settings: `nil`: everyone is let through.
    ///   - recorder: is told who opens and closes.
    public init(figures: RoutingFigures, settings: BreakerSettings?, recorder: (any EventRecorder)? = nil) {
        self.figures = figures
        self.settings = settings
        self.recorder = recorder
    }

    public func state(of model: ModelID) -> BreakerState {
        Self.state(openUntil: self.figures[model].openUntil, now: self.figures.now)
    }

    public func state(of provider: ProviderID) -> BreakerState {
        Self.state(openUntil: self.figures[provider].openUntil, now: self.figures.now)
    }

    private static func state(openUntil: UInt64, now: UInt64) -> BreakerState {
        if openUntil == 0 { return .closed }
        return openUntil > now ? .open : .halfOpen
    }

    /// Leave to ask a model, from both breakers.
    struct Admission: Sendable, Hashable {
        fileprivate var model: CircuitBreaker.Ticket
        fileprivate var provider: CircuitBreaker.Ticket?
    }

    /// Asks for leave. What is admitted is to be recorded once.
    ///
    /// - Parameter now: nanoseconds; see ``RoutingFigures/now``.
    /// - Returns: `nil` when a breaker is open, or half open and enough are trying already.
    func admit(_ model: ModelFigures, at now: UInt64) -> Admission? {
        guard let settings = self.settings else {
            return Admission(model: CircuitBreaker.Ticket(epoch: .max, isProbe: false))
        }
        guard let ticket = model.breaker.admit(at: now, settings) else { return nil }
        // Models of ours are processes of their own: they do not fail together.
        guard model.model.provider != .local else { return Admission(model: ticket) }
        guard let shared = model.provider.breaker.admit(at: now, settings) else {
            _ = model.breaker.record(.neutral, of: ticket, at: now, settings)
            return nil
        }
        return Admission(model: ticket, provider: shared)
    }

    /// Takes how an admitted request went.
    ///
    /// - Parameter isRushed: whether the client's deadline left it less time than blame for a timeout asks for.
    func record(
        _ fault: UpstreamFault?, _ admission: Admission, of model: ModelFigures, isRushed: Bool = false, at now: UInt64
    ) {
        guard let settings = self.settings else { return }
        let isExcused = isRushed && fault.map(\.isTimeout) ?? false
        let own: CircuitBreaker.Outcome =
            switch fault?.blame {
            case nil: .success
            case .broken: isExcused ? .neutral : .failure
            case .busy, .innocent: .neutral
            }
        if let change = model.breaker.record(own, of: admission.model, at: now, settings) {
            self.tell(change, settings, model: model.model, provider: nil)
        }
        guard let ticket = admission.provider else { return }
        let shared = isExcused ? .neutral : fault?.providerOutcome ?? .success
        if let change = model.provider.breaker.record(shared, of: ticket, at: now, settings) {
            self.tell(change, settings, model: nil, provider: model.model.provider)
        }
    }

    private func tell(
        _ change: CircuitBreaker.Change, _ settings: BreakerSettings, model: ModelID?, provider: ProviderID?
    ) {
        guard let recorder = self.recorder else { return }
        switch change {
        case .opened(let opening):
            let window = settings.window.wholeNanoseconds / 1_000_000_000
            let reason =
                switch opening.cause {
                case .inARow: "\(opening.failures) failures in a row"
                case .ratio: "\(opening.failures) of \(opening.requests) requests failed within \(window) s"
                case .probe: "it still fails"
                }
            recorder.record(
                GatewayEvent(
                    .breakerOpened, model: model, provider: provider, reason: reason,
                    attributes: [
                        "state": BreakerState.open.rawValue,
                        "failures": "\(opening.failures)",
                        "requests": "\(opening.requests)",
                        "window_seconds": "\(window)",
                        "open_seconds": "\(opening.duration / 1_000_000_000)",
                    ]))
        case .closed(let duration):
            recorder.record(
                GatewayEvent(
                    .breakerClosed, model: model, provider: provider, reason: "it answers again",
                    attributes: [
                        "state": BreakerState.closed.rawValue,
                        "open_seconds": "\(duration / 1_000_000_000)",
                    ]))
        }
    }
}

extension UpstreamFault {
    var isTimeout: Bool {
        if case .timedOut = self.kind { true } else { false }
    }
}

/// A circuit breaker that many requests use at once. While it is closed, leave costs two loads.
struct GuardedBreaker: ~Copyable, Sendable {
    private let breaker = Mutex(CircuitBreaker())
    private let openUntilTime = Atomic<UInt64>(0)
    private let epoch = Atomic<UInt64>(0)

    /// See ``CircuitBreaker/openUntil``.
    var openUntil: UInt64 {
        get { self.openUntilTime.load(ordering: .acquiring) }
        nonmutating set { self.openUntilTime.store(newValue, ordering: .releasing) }
    }

    func admit(at now: UInt64, _ settings: BreakerSettings) -> CircuitBreaker.Ticket? {
        if self.openUntil == 0 {
            // Should it change between the two loads, the outcome is not counted.
            return CircuitBreaker.Ticket(epoch: self.epoch.load(ordering: .relaxed), isProbe: false)
        }
        return self.breaker.withLock { breaker in
            defer { self.mirror(breaker) }
            return breaker.admit(at: now, settings)
        }
    }

    func record(
        _ outcome: CircuitBreaker.Outcome, of ticket: CircuitBreaker.Ticket, at now: UInt64, _ settings: BreakerSettings
    ) -> CircuitBreaker.Change? {
        self.breaker.withLock { breaker in
            let before = breaker.epoch
            let change = breaker.record(outcome, of: ticket, at: now, settings)
            if breaker.epoch != before { self.mirror(breaker) }
            return change
        }
    }

    /// Under the lock, so that the numbers go the way that the breaker went.
    private func mirror(_ breaker: borrowing CircuitBreaker) {
        self.epoch.store(breaker.epoch, ordering: .relaxed)
        self.openUntil = breaker.openUntil
    }
}
