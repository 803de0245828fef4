public import Inference
public import ModelRegistry
private import Synchronization

/// One request's way through its candidates: asks one after another until one answers, and keeps the books of all.
///
/// Of each answer that ``next(prefill:progress:)`` gives, how it ended is told by one of ``succeeded(usage:cost:)``,
/// ``failed(_:usage:cost:)`` and ``abandoned(usage:cost:)``; a route that is let go of was abandoned. Used by one task at
/// a time.
public final class Route: Sendable {
    /// What an attempt took that shows no figures of its own, such as one that was slower than another: tokens, and what
    /// they cost.
    public typealias Estimate = @Sendable (ModelDescription) -> (usage: Usage?, cost: Cost?)

    public let request: InferenceRequest
    /// Who may answer, and who was left out.
    public let decision: RouteDecision
    /// When the choice began.
    public let beganAt: ContinuousClock.Instant
    private let delivery: UpstreamRequest.Delivery
    private let estimate: Estimate?
    private let tracer: (any AttemptTracer)?
    private let prefix: PromptPrefix?
    let core: RouterCore
    private let books: Mutex<RouteBooks>

    init(
        _ request: InferenceRequest,
        _ decision: RouteDecision,
        prefix: PromptPrefix?,
        begin: ContinuousClock.Instant,
        delivery: UpstreamRequest.Delivery,
        deadline: ContinuousClock.Instant?,
        estimate: Estimate?,
        tracer: (any AttemptTracer)? = nil,
        core: RouterCore
    ) {
        self.request = request
        self.decision = decision
        self.beganAt = begin
        self.delivery = delivery
        self.estimate = estimate
        self.tracer = tracer
        self.prefix = prefix
        self.core = core
        self.books = Mutex(
            RouteBooks(
                plan: AttemptPlan(
                    candidates: decision.candidates, policy: core.policy, begin: begin, deadline: deadline),
                attempts: decision.unavailable.map(Attempt.init(notAsked:))))
        core.countRequest()
    }

    deinit {
        if self.books.withLock({ $0.answering != nil }) { self.abandoned() }
    }

    /// Everyone who was asked or could not be, in order, but for the one whose answer is under way.
    public var attempts: [Attempt] { self.books.withLock { $0.attempts } }

    // MARK: Asking

    /// Asks candidates until one produces output.
    ///
    /// Cancelling the task closes the connection of every attempt under way. After a failure in mid-stream, call
    /// ``failed(_:usage:cost:)`` and then this again: the search goes on where it was.
    ///
    /// - Parameters:
    ///   - prefill: the begun answer to go on with; only models that can are asked.
    ///   - progress: is told how the load of a model goes that has to be loaded first.
    /// - Throws: ``RoutingFailure`` when nobody is left.
    public func next(
        prefill: String? = nil, progress: ProgressSink? = nil
    ) async throws(RoutingFailure) -> RoutedStream {
        let isStreamed = self.delivery == .streamed
        let (asking, begun) = try await self.search(
            Search(isStreamed: isStreamed, needsPrefill: prefill != nil, mayHedge: isStreamed)
        ) { asking throws(UpstreamFault) in
            try await BegunAnswer(
                try await asking.provider.start(
                    UpstreamRequest(
                        inference: self.request(of: asking),
                        model: asking.model.name,
                        delivery: self.delivery,
                        prefill: prefill,
                        firstTokenLimit: asking.limit,
                        longestAnswer: asking.candidate.model.maxOutputTokens,
                        progress: asking.isHedge ? nil : progress
                    )))
        }
        let failedAttempts = self.answers(asking, firstOutputAt: self.core.time.now())
        return RoutedStream(begun, of: asking, after: failedAttempts)
    }

    /// What an attempt sends: its upstream is told of the attempt's own span.
    private func request(of asking: Asking) -> InferenceRequest {
        guard let span = asking.span else { return self.request }
        var request = self.request
        request.trace = span.context
        return request
    }

