internal import Inference

/// Compares what a fresh attempt says with what was sent of an answer that broke off, so that the client may keep what it
/// has when the fresh one begins in the same way. Pure.
///
/// Words are compared byte by byte, each kind for itself: text, refusal, and of each tool call its name and its arguments.
/// Ids and signatures differ from attempt to attempt and are not: the client has the first ones, which stand. Citations are
/// known again, and left out. As soon as one kind says more than was sent while another has not said as much, the answer is
/// another one.
struct Alignment: Sendable {
    /// What is made of thoughts.
    enum Thoughts: Sendable, Hashable {
        /// They are words like others.
        case compared
        /// Others may lead to the same answer: where words of it were sent they are left out until these have been said
        /// again. Where thoughts alone were sent, they go on if they are the same, and else are left out.
        case free
    }

    enum Finding: Sendable, Hashable {
        /// All that came was sent before, and more of that has to come.
        case open
        /// All that was sent has been said again; the rest is new.
        case aligned([InferenceEvent])
        case differs
    }

    private var text: Words
    private var refusal: Words
    private var thoughts: Words
    private var calls: [Call]
    /// Sent, and not named again yet.
    private var citations: [Citation]
    private var signatureCount: Int
    /// Whether thoughts are let pass, whatever they are.
    private let passesThoughts: Bool
    private let insistsOnThoughts: Bool
    /// New, and kept until all that was sent has been said.
    private var rest: [InferenceEvent] = []
    /// Whether the thoughts that the attempt begins with must not be sent: the client has others.
    private(set) var mutesThoughts = false

    init(with sent: SentAnswer, thoughts: Thoughts) {
        self.text = Words(sent.text)
        self.refusal = Words(sent.refusal)
        self.thoughts = Words(sent.reasoning)
        self.calls = sent.calls.map(Call.init)
        self.citations = sent.citations
        self.insistsOnThoughts = thoughts == .compared
        self.passesThoughts = !self.insistsOnThoughts && sent.hasWords
        self.signatureCount = self.passesThoughts ? 0 : sent.signatureCount
    }

    /// Takes output of the fresh attempt.
    mutating func take(_ event: InferenceEvent) -> Finding {
        switch self.compare(event) {
        case .known: return self.isComplete ? .aligned(self.rest) : .open
        case .aside(let more):
            self.rest.append(more)
            return self.isComplete ? .aligned(self.rest) : .open
        case .new(let more): return self.hasSaidAll ? .aligned(self.rest + [more]) : .differs
        case .otherThoughts where !self.insistsOnThoughts:
            self.mutesThoughts = true
            return .aligned(self.rest)
        case .other, .otherThoughts: return .differs
        }
    }

    /// The fresh attempt has finished. One that is shorter than what was sent differs.
    func finish() -> Finding {
        self.hasSaidAll ? .aligned(self.rest) : .differs
    }

    private enum Comparison {
        /// Nothing new.
        case known
        /// New, and no sign of another answer.
        case aside(InferenceEvent)
        case new(InferenceEvent)
        case other, otherThoughts
    }

    private mutating func compare(_ event: InferenceEvent) -> Comparison {
        switch event {
        case .textDelta(let text):
            guard let more = self.text.take(text) else { return .other }
            return more.isEmpty ? .known : .new(.textDelta(more))
        case .refusalDelta(let text):
            guard let more = self.refusal.take(text) else { return .other }
            return more.isEmpty ? .known : .new(.refusalDelta(more))
        case .reasoningDelta(let text):
            if self.passesThoughts { return .known }
            guard let more = self.thoughts.take(text) else { return .otherThoughts }
            return more.isEmpty ? .known : .new(.reasoningDelta(more))
        case .reasoningSignature:
            if self.passesThoughts { return .known }
            guard self.signatureCount > 0 else {
                // It ends a block of thoughts that had not ended there.
                return self.thoughts.isComplete ? .aside(event) : .otherThoughts
            }
            self.signatureCount -= 1
            return .known
        case .toolCallDelta(let delta): return self.compare(delta)
        case .citation(let citation):
            guard let place = self.citations.firstIndex(of: citation) else { return .aside(event) }
            self.citations.remove(at: place)
            return .known
        // They come before their text: those of text that was sent were sent with it.
        case .logprobs: return self.text.isComplete ? .aside(event) : .known
        case .usage, .finished: return .known
        }
    }

    private mutating func compare(_ delta: ToolCallDelta) -> Comparison {
        guard let place = self.calls.firstIndex(where: { $0.sent.index == delta.index }) else {
            return .new(.toolCallDelta(delta))
        }
        guard let more = self.calls[place].take(delta) else { return .other }
        if !more.argumentsFragment.isEmpty || more.name != nil { return .new(.toolCallDelta(more)) }
        return more.id == nil && more.signature == nil ? .known : .aside(.toolCallDelta(more))
    }

    /// Whether all words that were sent have been said.
    private var hasSaidAll: Bool {
        self.text.isComplete && self.refusal.isComplete && self.calls.allSatisfy(\.isComplete)
            && (!self.insistsOnThoughts || self.thoughts.isComplete)
    }

    /// Whether nothing that was sent may still be said again.
    private var isComplete: Bool {
        self.hasSaidAll && self.citations.isEmpty && self.signatureCount == 0
            && (self.passesThoughts || self.thoughts.isComplete)
    }
}

/// Words of one kind.
private struct Words: Sendable {
    private let sent: [UInt8]
    /// How many bytes of them have been said again.
    private var saidCount = 0

    init(_ sent: String) {
        self.sent = Array(sent.utf8)
    }

    var isComplete: Bool { self.saidCount == self.sent.count }

    /// - Returns: what is new of `text`; `nil` when it is not what was sent.
    mutating func take(_ text: String) -> String? {
        if self.isComplete { return text }
        let bytes = text.utf8
        var place = bytes.startIndex
        while self.saidCount < self.sent.count, place != bytes.endIndex {
            guard bytes[place] == self.sent[self.saidCount] else { return nil }
            self.saidCount += 1
            bytes.formIndex(after: &place)
        }
        // What was sent ends with a whole character, so what is new begins with one.
        return String(text[place...])
    }
}

/// One tool call.
private struct Call: Sendable {
    /// What the client has of it.
    let sent: ToolCallDelta
    private var isNamed: Bool
    private var arguments: Words

    init(_ sent: ToolCallDelta) {
        self.sent = sent
        self.isNamed = sent.name == nil
        self.arguments = Words(sent.argumentsFragment)
    }

    var isComplete: Bool { self.isNamed && self.arguments.isComplete }

    /// - Returns: what is new of a fragment; `nil` when it is not what was sent.
    mutating func take(_ delta: ToolCallDelta) -> ToolCallDelta? {
        if let name = delta.name, let sent = self.sent.name {
            guard name == sent else { return nil }
            self.isNamed = true
        }
        guard let more = self.arguments.take(delta.argumentsFragment) else { return nil }
        return ToolCallDelta(
            index: delta.index,
            id: self.sent.id == nil ? delta.id : nil,
            name: self.sent.name == nil ? delta.name : nil,
            argumentsFragment: more,
            signature: self.sent.signature == nil ? delta.signature : nil)
    }
}
