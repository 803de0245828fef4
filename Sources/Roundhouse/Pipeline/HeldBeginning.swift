internal import Inference

/// Tells how long the beginning of an answer is kept back, so that a failure in it can be hidden. Pure: time is handed in.
struct HeldBeginning: Sendable {
    private let limit: HoldBack
    private var characterCount = 0
    private var firstOutputAt: ContinuousClock.Instant?

    /// - Returns: `nil` when nothing is to be kept back.
    init?(_ limit: HoldBack?) {
        guard let limit, limit.characters != nil || limit.duration != nil else { return nil }
        self.limit = limit
    }

    /// When its time is over; `nil` when it has not begun, or has no end.
    var endsAt: ContinuousClock.Instant? {
        guard let begin = self.firstOutputAt, let duration = self.limit.duration else { return nil }
        return begin + duration
    }

    /// Notes what an attempt says.
    ///
    /// - Returns: whether it is over.
    mutating func take(_ events: [InferenceEvent], at now: ContinuousClock.Instant) -> Bool {
        for event in events where event.isOutput {
            if self.firstOutputAt == nil { self.firstOutputAt = now }
            if self.limit.characters != nil { self.characterCount += event.characterCount }
        }
        if let most = self.limit.characters, self.characterCount >= most { return true }
        return self.endsAt.map { now >= $0 } ?? false
    }

    /// Another attempt begins anew.
    mutating func restart() {
        self.characterCount = 0
        self.firstOutputAt = nil
    }
}

extension InferenceEvent {
    /// Of what a reader sees.
    fileprivate var characterCount: Int {
        switch self {
        case .textDelta(let text), .reasoningDelta(let text), .refusalDelta(let text): text.count
        case .toolCallDelta(let delta): delta.argumentsFragment.count
        case .reasoningSignature, .citation, .logprobs, .usage, .finished: 0
        }
    }
}
