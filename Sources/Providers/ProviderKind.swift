internal import Inference

/// Which server or product a provider is: `kind` of its configuration.
package enum ProviderKind: String, Sendable, Hashable, CaseIterable {
    case openai
    case azureOpenAI = "azure_openai"
    case openrouter
    case anthropic
    case gemini
    case lmStudio = "lm_studio"
    case vllm
    case llamaCpp = "llama_cpp"
    case ollama
    case custom

    /// The kind that answers for a provider of the registry: engines that we start ourselves are llama.cpp's.
    ///
    /// - Parameter name: as the registry calls the kind: `openai`, `local`.
    package init?(ofProvider name: String) {
        self.init(rawValue: name == ProviderID.local.rawValue ? Self.llamaCpp.rawValue : name)
    }

    /// The address when none is configured; `nil` when there is no usual one.
    package var standardBaseURL: String? {
        switch self {
        case .openai: "https://api.openai.com/v1"
        case .openrouter: "https://openrouter.ai/api/v1"
        case .anthropic: "https://api.anthropic.com/v1"
        case .gemini: "https://generativelanguage.googleapis.com/v1beta"
        case .lmStudio: "http://127.0.0.1:1234/v1"
        case .vllm: "http://127.0.0.1:8000/v1"
        case .llamaCpp: "http://127.0.0.1:8080/v1"
        case .ollama: "http://127.0.0.1:11434/v1"
        case .azureOpenAI, .custom: nil
        }
    }

    /// Whether it answers nobody without a key.
    package var needsKey: Bool {
        switch self {
        case .openai, .azureOpenAI, .openrouter, .anthropic, .gemini: true
        case .lmStudio, .vllm, .llamaCpp, .ollama, .custom: false
        }
    }

    /// Whether it gets the fields of a request that mean nothing to us, unchanged: see ``InferenceRequest/extraFields``.
    /// To others they are not sent, which a client must be told.
    package var passesExtraFields: Bool {
        switch self {
        case .openai, .azureOpenAI, .openrouter, .lmStudio, .vllm, .llamaCpp, .custom: true
        case .anthropic, .gemini, .ollama: false
        }
    }

    /// Whether it can tell how probable tokens were: see ``InferenceRequest/logprobs``. Where it cannot, a request for it
    /// is refused as unsupported before it is sent. Whether a certain model can, the upstream alone knows.
    package var givesLogprobs: Bool {
        switch self {
        case .openai, .azureOpenAI, .openrouter, .vllm, .llamaCpp, .ollama, .custom: true
        case .anthropic, .gemini, .lmStudio: false
        }
    }
}
