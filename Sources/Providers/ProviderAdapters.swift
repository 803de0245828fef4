package import Inference
package import NIOCore

/// Which wire format a kind of provider speaks.
package enum ProviderAdapters {
    /// What speaks to a provider. Opens no connection yet.
    ///
    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package static func adapter(
        for configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) -> any Provider {
        switch configuration.kind {
        case .anthropic: try HTTPProvider(configuration, format: AnthropicFormat(), group: group)
        case .gemini: try HTTPProvider(configuration, format: GeminiFormat(), group: group)
        case .ollama: try HTTPProvider(configuration, format: OllamaFormat(), group: group)
        case .openai, .azureOpenAI, .openrouter, .lmStudio, .vllm, .llamaCpp, .custom:
            try OpenAIProvider(configuration, group: group)
        }
    }
}
