/// Tokens of one answer, in one meaning for every wire format.
public struct Usage: Sendable, Hashable {
    /// Tokens of the prompt, cached and audio ones included. Anthropic's `input_tokens` leaves the cached ones out: they
    /// are added there.
    public var inputTokens: Int
    /// Tokens produced, reasoning and audio included. Gemini's `candidatesTokenCount` leaves thoughts out: they are added
    /// there.
    public var outputTokens: Int
    /// The part of ``inputTokens`` that the upstream read from its cache.
    public var cachedInputTokens: Int
    /// The part of ``inputTokens`` that the upstream wrote to its cache, where it says so.
    public var cacheWriteInputTokens: Int
    /// The part of ``outputTokens`` that was reasoning.
    public var reasoningTokens: Int
    /// The part of ``inputTokens`` that was sound.
    public var audioInputTokens: Int
    /// The part of ``outputTokens`` that was sound.
    public var audioOutputTokens: Int
    /// What the upstream itself says that it charged, in nano-USD (OpenRouter's `usage.cost`).
    public var reportedCostNanoUSD: Int64?
    /// True when the upstream gave no figures and these are our estimate.
    public var isEstimated: Bool

    public init(
        inputTokens: Int,
        outputTokens: Int,
        cachedInputTokens: Int = 0,
        cacheWriteInputTokens: Int = 0,
        reasoningTokens: Int = 0,
        audioInputTokens: Int = 0,
        audioOutputTokens: Int = 0,
        reportedCostNanoUSD: Int64? = nil,
        isEstimated: Bool = false
    ) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cachedInputTokens = cachedInputTokens
        self.cacheWriteInputTokens = cacheWriteInputTokens
        self.reasoningTokens = reasoningTokens
        self.audioInputTokens = audioInputTokens
        self.audioOutputTokens = audioOutputTokens
        self.reportedCostNanoUSD = reportedCostNanoUSD
        self.isEstimated = isEstimated
    }
}

/// What an answer cost.
public struct Cost: Sendable, Hashable {
    /// In nano-USD (1e-9 USD).
    public var nanoUSD: Int64
    /// True when the tokens, and so the cost, are our estimate.
    public var isEstimated: Bool

    public init(nanoUSD: Int64, isEstimated: Bool = false) {
        self.nanoUSD = nanoUSD
        self.isEstimated = isEstimated
    }

    /// What `usage` costs: what the upstream says that it charged, else by `prices`; `nil` when neither is known.
    ///
    /// Cached tokens are priced as such. Sums are kept in nano-USD per million tokens and divided once, rounded up, so
    /// that no cost becomes nothing.
    public init?(of usage: Usage, at prices: ModelPrices?) {
        if let reported = usage.reportedCostNanoUSD {
            self.init(nanoUSD: reported, isEstimated: false)
            return
        }
        guard let prices else { return nil }
        let cached = min(max(usage.cachedInputTokens, 0), max(usage.inputTokens, 0))
        let parts: [(tokens: Int, price: Int64)] = [
            (max(usage.inputTokens, 0) - cached, prices.input),
            (cached, prices.cachedInput ?? prices.input),
            (max(usage.outputTokens, 0), prices.output),
        ]
        var sum: Int64 = 0
        for part in parts {
            let (product, overflows) = Int64(clamping: part.tokens).multipliedReportingOverflow(by: part.price)
            let (next, overflowsToo) = sum.addingReportingOverflow(product)
            sum = overflows || overflowsToo ? .max : next
        }
        self.init(nanoUSD: sum / 1_000_000 + (sum % 1_000_000 > 0 ? 1 : 0), isEstimated: usage.isEstimated)
    }
}

extension Cost {
    /// Both together, or the most that fits; an estimate in it makes the sum one.
    public static func + (left: Cost, right: Cost) -> Cost {
        let (sum, overflows) = left.nanoUSD.addingReportingOverflow(right.nanoUSD)
        return Cost(nanoUSD: overflows ? .max : sum, isEstimated: left.isEstimated || right.isEstimated)
    }
}
