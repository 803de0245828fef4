internal import CSimdJSON
import Inference

/// The safe face of the part of `CSimdJSON` that reads Gemini's answers.
extension AnswerParser {
    /// Calls `body` with the fields of a chunk or a whole answer.
    ///
    /// - Throws: ``UpstreamFault/Kind/malformed`` when the text is not what the wire format promises.
    func geminiAnswer<Result>(
        _ text: Span<UInt8>, _ body: (borrowing GeminiAnswer) throws(UpstreamFault) -> Result
    ) throws(UpstreamFault) -> Result {
        var raw = unsafe csj_gemini_answer()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_gemini_answer(self.handle, bytes.baseAddress, bytes.count, &raw)
        }
        guard status == CSJ_OK else { throw unsafe Self.fault(status, field: raw.field, text) }
        return try body(unsafe GeminiAnswer(raw: raw))
    }

    /// What the body of an HTTP error says; `nil` when it is not JSON.
    func geminiError(_ text: Span<UInt8>) -> GeminiErrorDetail? {
        var raw = unsafe csj_gemini_error()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_gemini_error(self.handle, bytes.baseAddress, bytes.count, &raw)
        }
        return status == CSJ_OK ? unsafe GeminiErrorDetail(raw) : nil
    }

    /// The vectors of an answer to `batchEmbedContents`, and the tokens that they took.
    func geminiVectors(_ text: Span<UInt8>) throws(UpstreamFault) -> (vectors: [[Float]], promptTokens: Int?) {
        var raw = unsafe csj_gemini_vectors()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_gemini_vectors(self.handle, bytes.baseAddress, bytes.count, &raw)
        }
        guard status == CSJ_OK else { throw unsafe Self.fault(status, field: raw.field, text) }
        var vectors: [[Float]] = []
        unsafe vectors.reserveCapacity(raw.count)
        var start = 0
        for place in unsafe 0..<raw.count {
            guard let length = unsafe raw.lengths?[place] else { break }
            unsafe vectors.append(
                Array(UnsafeBufferPointer(start: raw.values.map { unsafe $0 + start }, count: length)))
            start += length
        }
        return unsafe (vectors, raw.prompt_tokens < 0 ? nil : Int(raw.prompt_tokens))
    }

    /// `totalTokens` of an answer to `countTokens`.
    func geminiCount(_ text: Span<UInt8>) throws(UpstreamFault) -> Int {
        var tokens: Int64 = 0
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_gemini_count(self.handle, bytes.baseAddress, bytes.count, &tokens)
        }
        guard status != CSJ_WRONG_TYPE else {
            throw UpstreamFault(.malformed, "totalTokens is missing or has the wrong type in: \(text.excerpt)")
        }
        guard status == CSJ_OK else { throw unsafe Self.fault(status, field: nil, text) }
        return Int(tokens)
    }
}

/// The fields of one chunk or answer. Texts become strings only when asked for.
@safe struct GeminiAnswer: ~Copyable {
    private let raw: csj_gemini_answer

    fileprivate init(raw: csj_gemini_answer) {
        unsafe self.raw = unsafe raw
    }

    var error: GeminiErrorDetail? { unsafe GeminiErrorDetail(self.raw.error) }
    var candidateCount: Int { unsafe self.raw.candidate_count }
    /// `nil` while it is absent, null, empty or unspecified.
    var finishReason: String? {
        let reason = unsafe self.raw.finish_reason.nonEmptyString
        return reason == "FINISH_REASON_UNSPECIFIED" ? nil : reason
    }
    var finishMessage: String? { unsafe self.raw.finish_message.nonEmptyString }
    var blockReason: String? { unsafe self.raw.block_reason.nonEmptyString }
    var blockMessage: String? { unsafe self.raw.block_message.nonEmptyString }

    var partCount: Int { unsafe self.raw.part_count }

