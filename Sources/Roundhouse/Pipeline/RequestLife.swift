internal import Inference
internal import Routing

/// What is known of a request under way. Pure: time is handed in.
struct RequestLife: Sendable {
    let request: InferenceRequest
    private let delivery: UpstreamRequest.Delivery
    private let deadline: ContinuousClock.Instant?
    private let arrival: ContinuousClock.Instant
    private let time: WallTime

    private var answering: (model: ModelID, beganAt: ContinuousClock.Instant)?
    private var failedAttempts: [Attempt] = []
    private var firstOutputAt: ContinuousClock.Instant?
    private var usage: Usage?
    private var sent = SentOutput()
    private var toolCallBytes = 0
    private var completion: Completion?

    init(
        request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        deadline: ContinuousClock.Instant?,
        arrival: ContinuousClock.Instant,
        time: WallTime
    ) {
        self.request = request
        self.delivery = delivery
        self.deadline = deadline
        self.arrival = arrival
        self.time = time
    }

    /// Whether ``PipelineOutput/completed(_:)`` was made.
    var isComplete: Bool { self.completion != nil }

    mutating func started(_ routed: RoutedStream) {
        self.answering = (routed.model, routed.beganAt)
        self.failedAttempts = routed.failedAttempts
    }

    /// Takes what arrived together and adds what is to be delivered, neighbouring deltas of one kind merged.
    mutating func take(
        _ events: [InferenceEvent],
        at now: ContinuousClock.Instant,
        into outputs: inout [PipelineOutput]
    ) {
        for event in events where !self.isComplete {
            switch event {
            case .textDelta(let text):
                self.sent.textBytes += text.utf8.count
                self.append(event, at: now, to: &outputs)
            case .reasoningDelta(let text):
                self.sent.reasoningBytes += text.utf8.count
                self.append(event, at: now, to: &outputs)
            case .toolCallDelta(let delta):
                self.toolCallBytes += delta.argumentsFragment.utf8.count
                self.append(event, at: now, to: &outputs)
            case .refusalDelta(let text):
                self.sent.textBytes += text.utf8.count
                self.append(event, at: now, to: &outputs)
            case .reasoningSignature, .citation:
                self.append(event, at: now, to: &outputs)
            case .usage(let usage):
                self.usage = usage
            case .finished(let reason):
                outputs.append(.completed(self.complete(reason, at: now)))
            }
        }
    }

    /// Notes that it failed.
    ///
    /// - Returns: what the client is told.
    mutating func failed(_ error: any Error, at now: ContinuousClock.Instant) -> RequestError {
        switch error {
        case let failure as RoutingFailure:
            if case .allFailed(let attempts) = failure { self.failedAttempts = attempts }
            let cause = RequestError(failure)
            return cause == .cancelled ? self.cancellation(at: now) : cause
        case let fault as UpstreamFault where fault.kind != .cancelled:
            guard let answering = self.answering else { return self.cancellation(at: now) }
            let attempt = Attempt(
                model: answering.model,
                duration: answering.beganAt.duration(to: now),
                fault: fault
            )
            self.failedAttempts.append(attempt)
            return .interrupted(attempt, sent: self.sent)
        default:
            // The client left: its transport or its cancellation says so, in errors of many types.
            return self.cancellation(at: now)
        }
    }

    private func cancellation(at now: ContinuousClock.Instant) -> RequestError {
        guard let deadline = self.deadline else { return .cancelled }
        // The transport's timers count in milliseconds and may be one early.
        return now >= deadline - .milliseconds(2) ? .deadlineExceeded : .cancelled
    }

    /// The record of the request, which has just ended.
    func record(failure: RequestFailure?, at now: ContinuousClock.Instant) -> RequestRecord {
        RequestRecord(
            id: self.request.id,
            requestedModel: self.request.target.description,
            model: self.answering?.model ?? self.failedAttempts.last?.model,
            startedAtMicroseconds: self.time.microsecondsSince1970,
            latency: self.arrival.duration(to: now),
            firstTokenLatency: self.firstOutputAt.map { self.arrival.duration(to: $0) },
            // What was produced is counted, also when the client did not wait for the end.
            usage: self.completion?.usage ?? (self.answering == nil ? nil : self.usage ?? self.estimatedUsage()),
            finishReason: self.completion?.finishReason,
            attempts: self.completion?.attempts ?? self.failedAttempts,
            status: failure?.code.name ?? "OK",
            errorMessage: failure?.message,
            isStreamed: self.delivery == .streamed,
            metadata: self.request.metadata
        )
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

    private mutating func complete(_ reason: FinishReason, at now: ContinuousClock.Instant) -> Completion {
        var attempts = self.failedAttempts
        if let answering = self.answering {
            attempts.append(Attempt(model: answering.model, duration: answering.beganAt.duration(to: now)))
        }
        let completion = Completion(
            finishReason: reason,
            usage: self.usage ?? self.estimatedUsage(),
            attempts: attempts,
            firstTokenLatency: self.firstOutputAt.map { self.arrival.duration(to: $0) },
            latency: self.arrival.duration(to: now)
        )
        self.completion = completion
        return completion
    }

    private func estimatedUsage() -> Usage {
        Usage(
            inputTokens: TokenEstimate.input(of: self.request.messages),
            outputTokens: TokenEstimate.tokens(
                ofBytes: self.sent.textBytes + self.sent.reasoningBytes + self.toolCallBytes
            ),
            reasoningTokens: TokenEstimate.tokens(ofBytes: self.sent.reasoningBytes),
            isEstimated: true
        )
    }
}

/// Guesses tokens from bytes, for upstreams that do not say: about four bytes a token, and four tokens around each
/// message for the chat template.
enum TokenEstimate {
    static func tokens(ofBytes bytes: Int) -> Int { (bytes + 3) / 4 }

    static func input(of messages: [Message]) -> Int {
        messages.reduce(0) { $0 + self.tokens(ofBytes: $1.text.utf8.count) + 4 }
    }
}

extension InferenceEvent {
    /// Both events in one, when they are deltas of the same thing.
    func merged(with next: InferenceEvent) -> InferenceEvent? {
        switch (self, next) {
        case (.textDelta(let first), .textDelta(let second)):
            .textDelta(first + second)
        case (.reasoningDelta(let first), .reasoningDelta(let second)):
            .reasoningDelta(first + second)
        case (.toolCallDelta(let first), .toolCallDelta(let second))
        where first.index == second.index && second.id == nil && second.name == nil:
            .toolCallDelta(
                ToolCallDelta(
                    index: first.index,
                    id: first.id,
                    name: first.name,
                    argumentsFragment: first.argumentsFragment + second.argumentsFragment
                )
            )
        default:
            nil
        }
    }
}