    /// What is the same for every attempt of one search.
    struct Search: Sendable {
        var isStreamed: Bool
        var needsPrefill = false
        var mayHedge = false
    }

    /// Asks candidates until one succeeds. Whoever succeeded is not in the books yet.
    func search<Answer: DiscardableAnswer>(
        _ search: Search,
        ask: @escaping @Sendable (Asking) async throws(UpstreamFault) -> Answer
    ) async throws(RoutingFailure) -> (Asking, Answer) {
        while true {
            switch self.move(search) {
            case .ask(let asking, let hedgeAfter?):
                if let won = await self.race(asking, hedgeAfter, search, ask) { return won }
            case .ask(let asking, nil):
                do throws(UpstreamFault) {
                    return (asking, try await self.attempt(asking, ask))
                } catch {
                    self.close(asking, error)
                }
            case .wait(let delay, let model):
                try await self.wait(delay, for: model)
            case .giveUp(let failure):
                throw failure
            }
            if Task.isCancelled { throw self.cancellation() }
        }
    }

    private enum Move {
        /// With the time after which another is asked beside it.
        case ask(Asking, hedgeAfter: Duration?)
        case wait(Duration, for: ModelID)
        case giveUp(RoutingFailure)
    }

    private func move(_ search: Search) -> Move {
        let now = self.core.time.now()
        return self.books.withLock { books in
            while true {
                let step = books.plan.next(at: now, needsPrefill: search.needsPrefill) { self.core.mayRetry(at: now) }
                switch step {
                case .giveUp:
                    return .giveUp(books.failure(at: now))
                case .wait(let delay, let place):
                    return .wait(delay, for: books.plan.candidates[place].id)
                case .ask(let place):
                    guard let asking = self.begin(place, in: &books, search, isHedge: false, at: now) else { continue }
                    let hedgeAfter = search.mayHedge ? self.core.policy.hedgeAfter : nil
                    guard let hedgeAfter, books.plan.othersLeft(needsPrefill: search.needsPrefill) > 0 else {
                        return .ask(asking, hedgeAfter: nil)
                    }
                    return .ask(asking, hedgeAfter: hedgeAfter)
                }
            }
        }
    }

    /// Whom to ask beside one that is slow; it has begun. `nil` when there is nobody, or no budget.
    func hedge(beside slow: Asking, _ search: Search) -> Asking? {
        let now = self.core.time.now()
        return self.books.withLock { books in
            guard books.plan.othersLeft(needsPrefill: search.needsPrefill) > 0, self.core.mayHedge(at: now) else {
                return nil
            }
            while true {
                let place = books.plan.hedge(beside: slow.place, at: now, needsPrefill: search.needsPrefill)
                guard let place else { return nil }
                if let asking = self.begin(place, in: &books, search, isHedge: true, at: now) { return asking }
            }
        }
    }

    /// Opens the books of an attempt; `nil` when it may not be asked, which is noted.
    private func begin(
        _ place: Int, in books: inout RouteBooks, _ search: Search, isHedge: Bool, at now: ContinuousClock.Instant
    ) -> Asking? {
        let candidate = books.plan.candidates[place]
        let model = candidate.id
        guard let provider = self.core.catalog[model.provider] else {
            books.refuse(place, because: "provider '\(model.provider)' is not running")
            return nil
        }
        let nanoseconds = self.core.figures.nanoseconds(at: now)
        guard let admission = self.core.breakers.admit(candidate.figures, at: nanoseconds) else {
            books.refuse(place, because: "it failed too often lately; its circuit breaker is open")
            return nil
        }
        candidate.figures.began()
        candidate.figures.provider.began()
        return Asking(
            place: place,
            candidate: candidate,
            provider: provider,
            beganAt: now,
            admission: admission,
            isStreamed: search.isStreamed,
            isHedge: isHedge,
            limit: books.plan.firstOutputLimit(
                at: now, isWhole: !search.isStreamed, needsPrefill: search.needsPrefill),
            span: self.tracer?.began(model, isHedge: isHedge, at: now)
        )
    }