    func part(at place: Int) -> Part? {
        guard unsafe place < self.raw.part_count, let part = unsafe self.raw.parts?[place] else { return nil }
        let signature = unsafe part.signature.nonEmptyString
        return switch unsafe part.kind {
        case CSJ_GEMINI_TEXT: .text(unsafe part.text.string ?? "", signature: signature)
        case CSJ_GEMINI_THOUGHT: .thought(unsafe part.text.string ?? "", signature: signature)
        case CSJ_GEMINI_CALL:
            .call(
                id: unsafe part.call_id.nonEmptyString, name: unsafe part.call_name.string ?? "",
                arguments: unsafe part.call_arguments.nonEmptyString ?? "{}", signature: signature)
        case CSJ_GEMINI_MEDIA: .media
        default: .other
        }
    }

    enum Part: Sendable, Hashable {
        case text(String, signature: String?)
        case thought(String, signature: String?)
        /// - Parameter arguments: a JSON object.
        case call(id: String?, name: String, arguments: String, signature: String?)
        case media
        case other

        /// Whether it adds to what the model says: not so a signature alone.
        var isWords: Bool {
            switch self {
            case .text(let text, _), .thought(let text, _): !text.isEmpty
            case .call: true
            case .media, .other: false
            }
        }
    }

    /// What was found and read, in the order that ``supports`` counts in.
    var sources: [Source] {
        unsafe (0..<self.raw.source_count).compactMap { place in
            guard let source = unsafe self.raw.sources?[place] else { return nil }
            return unsafe Source(
                url: source.uri.nonEmptyString, title: source.title.nonEmptyString, words: source.words.nonEmptyString)
        }
    }

    struct Source: Sendable, Hashable {
        var url: String?
        var title: String?
        var words: String?
    }

    /// Which words of the answer rest on which source.
    var supports: [Support] {
        unsafe (0..<self.raw.support_count).compactMap { place in
            guard let support = unsafe self.raw.supports?[place] else { return nil }
            return Support(source: Int(support.source), range: Self.range(support.start, support.end))
        }
    }

    struct Support: Sendable, Hashable {
        var source: Int
        var range: Range<Int>?
    }

    var citations: [Citation] {
        unsafe (0..<self.raw.citation_count).compactMap { place in
            guard let citation = unsafe self.raw.citations?[place] else { return nil }
            let range = unsafe Self.range(citation.start, citation.end)
            return unsafe Citation(
                url: citation.uri.nonEmptyString, title: citation.title.nonEmptyString,
                startIndex: range?.lowerBound, endIndex: range?.upperBound)
        }
    }

    private static func range(_ start: Int64, _ end: Int64) -> Range<Int>? {
        start >= 0 && end >= start ? Int(start)..<Int(end) : nil
    }

    /// `nil` when there is none, or one of zeros.
    var usage: Usage? {
        guard unsafe self.raw.has_usage else { return nil }
        // The parser lets no count be so large that these sums could overflow.
        let usage = unsafe Usage(
            inputTokens: Int(self.raw.prompt_tokens + self.raw.tool_prompt_tokens),
            outputTokens: Int(self.raw.candidates_tokens + self.raw.thoughts_tokens),
            cachedInputTokens: Int(self.raw.cached_tokens),
            reasoningTokens: Int(self.raw.thoughts_tokens),
            audioInputTokens: Int(self.raw.audio_prompt_tokens),
            audioOutputTokens: Int(self.raw.audio_candidates_tokens)
        )
        return usage.inputTokens > 0 || usage.outputTokens > 0 ? usage : nil
    }
}

/// A `google.rpc.Status`, copied out.
struct GeminiErrorDetail: Sendable, Hashable {
    var code: Int?
    var message: String?
    /// `RESOURCE_EXHAUSTED` and its like.
    var status: String?
    /// `API_KEY_INVALID` and its like.
    var reason: String?
    /// As it was written: `34.5s`.
    var retryDelay: String?

    fileprivate init?(_ raw: csj_gemini_error) {
        guard unsafe raw.present else { return nil }
        unsafe self.code = raw.code == 0 ? nil : Int(raw.code)
        unsafe self.message = raw.message.nonEmptyString
        unsafe self.status = raw.status.nonEmptyString
        unsafe self.reason = raw.reason.nonEmptyString
        unsafe self.retryDelay = raw.retry_delay.nonEmptyString
    }
}
