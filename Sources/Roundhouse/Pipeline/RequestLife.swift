internal import Inference
internal import Routing

/// What is known of a request under way. Pure: time is handed in.
struct RequestLife: Sendable {
    let request: InferenceRequest
    let delivery: UpstreamRequest.Delivery
    let deadline: ContinuousClock.Instant?
    let arrival: ContinuousClock.Instant
    let time: WallTime
    /// Who the client has proved to be.
    let client: String?
    /// What it is told of loads.
    let loads = LoadWatch()

    /// The attempt that answers, or answered last.
    private(set) var answering: AnsweringAttempt?
    /// A fresh attempt that has not said yet all that was sent.
    private var aligning: AligningAttempt?
    /// The beginning that is kept back; `nil` when nothing is, or no more.
    private var heldBeginning: HeldBeginning?
    /// How much the client has of the answer and may keep.
    private(set) var sent = SentOutput()
    /// The same to the letter, as far as another attempt might need it.
    private var sentAnswer = SentAnswer()
    private let keeps: SentAnswer.Extent
    /// What cut the answer that the client has.
    private(set) var cut: Cut?
    /// A fresh attempt said something else than what was sent: no other is tried.
    private var hasDiverged = false
    private(set) var firstOutputAt: ContinuousClock.Instant?
    /// Of former attempts that what the client has is made of.
    private var formerUsage: Usage?
    private(set) var finishReason: FinishReason?
    private(set) var completion: Completion?

    /// An attempt that failed after output of it was sent.
    struct Cut: Sendable {
        var attempt: Attempt
        /// From 1.
        var number: Int
    }

    /// A fresh attempt that is compared with what was sent.
    private struct AligningAttempt {
        var alignment: Alignment
        /// Not told yet.
        var started: PipelineOutput.Started?
        /// Everything that it has said, for the case that what was sent is void; `nil` when it never will be.
        var held: [InferenceEvent]?
    }

    init(
        request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        deadline: ContinuousClock.Instant?,
        arrival: ContinuousClock.Instant,
        time: WallTime,
        client: String? = nil
    ) {
        self.request = request
        self.delivery = delivery
        self.deadline = deadline
        self.arrival = arrival
        self.time = time
        self.client = client
        // Nobody has seen anything of a whole answer before its end.
        let isSeen = delivery == .streamed
        self.heldBeginning = isSeen ? HeldBeginning(request.routing.holdBack) : nil
        self.keeps =
            switch request.routing.recovery {
            case .fail: .nothing
            case .continue: .text
            case .restart, .align: isSeen ? .all : .nothing
            }
    }

    /// Whether the upstream said that it had finished.
    var isFinished: Bool { self.finishReason != nil }

    /// What the attempt under way took so far, and what that costs. `nil` when none is under way.
    var attemptBill: (usage: Usage, cost: Cost?)? {
        self.answering.map { attempt in
            let usage = attempt.usage ?? self.estimatedUsage(of: attempt)
            return (usage, Cost(of: usage, at: attempt.prices))
        }
    }

    // MARK: - Attempts

    /// An upstream begins to answer.
    ///
    /// - Parameter output: counts its tokens while they come.
    mutating func started(
        _ model: ModelID, prices: ModelPrices?, output: OutputCounter? = nil, as role: AnsweringAttempt.Role = .fresh
    ) {
        self.answering = AnsweringAttempt(
            model, prices: prices, output: output, role: role, sent: self.sentAnswer.text)
        self.finishReason = nil
        self.aligning = nil
        switch role {
        case .fresh: self.forget()
        case .continues: break
        case .aligns(let voids):
            // What may be declared void need not be patched up.
            let alignment = Alignment(with: self.sentAnswer, thoughts: voids ? .compared : .free)
            self.aligning = AligningAttempt(alignment: alignment, held: voids ? [] : nil)
        }
    }

