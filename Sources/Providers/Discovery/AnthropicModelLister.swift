package import Inference
package import NIOCore

/// Anthropic's `GET /v1/models`, page by page.
package struct AnthropicModelLister: ModelLister {
    private let client: JSONClient

    /// Pages that are read at most, of 1000 models each: a server that always has more is not followed for ever.
    static let maximumPages = 50

    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        let format = AnthropicFormat()
        self.client = try JSONClient(
            configuration, key: format.keyField, format: format.fields, errors: .anthropic, group: group)
    }

    package func listModels() async throws(UpstreamFault) -> ModelListing {
        var builder = ListingBuilder()
        var path = "/models?limit=1000"
        for _ in 0..<Self.maximumPages {
            let page = try await self.client.get(.base(path), as: AnthropicModels.self)
            for model in page.data {
                if model.lifecycle == "retired" {
                    builder.skip(model.id, "it is retired")
                } else {
                    builder.add(Self.listed(model))
                }
            }
            guard page.hasMore else { return builder.listing }
            guard let last = page.lastID ?? page.data.last?.id else {
                throw UpstreamFault(
                    .malformed, "GET \(self.client.origin.path)\(path): last_id: missing, though has_more is true")
            }
            path = "/models?limit=1000&after_id=\(Self.escaped(last))"
        }
        throw UpstreamFault(
            .malformed, "GET \(self.client.origin.path)/models: has_more is still true after \(Self.maximumPages) pages"
        )
    }

    static func listed(_ model: AnthropicModels.Model) -> ListedModel {
        var listed = ListedModel(name: model.id)
        listed.displayName = model.displayName
        listed.category = .text
        listed.contextLength = model.maxInputTokens?.positive
        listed.maxOutputTokens = model.maxTokens?.positive
        guard let told = model.capabilities else { return listed }
        var capabilities: Set<Capability> = [.chat, .streaming, .tools]
        if told.imageInput?.supported == true { capabilities.insert(.vision) }
        if told.structuredOutputs?.supported == true { capabilities.insert(.jsonSchema) }
        if told.thinking?.supported == true { capabilities.insert(.reasoning) }
        // The listing does not tell; Claude 4.6 and later refuse a begun answer.
        if let version = ClaudeVersion(model: model.id), version < ClaudeVersion(4, 6) { capabilities.insert(.prefill) }
        listed.capabilities = capabilities
        return listed
    }

    /// A value of a query (RFC 3986 §2.3).
    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for byte in value.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default: escaped += (byte < 0x10 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return escaped
    }
}

/// A page of `GET /v1/models`.
struct AnthropicModels: Decodable, Sendable {
    let data: [Model]
    let hasMore: Bool
    /// `null` when the page is empty.
    let lastID: String?

    private enum CodingKeys: String, CodingKey {
        case data
        case hasMore = "has_more"
        case lastID = "last_id"
    }

    struct Model: Decodable, Sendable {
        let id: String
        let displayName: String?
        let maxInputTokens: WholeNumber?
        let maxTokens: WholeNumber?
        /// `active`, `deprecated` or `retired`.
        let lifecycle: String?
        let capabilities: Capabilities?

        private enum CodingKeys: String, CodingKey {
            case id, lifecycle, capabilities
            case displayName = "display_name"
            case maxInputTokens = "max_input_tokens"
            case maxTokens = "max_tokens"
        }
    }

    struct Capabilities: Decodable, Sendable {
        let imageInput: Support?
        let structuredOutputs: Support?
        let thinking: Support?

        private enum CodingKeys: String, CodingKey {
            case thinking
            case imageInput = "image_input"
            case structuredOutputs = "structured_outputs"
        }
    }

    struct Support: Decodable, Sendable {
        let supported: Bool
    }
}

extension WholeNumber {
    /// `nil` for 0, with which some say that they do not know.
    fileprivate var positive: Int? { self.value > 0 ? self.count : nil }
}