    private func wait(_ delay: Duration, for model: ModelID) async throws(RoutingFailure) {
        do {
            try await self.core.time.sleep(delay)
        } catch {
            throw self.cancellation(waitingFor: model)
        }
    }

    /// The client left between two attempts: the last entry of the books has to say so.
    private func cancellation(waitingFor model: ModelID? = nil) -> RoutingFailure {
        self.books.withLock { books in
            let last = books.attempts.last
            if last?.fault?.kind != .cancelled, let model = model ?? last?.model {
                let fault = UpstreamFault(.cancelled, "the client left before it was asked again")
                books.attempts.append(Attempt(model: model, duration: .zero, fault: fault))
            }
            return .allFailed(books.attempts)
        }
    }

    // MARK: Books

    /// Notes who answers now.
    ///
    /// - Returns: ``attempts``.
    func answers(_ asking: Asking, firstOutputAt now: ContinuousClock.Instant) -> [Attempt] {
        if asking.isStreamed {
            asking.span?.gaveOutput(at: now)
            asking.candidate.figures.note(
                firstToken: asking.beganAt.duration(to: now), at: self.core.figures.nanoseconds(at: now))
        }
        let (before, attempts) = self.books.withLock { books in
            let before = books.answering
            books.answering = asking
            return (before, books.attempts)
        }
        if let before {
            self.core.settle(before, fault: UpstreamFault(.cancelled, "given up"), hadOutput: true, at: now)
        }
        return attempts
    }

    /// The answer is whole.
    public func succeeded(usage: Usage? = nil, cost: Cost? = nil) {
        self.end(nil, usage: usage, cost: cost)
    }

    /// The answer failed after its first output.
    public func failed(_ fault: UpstreamFault, usage: Usage? = nil, cost: Cost? = nil) {
        self.end(fault, usage: usage, cost: cost)
    }

    /// Nobody wants the rest of the answer.
    public func abandoned(usage: Usage? = nil, cost: Cost? = nil) {
        self.end(UpstreamFault(.cancelled, "the client left"), usage: usage, cost: cost)
    }

    private func end(_ fault: UpstreamFault?, usage: Usage?, cost: Cost?) {
        guard let asking = self.books.withLock({ $0.answering.take() }) else { return }
        if fault == nil, let prefix = self.prefix {
            self.core.selector.note(answered: asking.model, prefix: prefix)
        }
        self.close(asking, fault, hadOutput: true, usage: usage, cost: cost)
    }

    /// Closes the books of an attempt. Once for each that ``begin(_:in:_:isHedge:at:)`` opened.
    func close(
        _ asking: Asking, _ fault: UpstreamFault?, hadOutput: Bool = false, usage: Usage? = nil, cost: Cost? = nil
    ) {
        let now = self.core.time.now()
        let chain = fault.map { self.core.chain(after: $0, of: self.request) } ?? []
        self.books.withLock { books in
            books.append(asking, fault, usage: usage, cost: cost, at: now)
            guard let fault else { return }
            books.plan.failed(asking.place, fault, at: now, jitter: self.core.random(), chain: chain)
        }
        self.core.settle(asking, fault: fault, hadOutput: hadOutput, at: now)
    }

    /// Closes the books of an attempt that was slower than another.
    func lost(_ asking: Asking) {
        let now = self.core.time.now()
        let taken = self.estimate?(asking.candidate.model)
        let fault = UpstreamFault(.cancelled, "another was quicker")
        self.books.withLock { books in
            books.append(asking, fault, usage: taken?.usage, cost: taken?.cost, at: now)
            books.plan.lost(asking.place, at: now)
        }
        self.core.settle(asking, fault: fault, hadOutput: false, at: now)
    }
}
