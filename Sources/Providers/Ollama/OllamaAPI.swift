import Inference

/// Ollama's own API, as far as models are concerned (docs/api.md of ollama/ollama).
struct OllamaAPI: Sendable {
    let client: JSONClient

    /// What is installed.
    func tags() async throws(UpstreamFault) -> [OllamaTags.Model] {
        try await self.client.get(.native("/api/tags"), as: OllamaTags.self).models
    }

    /// What one model can do.
    func show(_ model: String) async throws(UpstreamFault) -> OllamaShow {
        var body = JSONWriter()
        body.object { $0.string("model", model) }
        return try await self.client.post(.native("/api/show"), body)
    }

    /// What is in memory.
    func running() async throws(UpstreamFault) -> [OllamaRunning.Model] {
        try await self.client.get(.native("/api/ps"), as: OllamaRunning.self, within: .status).models
    }

    /// Takes a model into memory and keeps it there until it is told otherwise; on a model that is there already, only
    /// the latter. Answers when it is loaded.
    func load(_ model: String, within limit: Duration) async throws(UpstreamFault) {
        try await self.chat(model, keepAlive: -1, expected: "load", within: .limits(total: limit, firstToken: limit))
    }

    /// Takes a model out of memory, as soon as those who use it are done.
    func unload(_ model: String) async throws(UpstreamFault) {
        try await self.chat(model, keepAlive: 0, expected: "unload", within: .listing)
    }

    /// An empty conversation loads or unloads; `done_reason` says which of them it was.
    private func chat(
        _ model: String, keepAlive: Int64, expected: String, within timeouts: HTTPTimeouts
    ) async throws(UpstreamFault) {
        var body = JSONWriter()
        body.object { body in
            body.string("model", model)
            body.array("messages") { _ in }
            body.boolean("stream", false)
            body.integer("keep_alive", keepAlive)
        }
        let answer = try await self.client.post(.native("/api/chat"), body, as: OllamaChat.self, within: timeouts)
        guard answer.done, answer.doneReason == expected else {
            throw UpstreamFault(
                .malformed,
                "POST /api/chat: expected done with done_reason \"\(expected)\", got \(answer.done) with "
                    + "\"\(answer.doneReason.prefix(80))\"")
        }
    }
}

/// How Ollama names models: `llama3.2` is `llama3.2:latest`.
enum OllamaName {
    static func isSame(_ left: String, _ right: String) -> Bool { self.full(left) == self.full(right) }

    static func full(_ name: String) -> String {
        name.split(separator: "/").last?.contains(":") == true ? name : "\(name):latest"
    }

    /// As people write it.
    static func short(_ name: String) -> String {
        name.hasSuffix(":latest") ? String(name.dropLast(":latest".count)) : name
    }
}

/// `GET /api/tags`
struct OllamaTags: Decodable, Sendable {
    let models: [Model]

    struct Model: Decodable, Sendable, Hashable {
        let name: String
        let size: WholeNumber
        let digest: String
    }
}

/// `POST /api/show`
struct OllamaShow: Decodable, Sendable {
    /// `completion`, `tools`, `vision`, `thinking`, `embedding`, `insert`. Older servers do not say.
    let capabilities: [String]?
    /// The GGUF header's fields; absent for models that run elsewhere.
    let info: Info?

    private enum CodingKeys: String, CodingKey {
        case capabilities
        case info = "model_info"
    }

    struct Info: Decodable, Sendable {
        let architecture: String?
        let contextLength: Int?

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            self.architecture = try container.decodeIfPresent(String.self, forKey: Key("general.architecture"))
            self.contextLength = try self.architecture.flatMap {
                try container.decodeIfPresent(WholeNumber.self, forKey: Key("\($0).context_length"))?.count
            }
        }

        private struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }

            init(_ name: String) { self.stringValue = name }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
    }
}

/// `GET /api/ps`
struct OllamaRunning: Decodable, Sendable {
    let models: [Model]

    struct Model: Decodable, Sendable, Hashable {
        let name: String
        let digest: String
        /// Weights, cache and buffers, in bytes.
        let size: WholeNumber
        /// The part of ``size`` in the memory of GPUs.
        let sizeVRAM: WholeNumber
        /// Since 0.11.
        let contextLength: WholeNumber?

        private enum CodingKeys: String, CodingKey {
            case name, digest, size
            case sizeVRAM = "size_vram"
            case contextLength = "context_length"
        }
    }
}

/// `POST /api/chat` without messages.
private struct OllamaChat: Decodable, Sendable {
    let done: Bool
    let doneReason: String

    private enum CodingKeys: String, CodingKey {
        case done
        case doneReason = "done_reason"
    }
}
