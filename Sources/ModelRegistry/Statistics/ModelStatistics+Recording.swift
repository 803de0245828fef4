package import Inference

extension DecayingAverage {
    /// Adds a sample. One that comes late counts as much as it would have had it come in time.
    package mutating func add(_ sample: Double, at now: Int64) {
        guard sample.isFinite else { return }
        let elapsed = now.subtractingReportingOverflow(self.updatedAtMicroseconds)
        guard self.weight > 0, !elapsed.overflow else {
            self.weight = 1
            self.sum = sample
            self.updatedAtMicroseconds = now
            return
        }
        let factor = Decay.factor(elapsedMicroseconds: abs(elapsed.partialValue), halfLife: Self.halfLife)
        if elapsed.partialValue >= 0 {
            self.weight = self.weight * factor + 1
            self.sum = self.sum * factor + sample
            self.updatedAtMicroseconds = now
        } else {
            self.weight += factor
            self.sum += sample * factor
        }
    }
}

extension WeeklyPattern {
    /// After so long a count is worth half.
    package static let halfLife = Duration.seconds(28 * 86_400)

    /// Counts a use. What was counted before is worth less from hour to hour.
    package mutating func add(at now: Int64) {
        if self.uses.count != HourOfWeek.count { self.uses = Array(repeating: 0, count: HourOfWeek.count) }
        let factor = self.factor(at: now)
        if factor != 1 {
            for hour in self.uses.indices { self.uses[hour] *= factor }
        }
        self.updatedAtMicroseconds = max(now, self.updatedAtMicroseconds)
        self.uses[HourOfWeek.index(atMicroseconds: now)] += 1
    }

    /// What the counts are worth at a time, by hour of the week.
    package func uses(at now: Int64) -> [Double] {
        let factor = self.factor(at: now)
        return self.uses.map { $0 * factor }
    }

    /// By whole hours: within one, counting costs an addition instead of 168 multiplications.
    private func factor(at now: Int64) -> Double {
        guard self.updatedAtMicroseconds > 0 else { return 1 }
        let hours =
            HourOfWeek.hour(atMicroseconds: now) - HourOfWeek.hour(atMicroseconds: self.updatedAtMicroseconds)
        guard hours > 0 else { return 1 }
        return Decay.factor(elapsedMicroseconds: hours * 3_600_000_000, halfLife: Self.halfLife)
    }
}

/// How one model did on one request.
package struct UseSample: Sendable, Hashable {
    package enum Outcome: Sendable, Hashable {
        case success
        /// The model's or its provider's failure.
        case failure
        /// The client left, or the request itself was at fault: it says nothing of the model.
        case neutral
    }

    package var outcome: Outcome
    /// Microseconds since 1970-01-01 UTC at which it was asked, or a little later.
    package var atMicroseconds: Int64
    package var latency: Duration
    /// For streamed answers, from asking this model.
    package var firstTokenLatency: Duration?
    package var inputTokens: Int
    package var outputTokens: Int

    package init(
        _ outcome: Outcome,
        atMicroseconds: Int64,
        latency: Duration = .zero,
        firstTokenLatency: Duration? = nil,
        inputTokens: Int = 0,
        outputTokens: Int = 0
    ) {
        self.outcome = outcome
        self.atMicroseconds = atMicroseconds
        self.latency = latency
        self.firstTokenLatency = firstTokenLatency
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
    }

    /// Tokens for each second; from the first token on where that is known. `nil` when the time is too short to tell.
    package var tokensPerSecond: Double? {
        guard self.outputTokens > 0 else { return nil }
        if let first = self.firstTokenLatency, self.outputTokens > 1 {
            let rest = (self.latency - first).inSeconds
            // An answer that came in one piece says nothing of its speed after the first token.
            if rest >= 0.001 { return Double(self.outputTokens - 1) / rest }
        }
        let whole = self.latency.inSeconds
        return whole >= 0.001 ? Double(self.outputTokens) / whole : nil
    }
}

extension ModelStatistics {
    /// Counts a request.
    package mutating func record(_ sample: UseSample) {
        let now = sample.atMicroseconds
        self.uses += 1
        self.lastUsedAtMicroseconds = max(self.lastUsedAtMicroseconds, now)
        self.hours.add(at: now)
        self.inputTokens &+= Int64(max(0, sample.inputTokens))
        self.outputTokens &+= Int64(max(0, sample.outputTokens))
        switch sample.outcome {
        case .neutral: return
        case .failure:
            self.failures += 1
            self.success.add(0, at: now)
        case .success:
            self.success.add(1, at: now)
            self.latency.add(sample.latency.inSeconds, at: now)
            if let first = sample.firstTokenLatency { self.firstTokenLatency.add(first.inSeconds, at: now) }
            if let speed = sample.tokensPerSecond { self.tokensPerSecond.add(speed, at: now) }
        }
    }
}

extension UseSample {
    /// What a request says of every model that it asked. Those that it passed over unasked are not among them.
    package static func samples(of record: RequestRecord) -> [(model: ModelID, sample: UseSample)] {
        record.attempts.compactMap { attempt in
            guard let fault = attempt.fault else { return (attempt.model, self.answered(record, attempt)) }
            // The router's mark of a candidate that could not be asked at all.
            if fault.kind == .unreachable && attempt.duration == .zero { return nil }
            let outcome: Outcome =
                switch fault.kind {
                case .cancelled, .diverged, .invalidRequest, .contextLengthExceeded: .neutral
                default: .failure
                }
            let at = record.startedAtMicroseconds
            return (attempt.model, UseSample(outcome, atMicroseconds: at, latency: attempt.duration))
        }
    }

    private static func answered(_ record: RequestRecord, _ attempt: Attempt) -> UseSample {
        // The record counts from the request's arrival, the model from when it was asked.
        let before = max(.zero, record.latency - attempt.duration)
        return UseSample(
            record.status == "OK" ? .success : .neutral,
            atMicroseconds: record.startedAtMicroseconds,
            latency: attempt.duration,
            firstTokenLatency: record.isStreamed ? record.firstTokenLatency.map { max(.zero, $0 - before) } : nil,
            inputTokens: record.usage?.inputTokens ?? 0,
            outputTokens: record.usage?.outputTokens ?? 0
        )
    }
}

extension Duration {
    fileprivate var inSeconds: Double {
        let (seconds, attoseconds) = self.components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
