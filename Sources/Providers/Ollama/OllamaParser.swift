internal import CSimdJSON
import Inference

/// The safe face of what `CSimdJSON` knows of Ollama.
extension AnswerParser {
    /// Calls `body` with the fields of one line of `/api/chat`, or of its whole answer.
    ///
    /// - Parameter withLogprobs: whether the probabilities of tokens were asked for.
    /// - Throws: ``UpstreamFault/Kind/malformed`` when the text is not what the wire format promises.
    func ollamaChat<Result>(
        _ text: Span<UInt8>, withLogprobs: Bool,
        _ body: (borrowing OllamaChatAnswer) throws(UpstreamFault) -> Result
    ) throws(UpstreamFault) -> Result {
        var raw = unsafe csj_ollama_chat()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_ollama_chat(self.handle, bytes.baseAddress, bytes.count, withLogprobs, &raw)
        }
        guard status == CSJ_OK else { throw unsafe Self.fault(status, field: raw.field, text) }
        return try body(unsafe OllamaChatAnswer(raw: raw))
    }

    /// The vectors of an answer of `/api/embed`.
    ///
    /// - Throws: ``UpstreamFault/Kind/malformed``, naming the field.
    func ollamaEmbeddings(_ text: Span<UInt8>) throws(UpstreamFault) -> OllamaEmbeddingAnswer {
        var raw = unsafe csj_ollama_embeddings()
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csj_parse_ollama_embeddings(self.handle, bytes.baseAddress, bytes.count, &raw)
        }
        guard status == CSJ_OK else { throw unsafe Self.fault(status, field: raw.field, text) }
        let (count, dimensions) = unsafe (raw.count, raw.dimensions)
        let numbers = unsafe [Float](unsafeUninitializedCapacity: count * dimensions) { buffer, filled in
            unsafe buffer.initialize(repeating: 0)
            unsafe csj_copy_ollama_embeddings(self.handle, buffer.baseAddress, buffer.count)
            filled = count * dimensions
        }
        return unsafe OllamaEmbeddingAnswer(
            hasError: raw.has_error,
            vectors: (0..<count).map { Array(numbers[$0 * dimensions..<($0 + 1) * dimensions]) },
            promptTokens: raw.prompt_eval_count < 0 ? nil : Int(raw.prompt_eval_count))
    }
}

/// What `/api/embed` answers.
struct OllamaEmbeddingAnswer: Sendable, Hashable {
    var hasError: Bool
    /// All of one length.
    var vectors: [[Float]]
    var promptTokens: Int?
}

/// The fields of one line or whole answer of `/api/chat`. Texts become strings only when asked for.
@safe struct OllamaChatAnswer: ~Copyable {
    private let raw: csj_ollama_chat

    fileprivate init(raw: csj_ollama_chat) {
        unsafe self.raw = unsafe raw
    }

    /// Whether there is an `error` that is not null.
    var hasError: Bool { unsafe self.raw.has_error }
    var content: String? { unsafe self.raw.content.nonEmptyString }
    var thinking: String? { unsafe self.raw.thinking.nonEmptyString }
    /// The entries of `logprobs` as JSON, joined by commas.
    var logprobs: String? { unsafe self.raw.logprobs.nonEmptyString }
    var isDone: Bool { unsafe self.raw.done }
    var doneReason: String? { unsafe self.raw.done_reason.nonEmptyString }
    var promptTokens: Int? { unsafe Self.count(self.raw.prompt_eval_count) }
    var cachedPromptTokens: Int? { unsafe Self.count(self.raw.prompt_eval_cached_count) }
    var outputTokens: Int? { unsafe Self.count(self.raw.eval_count) }
    var toolCallCount: Int { unsafe self.raw.tool_call_count }

    /// - Returns: `nil` for a call without a name.
    func toolCall(at place: Int) -> ToolCall? {
        guard unsafe place < self.raw.tool_call_count, let call = unsafe self.raw.tool_calls?[place],
            let name = unsafe call.name.nonEmptyString
        else { return nil }
        return unsafe ToolCall(
            id: call.id.nonEmptyString ?? "", name: name, argumentsJSON: call.arguments.nonEmptyString ?? "{}")
    }

    private static func count(_ raw: Int64) -> Int? { raw < 0 ? nil : Int(raw) }
}
