/// In what the many servers that speak OpenAI's chat completions differ, as far as it matters to a request.
package struct OpenAIDialect: Sendable, Hashable {
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

extension ProviderKind {
    /// In what the kind differs from other servers that speak chat completions; of no meaning for kinds that do not.
    package var dialect: OpenAIDialect {
        switch self {
        case .openai, .azureOpenAI: OpenAIDialect(takesMaxCompletionTokens: true, takesContentParts: true)
        case .openrouter: OpenAIDialect(takesContentParts: true)
        case .vllm: OpenAIDialect(takesContentParts: true, tokenizer: .vllm)
        case .llamaCpp: OpenAIDialect(tokenizer: .llamaCpp)
        case .lmStudio, .ollama, .custom, .anthropic, .gemini: OpenAIDialect()
        }
    }
}
