internal import Inference
internal import Routing

/// What is known of a request under way. Pure: time is handed in.
struct RequestLife: Sendable {
    let request: InferenceRequest
    private let delivery: UpstreamRequest.Delivery
    private let deadline: ContinuousClock.Instant?
    private let arrival: ContinuousClock.Instant
    private let time: WallTime
    /// Who the client has proved to be.
    private let client: String?
    /// What it is told of loads.
    let loads = LoadWatch()

    /// The attempt that answers, or answered last.
    private var answering: AnsweringAttempt?
    /// What the client has of the answer and may keep.
    private var sent = SentOutput()
    /// The text of it, for an attempt that goes on from there.
    private var text = ""
    private var firstOutputAt: ContinuousClock.Instant?
    /// Of former attempts that the answer is made of, too: those that were continued.
    private var continuedUsage: Usage?
    private var finishReason: FinishReason?
    private var completion: Completion?

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
    /// - Parameters:
    ///   - output: counts its tokens while they come.
    ///   - continues: that it goes on from what was sent.
    mutating func started(
        _ model: ModelID, prices: ModelPrices?, output: OutputCounter? = nil, continues: Bool = false
    ) {
        self.answering = AnsweringAttempt(
            model: model, prices: prices, seam: continues ? Seam(after: self.text) : nil,
            prefillBytes: continues ? self.text.utf8.count : 0, meter: OutputMeter(output))
        self.finishReason = nil
    }

    /// What to do after the attempt under way failed, or what the client wants done.
    func recovery(from fault: UpstreamFault) -> Recovery {
        switch self.request.routing.recovery {
        case .fail: .fail
        case .restart: .restart
        // Half a tool call cannot be gone on from, and a refusal should not be.
        case .continue, .align: self.sent.isOnlyText && !self.text.isEmpty ? .continue(from: self.text) : .fail
        }
    }

    enum Recovery: Sendable, Hashable {
        case fail
        case restart
        case `continue`(from: String)
    }

    /// Another attempt takes the place of the one that failed, and what that one said is void.
    mutating func superseded() {
        self.sent = SentOutput()
        self.text = ""
        self.continuedUsage = nil
    }

    /// Another attempt goes on from what the one said that failed.
    mutating func continued() {
        self.continuedUsage = self.totalUsage
    }

    /// Of all attempts that the answer is made of; `nil` when nobody has answered.
    private var totalUsage: Usage? {
        guard let own = self.attemptBill?.usage else { return nil }
        return self.continuedUsage.map { $0 + own } ?? own
    }

    /// Takes what arrived together and adds what is to be delivered, neighbouring deltas of one kind merged.
    mutating func take(
        _ events: [InferenceEvent],
        at now: ContinuousClock.Instant,
        into outputs: inout [PipelineOutput]
    ) {
        for event in events where !self.isFinished {
            switch event {
            case .textDelta(let text): self.take(text: text, at: now, into: &outputs)
            case .reasoningDelta(let text):
                self.answering?.reasoningBytes += text.utf8.count
                // An attempt that goes on has its own thoughts about it, which nobody asked for twice.
                guard self.answering?.seam == nil else { continue }
                self.sent.reasoningBytes += text.utf8.count
                self.append(event, at: now, to: &outputs)
            case .reasoningSignature:
                if self.answering?.seam == nil { self.append(event, at: now, to: &outputs) }
            case .toolCallDelta(let delta):
                self.answering?.toolCallBytes += delta.argumentsFragment.utf8.count
                self.sent.hasOther = true
                self.append(event, at: now, to: &outputs)
            case .refusalDelta(let text):
                self.answering?.textBytes += text.utf8.count
                self.sent.hasOther = true
                self.append(event, at: now, to: &outputs)
            case .citation, .logprobs: self.append(event, at: now, to: &outputs)
            case .usage(let usage): self.answering?.take(usage)
            case .finished(let reason):
                self.take(text: nil, at: now, into: &outputs)
                self.finishReason = reason
            }
        }
        let isWhole = self.isFinished
        self.answering?.count(isWhole: isWhole)
    }

    /// - Parameter text: `nil` at the end, where what a seam still holds is given out.
    private mutating func take(
        text: String?, at now: ContinuousClock.Instant, into outputs: inout [PipelineOutput]
    ) {
        self.answering?.textBytes += text?.utf8.count ?? 0
        var fresh = text ?? ""
        if self.answering?.seam != nil {
            fresh = (text.map { self.answering?.seam?.take($0) } ?? self.answering?.seam?.finish()) ?? ""
        }
        guard !fresh.isEmpty else { return }
        self.sent.textBytes += fresh.utf8.count
        if self.request.routing.recovery == .continue { self.text += fresh }
        self.append(.textDelta(fresh), at: now, to: &outputs)
    }

