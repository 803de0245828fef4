/// In what the many servers that speak OpenAI's chat completions differ, as far as their documentation says so.
///
/// What a dialect does not take is refused before it is sent (``OpenAIDemands``): servers ignore fields that they do not
/// know, and an answer that ignores half of the request looks like one that does not.
package struct OpenAIDialect: Sendable, Hashable {
    /// What faults call the server.
    package var name = "this server"
    package var address = Address.plain
    /// OpenRouter's additions: its bill in `usage.cost`, `reasoning_details` both ways.
    package var isOpenRouter = false
    /// Takes `stream_options.include_usage` and answers with a usage chunk.
    package var takesIncludeUsage = true
    /// Calls the limit `max_completion_tokens`; `max_tokens` otherwise.
    package var takesMaxCompletionTokens = false
    /// Takes `content` as a list of parts also when it is all text; several texts are joined otherwise.
    package var takesContentParts = false
    /// Fetches pictures by itself; otherwise it wants their bytes.
    package var takesImageURLs = true
    package var toolChoice = ToolChoices.named
    package var takesParallelToolCalls = true
    /// Takes `response_format` of type `json_object`.
    package var takesJSONObject = true
    package var reasoning = Reasonings.effort
    package var logprobs = Logprobs.asAsked
    /// Makes use of `user`, the client's name for its own user.
    package var takesUser = true
    package var prefill = Prefill.none
    /// Writes a last message of the assistant's into an answer that comes whole, before what it goes on with. A stream of
    /// the same holds only what is new.
    package var repeatsLastMessage = false
    package var embeddings = Embeddings.withDimensions
    package var tokenizer = Tokenizer.none

    package init() {}

    /// Where the endpoints are.
    package enum Address: Sendable, Hashable {
        /// Below the base URL: `/chat/completions`.
        case plain
        /// Azure since 2025: `/openai/v1/chat/completions`; the model is the deployment.
        case azure
        /// Azure before: `/openai/deployments/NAME/chat/completions?api-version=…`.
        case azureDeployments(apiVersion: String)
    }

    /// Which values of `tool_choice` it takes beside `auto`.
    package enum ToolChoices: Sendable, Hashable {
        case nothing
        /// `none` and `required`.
        case words
        /// Those, and one tool by its name.
        case named
    }

    /// How it is told how much to think.
    package enum Reasonings: Sendable, Hashable {
        case nothing
        /// `reasoning_effort`
        case effort
        /// `reasoning_effort` and `thinking_token_budget`
        case effortAndBudget
        /// `reasoning: {effort}` or `{max_tokens}`
        case openRouter
    }

    /// How it is asked how probable the tokens of its answer were.
    package enum Logprobs: Sendable, Hashable {
        case nothing
        /// `logprobs`, and `top_logprobs` when others than the taken token are wanted.
        case asAsked
        /// The same, but `top_logprobs` decides: 20 when it is absent, and nothing at all when it is 0. Not in a stream of
        /// an answer that may call tools.
        case llamaCpp
    }

    /// How it is told to go on with a begun answer, which is the last message.
    package enum Prefill: Sendable, Hashable {
        case none
        /// Any last message of the assistant's is one that is gone on with.
        case lastMessage
        /// The same, and its templates must not open a thought before it: `chat_template_kwargs.enable_thinking: false`.
        case lastMessageWithoutThinking
        /// Wants it said: `continue_final_message`, and no `add_generation_prompt`.
        case continueFinalMessage
    }

    package enum Embeddings: Sendable, Hashable {
        case ownDimensions
        /// Takes `dimensions`.
        case withDimensions
    }

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
        var dialect = OpenAIDialect()
        switch self {
        case .openai, .azureOpenAI:
            dialect.name = self == .openai ? "OpenAI" : "Azure OpenAI"
            dialect.address = self == .openai ? .plain : .azure
            dialect.takesMaxCompletionTokens = true
            dialect.takesContentParts = true
        case .openrouter:
            dialect.name = "OpenRouter"
            dialect.isOpenRouter = true
            dialect.takesContentParts = true
            dialect.reasoning = .openRouter
            dialect.prefill = .lastMessage
        case .vllm:
            dialect.name = "vLLM"
            dialect.takesContentParts = true
            dialect.reasoning = .effortAndBudget
            dialect.prefill = .continueFinalMessage
            dialect.tokenizer = .vllm
        case .llamaCpp:
            dialect.name = "llama.cpp"
            dialect.toolChoice = .words
            dialect.logprobs = .llamaCpp
            dialect.takesUser = false
            dialect.prefill = .lastMessageWithoutThinking
            dialect.repeatsLastMessage = true
            dialect.embeddings = .ownDimensions
            dialect.tokenizer = .llamaCpp
        case .lmStudio:
            dialect.name = "LM Studio"
            dialect.takesImageURLs = false
            dialect.toolChoice = .words
            dialect.takesParallelToolCalls = false
            dialect.takesJSONObject = false
            dialect.reasoning = .nothing
            dialect.logprobs = .nothing
            dialect.takesUser = false
            dialect.embeddings = .ownDimensions
        case .ollama:
            dialect.name = "Ollama's /v1"
            dialect.takesImageURLs = false
            dialect.toolChoice = .nothing
            dialect.takesParallelToolCalls = false
            dialect.takesUser = false
        case .custom, .anthropic, .gemini: break
        }
        return dialect
    }
}
