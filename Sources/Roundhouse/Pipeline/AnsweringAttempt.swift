internal import Inference
internal import Routing

/// What one attempt has said so far.
struct AnsweringAttempt: Sendable {
    /// How it stands to what others said before.
    enum Role: Sendable, Hashable {
        /// Nothing of theirs stands.
        case fresh
        /// It was given what was sent, and goes on from there.
        case continues
        /// It begins anew, and goes on from what was sent if it says the same. Else what was sent is declared void, or the
        /// attempt is given up.
        case aligns(voids: Bool)
    }

    let model: ModelID
    let prices: ModelPrices?
    /// For an attempt that goes on from what another one said.
    var seam: Seam?
    /// Bytes of the begun answer that it was given.
    let prefillBytes: Int
    /// Whether the client has, or will have, what it said.
    var isPart: Bool
    /// It said something else than what was sent, and nobody wants the rest.
    var isGivenUp = false
    /// Whether its first thoughts are not passed on: the client has others that lead to the same answer.
    var mutesFirstThoughts = false
    private(set) var usage: Usage?
    private(set) var textBytes = 0
    private(set) var reasoningBytes = 0
    private(set) var toolCallBytes = 0
    private var meter: OutputMeter

    /// - Parameter sent: the text that was sent before, where it goes on from it.
    init(_ model: ModelID, prices: ModelPrices?, output: OutputCounter?, role: Role, sent: String) {
        self.model = model
        self.prices = prices
        self.seam = role == .continues ? Seam(after: sent) : nil
        self.prefillBytes = role == .continues ? sent.utf8.count : 0
        self.isPart = role == .fresh || role == .continues
        self.meter = OutputMeter(output)
    }

    var outputBytes: Int { self.textBytes + self.reasoningBytes + self.toolCallBytes }

    /// Whether what it thinks now is passed on. One that goes on has its own thoughts about it, which nobody asked for
    /// twice.
    var mutesThoughts: Bool { self.seam != nil || self.mutesFirstThoughts }

    /// Counts what it says, whether it is passed on or not.
    mutating func note(_ event: InferenceEvent) {
        switch event {
        case .textDelta(let text), .refusalDelta(let text): self.textBytes += text.utf8.count
        case .reasoningDelta(let text): self.reasoningBytes += text.utf8.count
        case .toolCallDelta(let delta): self.toolCallBytes += delta.argumentsFragment.utf8.count
        case .usage(let usage):
            self.usage = usage
            self.meter.note(usage, atBytes: self.outputBytes)
        case .reasoningSignature, .citation, .logprobs, .finished: break
        }
    }

    /// Counts the tokens of what has come so far.
    mutating func count(isWhole: Bool) { self.meter.update(bytes: self.outputBytes, isWhole: isWhole) }
}

extension Usage {
    /// Of two attempts that made one answer.
    static func + (left: Usage, right: Usage) -> Usage {
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