    /// Adds that an attempt has started, unless it has yet to show that it goes on from what was sent.
    mutating func announce(_ started: PipelineOutput.Started, in outputs: inout [PipelineOutput]) {
        if self.aligning != nil {
            self.aligning?.started = started
        } else {
            outputs.append(.started(started))
        }
    }

    /// Nothing stands of what was said so far.
    private mutating func forget() {
        self.sent = SentOutput()
        self.sentAnswer = SentAnswer()
        self.formerUsage = nil
        self.answering?.isPart = true
    }

    /// The attempt under way failed.
    ///
    /// - Parameter number: of the attempt, from 1.
    mutating func interrupted(by attempt: Attempt, number: Int) {
        guard self.answering?.isPart == true else { return }
        self.formerUsage = self.totalUsage
        self.answering?.isPart = false
        if self.isHoldingBack {
            self.heldBeginning?.restart()
            self.firstOutputAt = nil
        } else {
            self.cut = Cut(attempt: attempt, number: number)
        }
    }

    /// What to do after an attempt failed.
    var recovery: Recovery {
        if self.isHoldingBack { return .again }
        switch self.request.routing.recovery {
        case .fail: return .fail
        case .restart: return self.delivery == .whole ? .restart : .align(voids: true)
        case .align where self.delivery == .whole: return .restart
        case .align where !self.hasDiverged: return .align(voids: false)
        // Half a tool call cannot be gone on from, and a refusal should not be.
        case .continue, .align:
            let text = self.sentAnswer.text
            return self.sent.isOnlyText && !text.isEmpty ? .continue(from: text) : .fail
        }
    }

    enum Recovery: Sendable, Hashable {
        case fail
        /// Nobody has seen anything: another begins, as if nothing had been.
        case again
        /// What was said is declared void.
        case restart
        case align(voids: Bool)
        case `continue`(from: String)
    }

    /// Of all attempts that the answer is made of; `nil` when nobody has answered.
    var totalUsage: Usage? {
        guard self.answering?.isPart == true, let own = self.attemptBill?.usage else { return self.formerUsage }
        return self.formerUsage.map { $0 + own } ?? own
    }

    // MARK: - Output

    /// Whether what there is to be delivered is kept back for now.
    var isHoldingBack: Bool { self.heldBeginning != nil }

    /// When that ends, if it ends by the clock.
    var holdBackEndsAt: ContinuousClock.Instant? { self.heldBeginning?.endsAt }

    /// Nothing is kept back any more.
    mutating func endHoldBack() { self.heldBeginning = nil }

    /// Takes what arrived together and adds what is to be delivered, neighbouring deltas of one kind merged.
    mutating func take(
        _ events: [InferenceEvent],
        at now: ContinuousClock.Instant,
        into outputs: inout [PipelineOutput]
    ) {
        for event in events where !self.isFinished && !self.isGivenUp {
            self.answering?.note(event)
            switch event {
            case .usage: break
            case .finished(let reason): self.finish(reason, at: now, into: &outputs)
            default:
                if self.aligning == nil {
                    self.pass(event, at: now, into: &outputs)
                } else {
                    self.align(event, at: now, into: &outputs)
                }
            }
        }
        let isWhole = self.isFinished
        self.answering?.count(isWhole: isWhole)
        if self.heldBeginning?.take(events, at: now) == true { self.heldBeginning = nil }
    }

    /// Whether the attempt under way said something else than what was sent, and another has to go on.
    var isGivenUp: Bool { self.answering?.isGivenUp ?? false }

    private mutating func pass(
        _ event: InferenceEvent, at now: ContinuousClock.Instant, into outputs: inout [PipelineOutput]
    ) {
        switch event {
        case .textDelta(let text) where self.answering?.seam != nil:
            let fresh = self.answering?.seam?.take(text) ?? ""
            if !fresh.isEmpty { self.append(.textDelta(fresh), at: now, to: &outputs) }
        case .textDelta(let text) where text.isEmpty: break
        case .reasoningDelta, .reasoningSignature:
            if self.answering?.mutesThoughts != true { self.append(event, at: now, to: &outputs) }
        default:
            self.answering?.mutesFirstThoughts = false
            self.append(event, at: now, to: &outputs)
        }
    }

