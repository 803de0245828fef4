package import Inference
package import NIOCore

/// OpenRouter's `GET /api/v1/models`, prices included.
package struct OpenRouterModelLister: ModelLister {
    private let client: JSONClient

    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        self.client = try JSONClient(configuration, group: group)
    }

    package func listModels() async throws(UpstreamFault) -> ModelListing {
        let answer = try await self.client.get(.base("/models"), as: OpenRouterModels.self)
        var builder = ListingBuilder()
        for model in answer.data { builder.add(Self.listed(model)) }
        return builder.listing
    }

    static func listed(_ model: OpenRouterModels.Model) -> ListedModel {
        var listed = ListedModel(name: model.id)
        listed.displayName = model.name
        listed.contextLength = model.contextLength.value?.count
        listed.maxOutputTokens = model.topProvider.maxCompletionTokens.value?.count
        listed.prices = model.pricing.prices
        listed.category = Self.category(model.architecture.outputModalities)
        listed.capabilities = Self.capabilities(model, category: listed.category)
        return listed
    }

    private static func category(_ outputs: [String]) -> ModelCategory? {
        if outputs.contains("text") { return .text }
        if outputs.contains("embeddings") { return .embedding }
        if outputs.contains("image") { return .image }
        if outputs.contains("video") { return .video }
        return outputs.contains("audio") || outputs.contains("speech") ? .voice : nil
    }

    private static func capabilities(
        _ model: OpenRouterModels.Model, category: ModelCategory?
    ) -> Set<Capability> {
        var capabilities: Set<Capability> = []
        if category == .text { capabilities = [.chat, .streaming] }
        if category == .embedding { capabilities = [.embeddings] }
        if model.architecture.inputModalities.contains("image") { capabilities.insert(.vision) }
        for parameter in model.supportedParameters {
            switch parameter {
            case "tools": capabilities.insert(.tools)
            // `response_format` alone promises JSON, not a schema.
            case "structured_outputs": capabilities.insert(.jsonSchema)
            case "reasoning": capabilities.insert(.reasoning)
            default: continue
            }
        }
        return capabilities
    }
}

/// `GET /api/v1/models` of OpenRouter.
struct OpenRouterModels: Decodable, Sendable {
    let data: [Model]

    struct Model: Decodable, Sendable {
        let id: String
        let name: String
        let contextLength: Nullable<WholeNumber>
        let architecture: Architecture
        let pricing: Pricing
        let topProvider: TopProvider
        let supportedParameters: [String]

        private enum CodingKeys: String, CodingKey {
            case id, name, architecture, pricing
            case contextLength = "context_length"
            case topProvider = "top_provider"
            case supportedParameters = "supported_parameters"
        }
    }

    struct Architecture: Decodable, Sendable {
        let inputModalities: [String]
        let outputModalities: [String]

        private enum CodingKeys: String, CodingKey {
            case inputModalities = "input_modalities"
            case outputModalities = "output_modalities"
        }
    }

    struct TopProvider: Decodable, Sendable {
        let maxCompletionTokens: Nullable<WholeNumber>

        private enum CodingKeys: String, CodingKey {
            case maxCompletionTokens = "max_completion_tokens"
        }
    }

    /// The base price. `overrides`, which depend on the time of day or the length of the prompt, have no place in ours.
    struct Pricing: Decodable, Sendable {
        let prompt: TokenPrice
        let completion: TokenPrice
        /// For each request, whatever its length.
        let request: TokenPrice?
        let inputCacheRead: TokenPrice?

        private enum CodingKeys: String, CodingKey {
            case prompt, completion, request
            case inputCacheRead = "input_cache_read"
        }

        /// `nil` where a price varies, and where tokens are free but requests are not: "free" would be a lie.
        var prices: ModelPrices? {
            guard let input = self.prompt.nanoUSDPerMillion, let output = self.completion.nanoUSDPerMillion else {
                return nil
            }
            if input == 0, output == 0, let request = self.request, request.nanoUSDPerMillion != 0 { return nil }
            return ModelPrices(input: input, output: output, cachedInput: self.inputCacheRead?.nanoUSDPerMillion)
        }
    }
}
