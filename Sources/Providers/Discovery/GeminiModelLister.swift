package import Inference
package import NIOCore

/// Gemini's `GET /v1beta/models`, page by page.
package struct GeminiModelLister: ModelLister {
    /// The most that a page may have.
    static let pageSize = 1000
    /// More pages than there can be models for.
    static let maximumPages = 100

    private let client: JSONClient

    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        self.client = try JSONClient(configuration, key: GeminiFormat().keyField, errors: .gemini, group: group)
    }

    package func listModels() async throws(UpstreamFault) -> ModelListing {
        var builder = ListingBuilder()
        var path = "/models?pageSize=\(Self.pageSize)"
        var seen: Set<String> = []
        while true {
            let page = try await self.client.get(.base(path), as: GeminiModels.self)
            for model in page.models ?? [] { builder.add(Self.listed(model)) }
            guard let token = page.nextPageToken, !token.isEmpty else { return builder.listing }
            guard seen.insert(token).inserted, seen.count < Self.maximumPages else {
                throw UpstreamFault(.malformed, "GET /models: nextPageToken leads nowhere")
            }
            path = "/models?pageSize=\(Self.pageSize)&pageToken=\(GeminiModelName.escaped(token[...]))"
        }
    }

    static func listed(_ model: GeminiModels.Model) -> ListedModel {
        let name = model.name.hasPrefix("models/") ? String(model.name.dropFirst("models/".count)) : model.name
        var listed = ListedModel(name: name)
        listed.displayName = model.displayName
        listed.contextLength = model.inputTokenLimit?.count
        listed.maxOutputTokens = model.outputTokenLimit?.count
        listed.category = Self.category(model, name)
        listed.capabilities = Self.capabilities(model, name, listed.category)
        return listed
    }

    /// The methods tell, and the name where one method serves for texts, pictures and speech.
    private static func category(_ model: GeminiModels.Model, _ name: String) -> ModelCategory? {
        let methods = model.supportedGenerationMethods ?? []
        if methods.contains("generateContent") {
            if name.contains("-tts") { return .voice }
            return name.contains("-image") ? .image : .text
        }
        if methods.contains("embedContent") || methods.contains("batchEmbedContents") { return .embedding }
        if methods.contains("predictLongRunning") { return .video }
        return methods.contains("predict") ? .image : nil
    }

    private static func capabilities(
        _ model: GeminiModels.Model, _ name: String, _ category: ModelCategory?
    ) -> Set<Capability>? {
        switch category {
        case .embedding: return [.embeddings]
        case .text: break
        default: return nil
        }
        var capabilities: Set<Capability> = [.chat, .streaming]
        if model.thinking == true { capabilities.insert(.reasoning) }
        // The listing does not say it, the documentation does: of all Gemini models for text since 2.0, and not of the
        // Gemma models beside them.
        if let version = try? GeminiModelName(name), version.isAtLeast(2) {
            capabilities.formUnion([.tools, .jsonSchema, .vision])
        }
        return capabilities
    }
}

/// A page of `GET /models`. Protobuf leaves empty lists and zeros out.
struct GeminiModels: Decodable, Sendable {
    let models: [Model]?
    let nextPageToken: String?
    /// Since nothing has to be there, an error in the place of a page would be a page without models.
    let error: Unexpected?

    struct Unexpected: Decodable, Sendable {
        init(from decoder: any Decoder) throws {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "expected none"))
        }
    }

    struct Model: Decodable, Sendable {
        let name: String
        let displayName: String?
        let inputTokenLimit: WholeNumber?
        let outputTokenLimit: WholeNumber?
        let supportedGenerationMethods: [String]?
        let thinking: Bool?
    }
}
