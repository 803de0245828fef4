/// In what the many servers that speak OpenAI's chat completions differ, as far as it matters to a request.
package struct OpenAIDialect: Sendable, Hashable {
    /// The address when none is configured; `nil` when there is no usual one.
    package var standardBaseURL: String?
    package var needsKey = false
    /// Takes `stream_options.include_usage` and answers with a usage chunk.
    package var takesIncludeUsage = true
    /// Calls the limit `max_completion_tokens`; `max_tokens` otherwise.
    package var takesMaxCompletionTokens = false
    /// Takes `content` as a list of parts; several parts are joined otherwise.
    package var takesContentParts = false
    package var tokenizer = Tokenizer.none

    package enum Tokenizer: Sendable, Hashable {
        case none
        /// `/apply-template`, then `/tokenize` with the prompt, both on the server's root.
        case llamaCpp
        /// `/tokenize` with the messages, on the server's root.
        case vllm
    }
}

/// Which server it is: `kind` of a provider's configuration.
package enum OpenAIKind: String, Sendable, Hashable, CaseIterable {
    case openai
    case openrouter
    case lmStudio = "lm_studio"
    case vllm
    case llamaCpp = "llama_cpp"
    case ollama
    case custom

    package var dialect: OpenAIDialect {
        switch self {
        case .openai:
            OpenAIDialect(
                standardBaseURL: "https://api.openai.com/v1", needsKey: true, takesMaxCompletionTokens: true,
                takesContentParts: true)
        case .openrouter:
            OpenAIDialect(
                standardBaseURL: "https://openrouter.ai/api/v1", needsKey: true, takesContentParts: true)
        case .lmStudio: OpenAIDialect(standardBaseURL: "http://127.0.0.1:1234/v1")
        case .vllm:
            OpenAIDialect(
                standardBaseURL: "http://127.0.0.1:8000/v1", takesContentParts: true, tokenizer: .vllm)
        case .llamaCpp: OpenAIDialect(standardBaseURL: "http://127.0.0.1:8080/v1", tokenizer: .llamaCpp)
        case .ollama: OpenAIDialect(standardBaseURL: "http://127.0.0.1:11434/v1")
        case .custom: OpenAIDialect()
        }
    }
}
