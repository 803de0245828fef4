import Inference

/// The figures of ``Usage`` that few requests have, as JSON: a column for each would cost every request.
struct MoreTokens: Codable {
    var cacheWrite: Int?
    var audioInput: Int?
    var audioOutput: Int?
    var reportedCostNanoUSD: Int64?

    /// - Returns: `nil` when there are none.
    init?(_ usage: Usage) {
        self.cacheWrite = usage.cacheWriteInputTokens == 0 ? nil : usage.cacheWriteInputTokens
        self.audioInput = usage.audioInputTokens == 0 ? nil : usage.audioInputTokens
        self.audioOutput = usage.audioOutputTokens == 0 ? nil : usage.audioOutputTokens
        self.reportedCostNanoUSD = usage.reportedCostNanoUSD
        guard
            self.cacheWrite != nil || self.audioInput != nil || self.audioOutput != nil
                || self.reportedCostNanoUSD != nil
        else { return nil }
    }

    func add(to usage: inout Usage) {
        usage.cacheWriteInputTokens = self.cacheWrite ?? 0
        usage.audioInputTokens = self.audioInput ?? 0
        usage.audioOutputTokens = self.audioOutput ?? 0
        usage.reportedCostNanoUSD = self.reportedCostNanoUSD
    }
}

/// A whole ``Usage`` as JSON: that of an attempt beside others.
struct StoredUsage: Codable {
    var input: Int
    var output: Int
    var cached: Int?
    var reasoning: Int?
    var isEstimated: Bool?
    var more: MoreTokens?

    init(_ usage: Usage) {
        self.input = usage.inputTokens
        self.output = usage.outputTokens
        self.cached = usage.cachedInputTokens == 0 ? nil : usage.cachedInputTokens
        self.reasoning = usage.reasoningTokens == 0 ? nil : usage.reasoningTokens
        self.isEstimated = usage.isEstimated ? true : nil
        self.more = MoreTokens(usage)
    }

    var usage: Usage {
        var usage = Usage(
            inputTokens: self.input, outputTokens: self.output, cachedInputTokens: self.cached ?? 0,
            reasoningTokens: self.reasoning ?? 0, isEstimated: self.isEstimated ?? false)
        self.more?.add(to: &usage)
        return usage
    }
}
