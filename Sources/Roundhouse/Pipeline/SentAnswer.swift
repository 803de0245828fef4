internal import Inference

/// What a client has of an answer, to the letter. Pure.
struct SentAnswer: Sendable {
    private(set) var text = ""
    private(set) var refusal = ""
    private(set) var reasoning = ""
    /// The fragments of each call in one.
    private(set) var calls: [ToolCallDelta] = []
    private(set) var citations: [Citation] = []
    private(set) var signatureCount = 0

    /// What of an answer must be kept, for the case that another attempt takes over.
    enum Extent: Sendable, Hashable {
        case nothing
        /// To go on from it.
        case text
        /// To compare a fresh attempt with it.
        case all
    }

    /// Whether anything of the answer itself was sent, and not only thoughts.
    var hasWords: Bool { !self.text.isEmpty || !self.refusal.isEmpty || !self.calls.isEmpty }

    mutating func take(_ event: InferenceEvent, _ extent: Extent) {
        switch event {
        case .textDelta(let text): if extent != .nothing { self.text += text }
        case _ where extent != .all: break
        case .refusalDelta(let text): self.refusal += text
        case .reasoningDelta(let text): self.reasoning += text
        case .reasoningSignature: self.signatureCount += 1
        case .toolCallDelta(let delta): self.take(delta)
        case .citation(let citation): self.citations.append(citation)
        case .logprobs, .usage, .finished: break
        }
    }

    private mutating func take(_ delta: ToolCallDelta) {
        guard let place = self.calls.firstIndex(where: { $0.index == delta.index }) else {
            return self.calls.append(delta)
        }
        if let id = delta.id { self.calls[place].id = id }
        if let name = delta.name { self.calls[place].name = name }
        if let signature = delta.signature { self.calls[place].signature = signature }
        self.calls[place].argumentsFragment += delta.argumentsFragment
    }
}
