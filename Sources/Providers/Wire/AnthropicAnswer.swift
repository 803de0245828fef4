internal import CSimdJSON
import Inference

extension AnswerParser {
    /// Calls `body` with the fields of an event of Anthropic's Messages API, or of a whole message.
    ///
    /// - Throws: ``UpstreamFault/Kind/malformed`` when the text is not what the wire format promises.
    func anthropic<Result>(
        _ text: Span<UInt8>, _ body: (borrowing AnthropicAnswer) throws(UpstreamFault) -> Result
    ) throws(UpstreamFault) -> Result {
        var raw = unsafe csj_anthropic()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_anthropic(self.handle, bytes.baseAddress, bytes.count, &raw)
        }
        guard status == CSJ_OK else { throw unsafe Self.fault(status, field: raw.field, text) }
        return try body(unsafe AnthropicAnswer(raw: raw))
    }
}

/// The fields of one event or message. Texts become strings only when asked for.
@safe struct AnthropicAnswer: ~Copyable {
    private let raw: csj_anthropic

    fileprivate init(raw: csj_anthropic) {
        unsafe self.raw = unsafe raw
    }

    enum Kind: Sendable {
        /// It has no `type`, so it is no text of this wire format.
        case untyped
        /// `ping`, and whatever is invented later.
        case other
        case messageStart, blockStart, blockDelta, blockStop, messageDelta, messageStop
        case error
        /// A message that came whole.
        case message
    }

    var kind: Kind {
        switch unsafe self.raw.kind {
        case CSJ_ANTHROPIC_BLOCK_DELTA: .blockDelta
        case CSJ_ANTHROPIC_BLOCK_START: .blockStart
        case CSJ_ANTHROPIC_BLOCK_STOP: .blockStop
        case CSJ_ANTHROPIC_MESSAGE_START: .messageStart
        case CSJ_ANTHROPIC_MESSAGE_DELTA: .messageDelta
        case CSJ_ANTHROPIC_MESSAGE_STOP: .messageStop
        case CSJ_ANTHROPIC_ERROR: .error
        case CSJ_ANTHROPIC_MESSAGE: .message
        case CSJ_ANTHROPIC_UNTYPED: .untyped
        default: .other
        }
    }

    /// Which content block an event is about; `nil` when it does not say.
    var index: Int? { unsafe self.raw.index < 0 ? nil : Int(self.raw.index) }
    /// Whether a message had `content`, be it empty.
    var hasContent: Bool { unsafe self.raw.has_content }
    var pieceCount: Int { unsafe self.raw.piece_count }
    /// `nil` while it is absent, null or empty.
    var stopReason: String? { unsafe self.raw.stop_reason.nonEmptyString }
    /// The words of `stop_details`.
    var explanation: String? { unsafe self.raw.explanation.nonEmptyString }

    var usage: AnthropicUsage {
        unsafe AnthropicUsage(
            input: Self.count(self.raw.usage.input_tokens),
            cacheCreation: Self.count(self.raw.usage.cache_creation_input_tokens),
            cacheRead: Self.count(self.raw.usage.cache_read_input_tokens),
            output: Self.count(self.raw.usage.output_tokens),
            thinking: Self.count(self.raw.usage.thinking_tokens)
        )
    }

    /// A content block of a message; the block or the delta of an event is at 0.
    func piece(at place: Int) -> AnthropicPiece? {
        guard unsafe place < self.raw.piece_count, let piece = unsafe self.raw.pieces?[place] else { return nil }
        switch unsafe piece.kind {
        case CSJ_ANTHROPIC_PIECE_TEXT: return unsafe .text(piece.text.string ?? "", Self.citations(piece))
        case CSJ_ANTHROPIC_PIECE_THINKING:
            return unsafe .thinking(piece.text.string ?? "", signature: piece.signature.nonEmptyString)
        case CSJ_ANTHROPIC_PIECE_SIGNATURE: return unsafe .signature(piece.signature.string ?? "")
        case CSJ_ANTHROPIC_PIECE_REDACTED: return unsafe .redacted(piece.text.string ?? "")
        case CSJ_ANTHROPIC_PIECE_TOOL:
            return unsafe .tool(
                id: piece.id.nonEmptyString, name: piece.name.nonEmptyString, input: piece.input.nonEmptyString)
        case CSJ_ANTHROPIC_PIECE_ARGUMENTS: return unsafe .arguments(piece.text.string ?? "")
        case CSJ_ANTHROPIC_PIECE_CITATION: return unsafe .citations(Self.citations(piece))
        default: return .other
        }
    }

    private static func count(_ raw: Int64) -> Int? { raw < 0 ? nil : Int(raw) }

    private static func citations(_ piece: csj_anthropic_piece) -> [Citation] {
        guard unsafe piece.citation_count > 0, let first = unsafe piece.citations else { return [] }
        return unsafe UnsafeBufferPointer(start: first, count: piece.citation_count).map { raw in
            unsafe Citation(
                url: raw.url.nonEmptyString, title: raw.title.nonEmptyString,
                citedText: raw.cited_text.nonEmptyString, documentIndex: Self.count(raw.document_index))
        }
    }
}

/// A content block or a delta.
enum AnthropicPiece: Sendable {
    case text(String, [Citation])
    case thinking(String, signature: String?)
    case signature(String)
    /// Thoughts that are not shown, as the upstream wants them back.
    case redacted(String)
    /// - Parameter input: compact JSON; `nil` for an empty object.
    case tool(id: String?, name: String?, input: String?)
    /// A piece of a tool call's arguments.
    case arguments(String)
    case citations([Citation])
    /// One that we do not know.
    case other
}

/// `usage` as the wire has it: the three kinds of input exclude one another. What was not said is `nil`.
struct AnthropicUsage: Sendable, Hashable {
    var input: Int?
    var cacheCreation: Int?
    var cacheRead: Int?
    var output: Int?
    var thinking: Int?

    /// Takes in counts that came later: they are sums, so they take the place of what was known.
    ///
    /// Some servers write zeros for an input that they told before: those say nothing.
    mutating func update(_ later: AnthropicUsage) {
        if (later.input ?? 0) > 0 || (later.cacheCreation ?? 0) > 0 || (later.cacheRead ?? 0) > 0 {
            self.input = later.input ?? self.input
            self.cacheCreation = later.cacheCreation ?? self.cacheCreation
            self.cacheRead = later.cacheRead ?? self.cacheRead
        }
        self.output = later.output ?? self.output
        self.thinking = later.thinking ?? self.thinking
    }

    /// In the meaning of ours, whose input includes what was cached; `nil` when nothing was counted.
    var usage: Usage? {
        let cacheCreation = self.cacheCreation ?? 0
        let cacheRead = self.cacheRead ?? 0
        let input = Self.sum(Self.sum(self.input ?? 0, cacheCreation), cacheRead)
        let output = self.output ?? 0
        guard input > 0 || output > 0 else { return nil }
        return Usage(
            inputTokens: input, outputTokens: output, cachedInputTokens: cacheRead,
            cacheWriteInputTokens: cacheCreation, reasoningTokens: min(self.thinking ?? 0, output))
    }

    private static func sum(_ left: Int, _ right: Int) -> Int {
        let (sum, overflows) = left.addingReportingOverflow(right)
        return overflows ? .max : sum
    }
}