    private mutating func append(
        _ event: InferenceEvent,
        at now: ContinuousClock.Instant,
        to outputs: inout [PipelineOutput]
    ) {
        if self.firstOutputAt == nil { self.firstOutputAt = now }
        if case .delta(let last) = outputs.last, let merged = last.merged(with: event) {
            outputs[outputs.count - 1] = .delta(merged)
        } else {
            outputs.append(.delta(event))
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

    /// What the client is told of a failure.
    func error(for error: any Error, at now: ContinuousClock.Instant) -> RequestError {
        switch error {
        case let failure as RoutingFailure:
            let cause = RequestError(failure)
            return cause == .cancelled ? self.cancellation(at: now) : cause
        case let interruption as Interruption: return .interrupted(interruption.attempt, sent: self.sent)
        // The client left: its transport or its cancellation says so, in errors of many types.
        default: return self.cancellation(at: now)
        }
    }

    private func cancellation(at now: ContinuousClock.Instant) -> RequestError {
        guard let deadline = self.deadline else { return .cancelled }
        // The transport's timers count in milliseconds and may be one early.
        return now >= deadline - .milliseconds(2) ? .deadlineExceeded : .cancelled
    }

    /// The record of the request, which has just ended.
    func record(failure: RequestFailure?, attempts: [Attempt], at now: ContinuousClock.Instant) -> RequestRecord {
        let waits = self.loads.ended(attempts, at: now)
        return RequestRecord(
            id: self.request.id,
            requestedModel: self.request.target.description,
            model: self.answering?.model ?? attempts.last?.model,
            startedAtMicroseconds: self.time.microsecondsSince1970,
            latency: self.arrival.duration(to: now),
            firstTokenLatency: self.firstOutputAt.map { self.arrival.duration(to: $0) },
            queueTime: waits.queueTime,
            loadTime: waits.loadTime,
            // What was produced is counted, also when the client did not wait for the end.
            usage: self.completion?.usage ?? self.totalUsage,
            cost: attempts.totalCost,
            finishReason: self.completion?.finishReason,
            attempts: attempts,
            status: failure?.code.name ?? "OK",
            errorMessage: failure?.message,
            isStreamed: self.delivery == .streamed,
            client: self.client,
            tags: self.request.routing.tags,
            metadata: self.request.metadata,
            traceID: self.request.trace?.traceID
        )
    }

    /// The record of a request for vectors that went well.
    func record(of outcome: EmbeddingOutcome) -> RequestRecord {
        RequestRecord(
            id: self.request.id,
            requestedModel: self.request.target.description,
            model: outcome.model,
            startedAtMicroseconds: self.time.microsecondsSince1970,
            latency: outcome.latency,
            usage: outcome.usage,
            cost: outcome.cost,
            finishReason: .stop,
            attempts: outcome.attempts,
            status: "OK",
            isStreamed: false,
            client: self.client,
            tags: self.request.routing.tags,
            metadata: self.request.metadata,
            traceID: self.request.trace?.traceID
        )
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

/// What one attempt has said so far.
private struct AnsweringAttempt: Sendable {
    let model: ModelID
    let prices: ModelPrices?
    /// For an attempt that goes on from what another one said.
    var seam: Seam?
    /// Bytes of the begun answer that it was given.
    let prefillBytes: Int
    var usage: Usage?
    var textBytes = 0
    var reasoningBytes = 0
    var toolCallBytes = 0
    var meter: OutputMeter

    var outputBytes: Int { self.textBytes + self.reasoningBytes + self.toolCallBytes }

    mutating func take(_ usage: Usage) {
        self.usage = usage
        self.meter.note(usage, atBytes: self.outputBytes)
    }

    /// Counts the tokens of what has come so far.
    mutating func count(isWhole: Bool) { self.meter.update(bytes: self.outputBytes, isWhole: isWhole) }
}

/// An upstream failed after it had begun to answer, and nobody took over.
struct Interruption: Error {
    let attempt: Attempt
}

extension [Attempt] {
    /// What all of them cost together; `nil` when no price is known.
    var totalCost: Cost? {
        self.reduce(nil) { sum, attempt in
            guard let cost = attempt.cost else { return sum }
            return sum.map { $0 + cost } ?? cost
        }
    }
}

extension Usage {
    /// Of two attempts that made one answer.
    fileprivate static func + (left: Usage, right: Usage) -> Usage {
        Usage(
            inputTokens: left.inputTokens + right.inputTokens,
            outputTokens: left.outputTokens + right.outputTokens,
            cachedInputTokens: left.cachedInputTokens + right.cachedInputTokens,
            cacheWriteInputTokens: left.cacheWriteInputTokens + right.cacheWriteInputTokens,
            reasoningTokens: left.reasoningTokens + right.reasoningTokens,
            audioInputTokens: left.audioInputTokens + right.audioInputTokens,
            audioOutputTokens: left.audioOutputTokens + right.audioOutputTokens,
            isEstimated: left.isEstimated || right.isEstimated
        )
    }
}
