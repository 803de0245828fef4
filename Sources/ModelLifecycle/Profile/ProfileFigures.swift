internal import ModelRegistry

/// What one measured request took.
package struct ProfileSample: Sendable, Hashable {
    /// The whole answer.
    package var latency: Duration
    /// Until the first token; `nil` when none came.
    package var firstToken: Duration?
    package var inputTokens: Int
    package var outputTokens: Int
    /// As the engine says; `nil` when it does not.
    package var tokensPerSecond: Double?

    package init(
        latency: Duration,
        firstToken: Duration? = nil,
        inputTokens: Int = 0,
        outputTokens: Int = 0,
        tokensPerSecond: Double? = nil
    ) {
        self.latency = latency
        self.firstToken = firstToken
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.tokensPerSecond = tokensPerSecond
    }
}

extension ModelProfile {
    /// The figures of all runs that went well. Percentiles are by nearest rank.
    init(
        samples: [ProfileSample],
        failedRuns: Int,
        memoryBytes: Int64,
        madeAtMicroseconds: Int64
    ) {
        self.init()
        let latencies = samples.map(\.latency)
        let firstTokens = samples.compactMap(\.firstToken)
        self.madeAtMicroseconds = madeAtMicroseconds
        self.runs = samples.count + failedRuns
        self.failedRuns = failedRuns
        self.latencyP50 = latencies.percentile(50) ?? .zero
        self.latencyP95 = latencies.percentile(95) ?? .zero
        self.latencyP99 = latencies.percentile(99) ?? .zero
        self.firstTokenP50 = firstTokens.percentile(50) ?? .zero
        self.firstTokenP95 = firstTokens.percentile(95) ?? .zero
        self.tokensPerSecond = Self.tokensPerSecond(samples)
        self.memoryBytes = memoryBytes
        self.inputTokens = samples.map(\.inputTokens).max() ?? 0
        self.outputTokens = samples.map(\.outputTokens).reduce(0, +)
    }

    /// The first token ends the wait for it, so it is not one of those that came while time was measured.
    private static func tokensPerSecond(_ samples: [ProfileSample]) -> Double {
        var tokens = 0
        var time = Duration.zero
        for sample in samples {
            guard let firstToken = sample.firstToken, sample.outputTokens > 1, sample.latency > firstToken else {
                continue
            }
            tokens += sample.outputTokens - 1
            time += sample.latency - firstToken
        }
        if time > .zero { return Double(tokens) / time.inSeconds }
        // Answers that came in one piece: what the engine says is all there is.
        let said = samples.compactMap(\.tokensPerSecond)
        return said.isEmpty ? 0 : said.reduce(0, +) / Double(said.count)
    }
}