    private mutating func finish(
        _ reason: FinishReason, at now: ContinuousClock.Instant, into outputs: inout [PipelineOutput]
    ) {
        if let aligning = self.aligning.take() {
            self.settle(aligning, aligning.alignment.finish(), at: now, into: &outputs)
            if self.isGivenUp { return }
        }
        // What a seam still holds.
        let rest = self.answering?.seam?.finish() ?? ""
        if !rest.isEmpty { self.append(.textDelta(rest), at: now, to: &outputs) }
        self.finishReason = reason
    }

    private mutating func append(
        _ event: InferenceEvent,
        at now: ContinuousClock.Instant,
        to outputs: inout [PipelineOutput]
    ) {
        if self.firstOutputAt == nil { self.firstOutputAt = now }
        self.sent.note(event)
        if self.keeps != .nothing { self.sentAnswer.take(event, self.keeps) }
        if case .delta(let last) = outputs.last, let merged = last.merged(with: event) {
            outputs[outputs.count - 1] = .delta(merged)
        } else {
            outputs.append(.delta(event))
        }
    }

    // MARK: - Alignment

    /// Takes output of an attempt that has not said yet all that was sent.
    private mutating func align(
        _ event: InferenceEvent, at now: ContinuousClock.Instant, into outputs: inout [PipelineOutput]
    ) {
        guard var aligning = self.aligning.take() else { return }
        aligning.held?.append(event)
        let finding = aligning.alignment.take(event)
        self.settle(aligning, finding, at: now, into: &outputs)
    }

    private mutating func settle(
        _ aligning: AligningAttempt,
        _ finding: Alignment.Finding,
        at now: ContinuousClock.Instant,
        into outputs: inout [PipelineOutput]
    ) {
        switch finding {
        case .open: self.aligning = aligning
        case .aligned(let rest):
            // It has said the whole answer by itself.
            self.formerUsage = nil
            self.answering?.isPart = true
            self.answering?.mutesFirstThoughts = aligning.alignment.mutesThoughts
            if var started = aligning.started {
                started.continues = true
                outputs.append(.started(started))
            }
            for event in rest { self.pass(event, at: now, into: &outputs) }
        case .differs:
            guard let held = aligning.held, let cut = self.cut, let fault = cut.attempt.fault else {
                self.hasDiverged = true
                self.answering?.isGivenUp = true
                return
            }
            self.forget()
            outputs.append(.superseded(attempt: cut.number, fault: fault))
            if let started = aligning.started { outputs.append(.started(started)) }
            for event in held { self.pass(event, at: now, into: &outputs) }
        }
    }

    // MARK: - The end

    /// The answer is whole.
    ///
    /// - Parameter attempts: everyone who was asked, the one who answered last.
    mutating func complete(_ attempts: [Attempt], at now: ContinuousClock.Instant) -> Completion {
        let completion = Completion(
            finishReason: self.finishReason ?? .other,
            usage: self.totalUsage ?? Usage(inputTokens: 0, outputTokens: 0, isEstimated: true),
            cost: attempts.totalCost,
            model: self.answering?.model,
            attempts: attempts,
            firstTokenLatency: self.firstOutputAt.map { self.arrival.duration(to: $0) },
            latency: self.arrival.duration(to: now)
        )
        self.completion = completion
        return completion
    }

    private func estimatedUsage(of attempt: AnsweringAttempt) -> Usage {
        Usage(
            inputTokens: TokenEstimate.input(of: self.request)
                + TokenEstimate.tokens(ofBytes: attempt.prefillBytes),
            outputTokens: TokenEstimate.tokens(ofBytes: attempt.outputBytes),
            reasoningTokens: TokenEstimate.tokens(ofBytes: attempt.reasoningBytes),
            isEstimated: true
        )
    }
}
