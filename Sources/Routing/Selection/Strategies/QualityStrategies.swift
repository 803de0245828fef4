/// By what the request is to be expected to cost; of unknown price last.
struct CostStrategy: SelectionStrategy {
    let name = "cost_optimized"

    /// Nano-USD.
    func score(_ pool: inout CandidatePool) {
        for index in pool.indices {
            let cost = pool.expectedNanoUSD(at: index)
            pool.scores[index] = cost.isFinite ? cost : CandidatePool.unknown
        }
    }
}

/// By quality, latency and success together. Each is 0...1 within the pool: the quality as configured, the quickest
/// expected latency over one's own, the expected success. What nobody knows of a model is taken to be as with the
/// others on average.
struct PerformanceStrategy: SelectionStrategy {
    let name = "performance_based"

    /// What is missing to perfection, 0...1.
    func score(_ pool: inout CandidatePool) {
        let weights = Self.normalized(pool.table.policy.performance)
        var quickest = Double.infinity
        var quality = Average()
        for index in pool.indices {
            let latency = pool.expectedNanoseconds(at: index)
            pool.scores[index] = latency
            if latency < quickest { quickest = latency }
            quality.add(pool.table.rows[pool.row(at: index)].qualityScore)
        }
        // A latency of nothing would make all others infinitely worse.
        quickest = max(quickest, 1)
        var speed = Average()
        for index in pool.indices {
            let latency = pool.scores[index]
            let value = latency.isNaN ? -1 : min(quickest / max(latency, 1), 1)
            speed.add(value)
            pool.scores[index] = value
        }
        for index in pool.indices {
            let known = pool.table.rows[pool.row(at: index)].qualityScore
            let reached =
                weights.quality * quality.filling(known)
                + weights.latency * speed.filling(pool.scores[index])
                + weights.success * pool.table.figures[pool.row(at: index)].expectedSuccess(at: pool.now)
            pool.scores[index] = 1 - reached
        }
    }

    private static func normalized(_ weights: PerformanceWeights) -> PerformanceWeights {
        let (quality, latency) = (max(weights.quality, 0), max(weights.latency, 0))
        let success = max(weights.success, 0)
        let sum = quality + latency + success
        guard sum > 0, sum.isFinite else {
            return PerformanceWeights(quality: 1 / 3, latency: 1 / 3, success: 1 / 3)
        }
        return PerformanceWeights(quality: quality / sum, latency: latency / sum, success: success / sum)
    }

    /// Of what is known; -1 is not.
    private struct Average {
        private var sum = 0.0
        private var count = 0.0

        mutating func add(_ value: Double) {
            guard value >= 0 else { return }
            self.sum += value
            self.count += 1
        }

        func filling(_ value: Double) -> Double {
            value >= 0 ? value : self.count > 0 ? self.sum / self.count : 1
        }
    }
}

/// By the expected part of attempts that go well, in steps of 1 %: smaller differences are chance. Then who is ready, then
/// by priority.
struct AvailabilityStrategy: SelectionStrategy {
    let name = "availability_based"
    let readiness = ReadinessUse.amongEquals

    /// Percent that fail.
    func score(_ pool: inout CandidatePool) {
        for index in pool.indices {
            let success = pool.table.figures[pool.row(at: index)].expectedSuccess(at: pool.now)
            pool.scores[index] = ((1 - success) * 100).rounded()
        }
    }
}
