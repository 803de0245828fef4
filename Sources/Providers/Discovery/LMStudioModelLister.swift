package import Inference
package import NIOCore

/// `GET /api/v1/models`, or `GET /api/v0/models` where LM Studio is older than 0.4.0.
package struct LMStudioModelLister: ModelLister {
    private let api: LMStudioAPI

    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        self.api = LMStudioAPI(client: try JSONClient(configuration, group: group))
    }

    package func listModels() async throws(UpstreamFault) -> ModelListing {
        var builder = ListingBuilder()
        switch try await self.api.models() {
        case .current(let models): for model in models { builder.add(Self.listed(model)) }
        case .old(let models): for model in models { builder.add(Self.listed(model)) }
        }
        return builder.listing
    }

    private static func listed(_ model: LMStudioModels.Model) -> ListedModel {
        var listed = ListedModel(name: model.key)
        listed.displayName = model.displayName
        listed.sizeBytes = model.sizeBytes
        listed.contextLength = model.maxContextLength
        listed.isLoaded = !model.instances.isEmpty
        switch model.kind {
        case .llm:
            listed.category = .text
            var capabilities: Set<Capability> = [.chat, .completion, .streaming]
            if model.capabilities?.vision == true { capabilities.insert(.vision) }
            if model.capabilities?.trainedForToolUse == true { capabilities.insert(.tools) }
            if model.capabilities?.reasoning != nil { capabilities.insert(.reasoning) }
            listed.capabilities = capabilities
        case .embedding:
            listed.category = .embedding
            listed.capabilities = [.embeddings]
        }
        return listed
    }

    /// It says less: whether a model was trained to call tools is not known then, so no set is complete.
    private static func listed(_ model: LMStudioOldModels.Model) -> ListedModel {
        var listed = ListedModel(name: model.id)
        listed.contextLength = model.maxContextLength.count
        listed.isLoaded = model.state == .loaded
        switch model.kind {
        case .llm:
            listed.category = .text
            listed.capabilities = [.chat, .completion, .streaming]
        case .vlm:
            listed.category = .text
            listed.capabilities = [.chat, .completion, .streaming, .vision]
        case .embeddings:
            listed.category = .embedding
            listed.capabilities = [.embeddings]
        }
        return listed
    }
}
