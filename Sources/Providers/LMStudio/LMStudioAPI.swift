import Inference

/// LM Studio's own API, as far as models are concerned (lmstudio-ai/docs): version 1 since LM Studio 0.4.0, version 0
/// before it, which lists models but cannot load them.
struct LMStudioAPI: Sendable {
    let client: JSONClient

    enum Listing: Sendable {
        case current([LMStudioModels.Model])
        case old([LMStudioOldModels.Model])
    }

    /// What is downloaded, and what of it is in memory.
    func models(within timeouts: HTTPTimeouts = .listing) async throws(UpstreamFault) -> Listing {
        do throws(UpstreamFault) {
            return .current(
                try await self.client.get(.native("/api/v1/models"), as: LMStudioModels.self, within: timeouts).models)
        } catch  where Self.isUnknownEndpoint(error) {
            return .old(
                try await self.client.get(.native("/api/v0/models"), as: LMStudioOldModels.self, within: timeouts).data)
        }
    }

    /// Loads one more instance of a model. Answers when it is loaded, with the instance's id.
    func load(_ model: String, contextLength: Int?, within limit: Duration) async throws(UpstreamFault) -> String {
        var body = JSONWriter()
        body.object { body in
            body.string("model", model)
            if let contextLength { body.integer("context_length", Int64(contextLength)) }
        }
        let answer = try await self.client.post(
            .native("/api/v1/models/load"), body, as: LMStudioLoad.self,
            within: .limits(total: limit, firstToken: limit))
        guard answer.status == "loaded" else {
            throw UpstreamFault(
                .malformed,
                "POST /api/v1/models/load: status: expected \"loaded\", got \"\(answer.status.prefix(80))\"")
        }
        return answer.instanceID
    }

    func unload(_ instanceID: String) async throws(UpstreamFault) {
        var body = JSONWriter()
        body.object { $0.string("instance_id", instanceID) }
        let answer = try await self.client.post(.native("/api/v1/models/unload"), body, as: LMStudioUnload.self)
        guard answer.instanceID == instanceID else {
            throw UpstreamFault(
                .malformed,
                "POST /api/v1/models/unload: instance_id: expected \"\(instanceID)\", got "
                    + "\"\(answer.instanceID.prefix(80))\"")
        }
    }

    /// LM Studio answers paths that it does not know with 200 and this error.
    private static func isUnknownEndpoint(_ fault: UpstreamFault) -> Bool {
        fault.httpStatus == 404 || fault.message.contains("Unexpected endpoint or method")
    }
}

/// `GET /api/v1/models`
struct LMStudioModels: Decodable, Sendable {
    let models: [Model]

    struct Model: Decodable, Sendable {
        let kind: Kind
        let key: String
        let displayName: String
        let sizeBytes: Int64
        let maxContextLength: Int
        let instances: [Instance]
        /// Absent for embedding models.
        let capabilities: Capabilities?

        private enum CodingKeys: String, CodingKey {
            case key, capabilities
            case kind = "type"
            case displayName = "display_name"
            case sizeBytes = "size_bytes"
            case maxContextLength = "max_context_length"
            case instances = "loaded_instances"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            self.key = try container.decode(String.self, forKey: .key)
            self.kind = try container.decode(Kind.self, forKey: .kind)
            self.displayName = try container.decode(String.self, forKey: .displayName)
            self.sizeBytes = try container.decode(WholeNumber.self, forKey: .sizeBytes).value
            self.maxContextLength = try container.decode(WholeNumber.self, forKey: .maxContextLength).count
            self.instances = try container.decode([Instance].self, forKey: .instances)
            self.capabilities =
                self.kind == .embedding
                ? try container.decodeIfPresent(Capabilities.self, forKey: .capabilities)
                : try container.decode(Capabilities.self, forKey: .capabilities)
        }
    }

    enum Kind: String, Decodable, Sendable {
        case llm
        case embedding

        init(from decoder: any Decoder) throws {
            let text = try decoder.singleValueContainer().decode(String.self)
            guard let kind = Kind(rawValue: text) else {
                throw DecodingError.unexpected(text, expected: "\"llm\" or \"embedding\"", at: decoder.codingPath)
            }
            self = kind
        }
    }

    struct Instance: Decodable, Sendable {
        let id: String
        let config: Config

        struct Config: Decodable, Sendable {
            let contextLength: WholeNumber

            private enum CodingKeys: String, CodingKey {
                case contextLength = "context_length"
            }
        }
    }

    struct Capabilities: Decodable, Sendable {
        let vision: Bool
        let trainedForToolUse: Bool
        /// There for models that can think.
        let reasoning: Reasoning?

        struct Reasoning: Decodable, Sendable {}

        private enum CodingKeys: String, CodingKey {
            case vision, reasoning
            case trainedForToolUse = "trained_for_tool_use"
        }
    }
}

/// `GET /api/v0/models`
struct LMStudioOldModels: Decodable, Sendable {
    let data: [Model]

    struct Model: Decodable, Sendable {
        let id: String
        let kind: Kind
        let state: State
        let maxContextLength: WholeNumber

        private enum CodingKeys: String, CodingKey {
            case id, state
            case kind = "type"
            case maxContextLength = "max_context_length"
        }
    }

    enum Kind: String, Decodable, Sendable {
        case llm
        case vlm
        case embeddings

        init(from decoder: any Decoder) throws {
            let text = try decoder.singleValueContainer().decode(String.self)
            guard let kind = Kind(rawValue: text) else {
                throw DecodingError.unexpected(
                    text, expected: "\"llm\", \"vlm\" or \"embeddings\"", at: decoder.codingPath)
            }
            self = kind
        }
    }

    enum State: String, Decodable, Sendable {
        case loaded
        case notLoaded = "not-loaded"

        init(from decoder: any Decoder) throws {
            let text = try decoder.singleValueContainer().decode(String.self)
            guard let state = State(rawValue: text) else {
                throw DecodingError.unexpected(text, expected: "\"loaded\" or \"not-loaded\"", at: decoder.codingPath)
            }
            self = state
        }
    }
}

/// `POST /api/v1/models/load`
private struct LMStudioLoad: Decodable, Sendable {
    let instanceID: String
    let status: String

    private enum CodingKeys: String, CodingKey {
        case instanceID = "instance_id"
        case status
    }
}

/// `POST /api/v1/models/unload`
private struct LMStudioUnload: Decodable, Sendable {
    let instanceID: String

    private enum CodingKeys: String, CodingKey {
        case instanceID = "instance_id"
    }
}
