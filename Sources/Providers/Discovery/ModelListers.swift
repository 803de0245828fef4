package import Inference
package import NIOCore

/// Which lister, and which runtime, a kind of provider has.
package enum ModelListers {
    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package static func lister(
        for configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) -> any ModelLister {
        switch configuration.kind {
        case .ollama: try OllamaModelLister(configuration, group: group)
        case .lmStudio: try LMStudioModelLister(configuration, group: group)
        case .openrouter: try OpenRouterModelLister(configuration, group: group)
        case .anthropic: try AnthropicModelLister(configuration, group: group)
        case .gemini: try GeminiModelLister(configuration, group: group)
        case .azureOpenAI: AzureModelLister()
        case .openai, .vllm, .llamaCpp, .custom:
            try OpenAIModelLister(configuration, group: group)
        }
    }

    /// - Returns: `nil` for kinds whose models are loaded by nobody that we could ask.
    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package static func runtime(
        for configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) -> (any ModelRuntime)? {
        switch configuration.kind {
        case .ollama: try OllamaRuntime(configuration, group: group)
        case .lmStudio: try LMStudioRuntime(configuration, group: group)
        case .openai, .azureOpenAI, .openrouter, .anthropic, .gemini, .vllm, .llamaCpp, .custom: nil
        }
    }
}

/// A key for Azure's deployments does not list them: `/openai/v1/models` names the models that one could deploy.
struct AzureModelLister: ModelLister {
    func listModels() async throws(UpstreamFault) -> ModelListing {
        throw UpstreamFault(
            .unsupported, "Azure lists deployments to its management alone: name them under models in the configuration"
        )
    }
}

/// Gathers a listing; what cannot be a model's name, or comes twice, is put aside with the reason.
struct ListingBuilder {
    private var models: [ListedModel] = []
    private var names: Set<String> = []
    private var skipped: [String] = []

    mutating func add(_ model: ListedModel) {
        guard ModelID(provider: .local, name: model.name) != nil else {
            return self.skip(model.name, "a model's name has 1 to 255 bytes and no white space")
        }
        guard self.names.insert(model.name).inserted else { return self.skip(model.name, "it is listed twice") }
        self.models.append(model)
    }

    mutating func skip(_ name: String, _ reason: String) {
        self.skipped.append("\(String(name.prefix(80).filter { !$0.isNewline })): \(reason)")
    }

    var listing: ModelListing { ModelListing(models: self.models, skipped: self.skipped) }
}
