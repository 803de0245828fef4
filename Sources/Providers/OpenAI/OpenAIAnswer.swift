internal import CSimdJSON
import Inference

extension AnswerParser {
    /// Calls `body` with the fields of a chunk or a whole completion.
    ///
    /// - Parameter withLogprobs: whether the probabilities of tokens were asked for.
    /// - Throws: ``UpstreamFault/Kind/malformed`` when the text is not what the wire format promises.
    func answer<Result>(
        _ text: Span<UInt8>, withLogprobs: Bool, _ body: (borrowing OpenAIAnswer) throws(UpstreamFault) -> Result
    ) throws(UpstreamFault) -> Result {
        var raw = unsafe csj_answer()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_answer(self.handle, bytes.baseAddress, bytes.count, withLogprobs, &raw)
        }
        guard status == CSJ_OK else { throw unsafe Self.fault(status, field: raw.field, text) }
        return try body(unsafe OpenAIAnswer(raw: raw))
    }
}

/// The fields of one chunk or completion. Texts become strings only when asked for.
@safe struct OpenAIAnswer: ~Copyable {
    private let raw: csj_answer

    fileprivate init(raw: csj_answer) {
        unsafe self.raw = unsafe raw
    }

    /// Whether the text had `choices` at all, empty or not.
    var hasChoices: Bool { unsafe self.raw.has_choices }
    var choiceCount: Int { unsafe self.raw.choice_count }
    var content: String? { unsafe self.raw.content.nonEmptyString }
    var reasoning: String? { unsafe self.raw.reasoning.nonEmptyString }
    /// The entries of `logprobs.content` as JSON, joined by commas; `nil` unless they were asked for.
    var logprobs: String? { unsafe self.raw.logprobs.nonEmptyString }
    var refusal: String? { unsafe self.raw.refusal.nonEmptyString }
    /// `nil` while it is absent, null or empty.
    var finishReason: String? { unsafe self.raw.finish_reason.nonEmptyString }
    var error: UpstreamErrorDetail? { unsafe UpstreamErrorDetail(self.raw.error) }

    /// `nil` when there is none, and when all of it is zero: some servers write that on every chunk.
    ///
    /// - Parameter withCost: whether `cost` is the upstream's bill in USD.
    func usage(withCost: Bool) -> Usage? { unsafe Usage(self.raw.usage, withCost: withCost) }

    var toolCallCount: Int { unsafe self.raw.tool_call_count }

    func toolCall(at place: Int) -> OpenAIToolCallFragment? {
        guard unsafe place < self.raw.tool_call_count, let call = unsafe self.raw.tool_calls?[place] else { return nil }
        return unsafe OpenAIToolCallFragment(
            index: call.has_index ? Int(call.index) : nil,
            id: call.id.nonEmptyString,
            name: call.name.nonEmptyString,
            arguments: call.arguments.string ?? ""
        )
    }

    var reasoningDetailCount: Int { unsafe self.raw.reasoning_detail_count }

    func reasoningDetail(at place: Int) -> OpenRouterReasoningDetail? {
        guard unsafe place < self.raw.reasoning_detail_count, let detail = unsafe self.raw.reasoning_details?[place]
        else { return nil }
        return unsafe OpenRouterReasoningDetail(
            isSummary: detail.type.string == "reasoning.summary",
            text: detail.text.string ?? "",
            signature: detail.signature.nonEmptyString,
            id: detail.id.nonEmptyString,
            format: detail.format.nonEmptyString,
            index: detail.index < 0 ? nil : detail.index,
            whole: detail.whole.nonEmptyString
        )
    }

    var citationCount: Int { unsafe self.raw.citation_count }

    func citation(at place: Int) -> Citation? {
        guard unsafe place < self.raw.citation_count, let citation = unsafe self.raw.citations?[place] else {
            return nil
        }
        return unsafe Citation(
            url: citation.url.nonEmptyString,
            title: citation.title.nonEmptyString,
            citedText: citation.content.nonEmptyString,
            startIndex: citation.start_index < 0 ? nil : Int(citation.start_index),
            endIndex: citation.end_index < 0 ? nil : Int(citation.end_index)
        )
    }
}

extension Usage {
    fileprivate init?(_ raw: csj_openai_usage, withCost: Bool) {
        guard raw.present else { return nil }
        let cost = withCost ? Self.cost(raw) : nil
        guard raw.prompt_tokens > 0 || raw.completion_tokens > 0 || (cost ?? 0) > 0 else { return nil }
        self.init(
            inputTokens: Int(raw.prompt_tokens),
            outputTokens: Int(raw.completion_tokens),
            cachedInputTokens: Int(raw.cached_tokens),
            cacheWriteInputTokens: Int(raw.cache_write_tokens),
            reasoningTokens: Int(raw.reasoning_tokens),
            audioInputTokens: Int(raw.audio_input_tokens),
            audioOutputTokens: Int(raw.audio_output_tokens),
            reportedCostNanoUSD: cost
        )
    }

    /// What OpenRouter charged, in nano-USD.
    ///
    /// With a key of one's own for the provider behind it, that provider's bill comes on top of OpenRouter's fee. Without
    /// one, `upstream_inference_cost` is the same money once more.
    private static func cost(_ raw: csj_openai_usage) -> Int64? {
        guard raw.cost >= 0, let charged = self.nanoUSD(raw.cost) else { return nil }
        let isOwnKey = raw.is_byok == 1 || (raw.is_byok < 0 && charged == 0)
        guard isOwnKey, raw.upstream_cost > 0, let upstream = self.nanoUSD(raw.upstream_cost) else { return charged }
        let (sum, overflow) = charged.addingReportingOverflow(upstream)
        return overflow ? nil : sum
    }

    /// The shortest decimal number that is this `Double` is the one that the upstream wrote.
    private static func nanoUSD(_ usd: Double) -> Int64? {
        DecimalNumber(usd.description)?.scaled(by: 9, toNearest: true)
    }
}

extension AnswerParser {
    /// The answer of `/embeddings` with `expected` vectors.
    ///
    /// - Throws: ``UpstreamFault/Kind/malformed`` naming the field; the upstream's own words when it put an `error` in the
    ///   place of an answer.
    func embeddings(
        _ text: Span<UInt8>, expected: Int, withCost: Bool
    ) throws(UpstreamFault) -> EmbeddingAnswer {
        var raw = unsafe csj_embeddings()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_embeddings(self.handle, bytes.baseAddress, bytes.count, expected, &raw)
        }
        guard status == CSJ_OK else { throw unsafe Self.fault(status, field: raw.field, text) }
        if let error = unsafe UpstreamErrorDetail(raw.error) { throw OpenAIFaults.inStream(error, text.excerpt) }
        let (count, dimensions) = unsafe (raw.count, raw.dimensions)
        let values = unsafe UnsafeBufferPointer(start: raw.values, count: count * dimensions)
        let vectors = (0..<count).map { place in
            unsafe Array(values[(place * dimensions)..<((place + 1) * dimensions)])
        }
        return unsafe EmbeddingAnswer(vectors: vectors, usage: Usage(raw.usage, withCost: withCost))
    }
}
