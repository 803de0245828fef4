internal import Inference
internal import Routing

/// Counts the output tokens of one attempt at its model while they come.
///
/// Tokens are estimated from bytes; where the upstream counts meanwhile, from the bytes since it last did. What it counts at
/// the end is what stays.
struct OutputMeter: Sendable {
    /// Taken once for an attempt: a token costs one addition.
    private let counter: OutputCounter?
    /// What was added to ``counter``.
    private var counted = 0
    /// As the upstream counted last, and the bytes that had come by then.
    private var known = 0
    private var isKnown = false
    private var knownAtBytes = 0

    init(_ counter: OutputCounter?) {
        self.counter = counter
    }

    /// The upstream says how many tokens there are so far.
    mutating func note(_ usage: Usage, atBytes bytes: Int) {
        self.known = max(0, usage.outputTokens)
        self.isKnown = true
        self.knownAtBytes = bytes
    }

    /// - Parameters:
    ///   - bytes: of everything that the attempt has said so far.
    ///   - isWhole: that nothing follows: what the upstream counted is then the truth.
    mutating func update(bytes: Int, isWhole: Bool) {
        let uncounted = isWhole && self.isKnown ? 0 : TokenEstimate.tokens(ofBytes: bytes - self.knownAtBytes)
        let tokens = self.known + uncounted
        guard tokens != self.counted else { return }
        self.counter?.add(tokens - self.counted)
        self.counted = tokens
    }
}
