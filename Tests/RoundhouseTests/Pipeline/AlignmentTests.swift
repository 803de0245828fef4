import Inference
import Testing

@testable import Roundhouse

@Suite("A fresh attempt is compared with what was sent")
struct AlignmentTests {
    private static func sent(_ events: [InferenceEvent]) -> SentAnswer {
        var sent = SentAnswer()
        for event in events { sent.take(event, .all) }
        return sent
    }

    /// What becomes of an attempt that says `events` and then finishes.
    private struct Outcome: Equatable {
        var delivered: [InferenceEvent] = []
        var isAligned = false
        /// How many events it took to find that it differs; one more than there are: its end.
        var differsAfter: Int?
    }

    private func outcome(
        _ events: [InferenceEvent], after sent: [InferenceEvent], thoughts: Alignment.Thoughts = .free
    ) -> Outcome {
        var alignment = Alignment(with: Self.sent(sent), thoughts: thoughts)
        var outcome = Outcome()
        for (place, event) in events.enumerated() {
            if outcome.isAligned {
                outcome.delivered.append(event)
                continue
            }
            switch alignment.take(event) {
            case .open: break
            case .aligned(let rest):
                outcome.isAligned = true
                outcome.delivered = rest
            case .differs:
                outcome.differsAfter = place + 1
                return outcome
            }
        }
        if outcome.isAligned { return outcome }
        if case .aligned(let rest) = alignment.finish() {
            return Outcome(delivered: rest, isAligned: true)
        }
        outcome.differsAfter = events.count + 1
        return outcome
    }

    // MARK: - Text

    /// Texts that agree for a while, of characters with one to four bytes and of such that join with the one before.
    private static let alphabet = ["a", "b", "é", "e", "\u{301}", "漢", "🦊", "\u{1F3FD}", "\r", "\n"]

    private static func text(_ count: Int, _ random: inout SplitMix) -> String {
        (0..<count).map { _ in Self.alphabet[Int.random(in: 0..<Self.alphabet.count, using: &random)] }.joined()
    }

    /// Pieces at the borders of scalars, as an upstream may send them.
    private static func pieces(of text: String, _ random: inout SplitMix) -> [String] {
        var pieces: [String] = []
        var piece = ""
        for scalar in text.unicodeScalars {
            piece.unicodeScalars.append(scalar)
            if Int.random(in: 0..<3, using: &random) == 0 {
                pieces.append(piece)
                piece = ""
            }
        }
        return pieces + [piece]
    }

    @Test(
        "What is delivered makes its text whole if it begins with what was sent; else the first byte that differs tells",
        arguments: 0..<40)
    func anyTexts(seed: UInt64) {
        var random = SplitMix(seed)
        for _ in 0..<50 {
            let common = Self.text(.random(in: 0...12, using: &random), &random)
            let sent = common + Self.text(.random(in: 0...3, using: &random), &random)
            let fresh = common + Self.text(.random(in: 0...6, using: &random), &random)
            guard !sent.isEmpty else { continue }
            let pieces = Self.pieces(of: fresh, &random)
            let outcome = self.outcome(
                pieces.map { .textDelta($0) }, after: Self.pieces(of: sent, &random).map { .textDelta($0) })
            let (sentBytes, freshBytes) = (Array(sent.utf8), Array(fresh.utf8))
            if freshBytes.starts(with: sentBytes) {
                var whole = sent
                for case .textDelta(let text) in outcome.delivered { whole += text }
                #expect(outcome.isAligned && Array(whole.utf8) == freshBytes, "'\(sent)' and '\(fresh)'")
            } else {
                let same = zip(sentBytes, freshBytes).prefix { $0 == $1 }.count
                // The piece that holds the byte, or the end where the text is a beginning of what was sent.
                var length = 0
                let piece = pieces.firstIndex { piece in
                    length += piece.utf8.count
                    return length > same
                }
                #expect(outcome.differsAfter == (piece ?? pieces.count) + 1, "'\(sent)' and '\(fresh)'")
            }
        }
    }

    @Test("Characters that look alike are not the same, and a sign may join with what was sent")
    func bytes() {
        let other = self.outcome([.textDelta("cafe\u{301}")], after: [.textDelta("caf\u{e9}")])
        #expect(other.differsAfter == 1)
        let joined = self.outcome([.textDelta("cafe\u{301}!")], after: [.textDelta("cafe")])
        #expect(joined.delivered == [.textDelta("\u{301}!")])
    }

    @Test("It is aligned as soon as all has been said, before anything follows; a shorter one differs")
    func ends() {
        var alignment = Alignment(with: Self.sent([.textDelta("One. Two.")]), thoughts: .free)
        #expect(alignment.take(.textDelta("One.")) == .open)
        #expect(alignment.finish() == .differs)
        #expect(alignment.take(.textDelta(" Two.")) == .aligned([]))
    }

    // MARK: - Tool calls and refusals

    private static func call(
        _ index: Int, _ arguments: String, id: String? = nil, name: String? = nil
    ) -> InferenceEvent {
        .toolCallDelta(ToolCallDelta(index: index, id: id, name: name, argumentsFragment: arguments))
    }

