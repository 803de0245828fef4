import Inference

/// Turns what Ollama says when it fails into ``UpstreamFault``. Pure.
///
/// It names no kinds of errors (`{"error": "a sentence"}`), and gives 500 for much that is nobody's bug: where the status
/// says little, the words count.
enum OllamaFaults {
    /// An answer with a status that is not 2xx.
    ///
    /// - Parameter now: seconds since 1970, for a `Retry-After` that is a date.
    static func fault(_ head: HTTPResponseHead, body: Span<UInt8>, now: Int64) -> UpstreamFault {
        self.reading(OpenAIFaults.fault(head, body: body, now: now))
    }

    /// An error inside an answer that began with 200.
    static func inStream(_ detail: UpstreamErrorDetail?, _ text: String) -> UpstreamFault {
        self.reading(OpenAIFaults.inStream(detail, text))
    }

    private static func reading(_ fault: UpstreamFault) -> UpstreamFault {
        guard fault.kind == .invalidRequest || fault.kind == .serverError else { return fault }
        var fault = fault
        let words = fault.message.lowercased()
        if let kind = self.table.first(where: { $0.words.contains { words.contains($0) } })?.kind { fault.kind = kind }
        return fault
    }

    /// Sentences of ollama/ollama and of the llama.cpp below it, in the order in which they are looked for.
    private static let table: [(kind: UpstreamFault.Kind, words: [String])] = [
        (
            .contextLengthExceeded,
            [
                "exceeds the context length", "exceeds the available context", "exceeds maximum context",
                "exceed_context_size", "context length exceeded", "context window", "prompt is too long",
                "prompt too long",
            ]
        ),
        (.overloaded(retryAfter: nil), ["server busy", "maximum pending requests exceeded"]),
        (
            .insufficientMemory,
            [
                "more system memory", "out of memory", "not enough memory", "insufficient memory",
                "unable to allocate", "cudamalloc failed",
            ]
        ),
        // What this model cannot, another may: tools, thinking, images, chat, embeddings.
        (.unsupported, ["does not support", "missing data required for image input"]),
        (.modelNotFound, ["try pulling it first"]),
    ]
}