    @Test("Calls go on under the first id when names and arguments begin alike")
    func calls() {
        let sent = [
            .textDelta("Let me look."), Self.call(0, "", id: "x0", name: "f"), Self.call(0, "{}"),
            Self.call(1, #"{"ci"#, id: "x1", name: "g"),
        ]
        let outcome = self.outcome(
            [
                .textDelta("Let me"), .textDelta(" look."), Self.call(0, "{}", id: "y0", name: "f"),
                Self.call(1, #"{"city":"#, id: "y1", name: "g"), Self.call(1, "1}"),
                Self.call(2, "{}", id: "y2", name: "h"),
            ], after: sent)
        #expect(
            outcome.delivered == [
                Self.call(1, #"ty":"#), Self.call(1, "1}"), Self.call(2, "{}", id: "y2", name: "h"),
            ])
    }

    @Test(
        "Another name, other arguments, one call more or less, or text in place of a call differ at once",
        arguments: [
            ([call(0, "", id: "y", name: "g")], 1),
            ([call(0, #"{"b"#, id: "y", name: "f")], 1),
            ([call(0, #"{"a"#, id: "y", name: "f"), call(0, ":1}")], 2),
            ([call(1, "", id: "y", name: "f")], 1),
            ([.textDelta("No.")], 1),
            ([call(0, #"{"a"#, id: "y", name: "f")], 2),
        ] as [([InferenceEvent], Int)])
    func otherCalls(fresh: [InferenceEvent], differsAfter: Int) {
        let sent = [Self.call(0, #"{"a":2}"#, id: "x", name: "f"), Self.call(0, "")]
        #expect(self.outcome(fresh, after: sent).differsAfter == differsAfter)
    }

    @Test("A refusal is no text")
    func refusal() {
        let sent: [InferenceEvent] = [.refusalDelta("I can")]
        #expect(self.outcome([.refusalDelta("I cannot.")], after: sent).delivered == [.refusalDelta("not.")])
        #expect(self.outcome([.textDelta("I cannot.")], after: sent).differsAfter == 1)
    }

    // MARK: - Thoughts, sources, probabilities

    private static let signature = InferenceEvent.reasoningSignature(ReasoningSignature("s", origin: "o"))

    @Test("Other thoughts that lead to the same text are left out; later ones are not")
    func freeThoughts() {
        let outcome = self.outcome(
            [
                .reasoningDelta("other and longer"), Self.signature, .textDelta("Yes, it is."),
                .reasoningDelta("later"),
            ], after: [.reasoningDelta("some"), Self.signature, .textDelta("Yes")])
        #expect(outcome.delivered == [.textDelta(", it is."), .reasoningDelta("later")])
    }

    @Test("Thoughts alone go on when they are the same, and are left out when they are not")
    func thoughtsAlone() {
        let sent: [InferenceEvent] = [.reasoningDelta("So I")]
        let same = self.outcome([.reasoningDelta("So I think"), Self.signature, .textDelta("Yes")], after: sent)
        #expect(same.delivered == [.reasoningDelta(" think"), Self.signature, .textDelta("Yes")])
        var alignment = Alignment(with: Self.sent(sent), thoughts: .free)
        #expect(alignment.take(.reasoningDelta("Well")) == .aligned([]) && alignment.mutesThoughts)
        alignment = Alignment(with: Self.sent(sent), thoughts: .free)
        #expect(alignment.take(.textDelta("Yes")) == .aligned([.textDelta("Yes")]) && !alignment.mutesThoughts)
        // It thought less, and its proof is not one of what the client has.
        alignment = Alignment(with: Self.sent(sent), thoughts: .free)
        #expect(alignment.take(.reasoningDelta("So")) == .open)
        #expect(alignment.take(Self.signature) == .aligned([]) && alignment.mutesThoughts)
    }

    @Test("Where what was sent can be void, other thoughts are another answer")
    func comparedThoughts() {
        let sent: [InferenceEvent] = [.reasoningDelta("some"), Self.signature, .textDelta("Yes")]
        let other = self.outcome([.reasoningDelta("so"), .reasoningDelta("rry")], after: sent, thoughts: .compared)
        #expect(other.differsAfter == 2)
        let longer = self.outcome([.reasoningDelta("some more")], after: sent, thoughts: .compared)
        #expect(longer.differsAfter == 1)
        let same = self.outcome(
            [.reasoningDelta("some"), Self.signature, .textDelta("Yes!")], after: sent, thoughts: .compared)
        #expect(same.delivered == [.textDelta("!")])
    }

    @Test("A proof of thoughts and a source that the client has are not sent again, and are not waited for")
    func notTwice() {
        let source = InferenceEvent.citation(Citation(url: "u"))
        let other = InferenceEvent.citation(Citation(url: "v"))
        let sent: [InferenceEvent] = [.reasoningDelta("t"), Self.signature]
        let proofs = self.outcome(
            [.reasoningDelta("t"), Self.signature, .textDelta("Yes")], after: sent, thoughts: .compared)
        #expect(proofs.delivered == [.textDelta("Yes")])
        let said = self.outcome(
            [.textDelta("Yes"), source, other, .textDelta("!")], after: [.textDelta("Yes"), source])
        #expect(said.delivered == [other, .textDelta("!")])
        let unsaid = self.outcome([.textDelta("Yes"), .textDelta("!")], after: [.textDelta("Yes"), source])
        #expect(unsaid.delivered == [.textDelta("!")])
        #expect(self.outcome([.textDelta("Yes")], after: [.textDelta("Yes"), source]).isAligned)
    }

    @Test("Probabilities of tokens that were sent are left out, those of new ones come before their text")
    func logprobs() {
        let sent: [InferenceEvent] = [.logprobs("1"), .textDelta("Yes")]
        let outcome = self.outcome(
            [.logprobs("1"), .textDelta("Yes"), .logprobs("2"), .textDelta("!")], after: sent)
        #expect(outcome.delivered == [.logprobs("2"), .textDelta("!")])
    }
}
