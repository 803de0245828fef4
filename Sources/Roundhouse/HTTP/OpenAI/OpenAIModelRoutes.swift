internal import Hummingbird
internal import Inference
internal import ModelRegistry
internal import NIOCore
internal import Providers

/// `/v1/models`: the names that `model` may have in a request.
struct OpenAIModelRoutes: HTTPRoutes {
    let registry: @Sendable () -> RegistrySnapshot
    /// Whether a model can answer, at once or after a load.
    let canAnswer: @Sendable (ModelID) -> Bool

    var routes: [HTTPRoute] {
        [
            .get("/v1/models", "names of models, as OpenAI lists them") { request, _ in
                let listing = ModelListing(self.registry(), canAnswer: self.canAnswer)
                return Self.answer(listing.all, request)
            },
            .get("/v1/models/**", "one of them") { request, _ in
                let name = Self.name(request.uri.path)
                guard let json = ModelListing(self.registry(), canAnswer: self.canAnswer).one(name) else {
                    throw OpenAIError(
                        status: .notFound, type: OpenAIError.invalidRequest, code: "model_not_found",
                        message: "model '\(name.prefix(200))' does not exist; GET /v1/models lists those that do",
                        param: "model", requestID: OpenAIRequestReader.requestID(request.headers))
                }
                return Self.answer(json, request)
            },
        ]
    }

    /// What follows `/v1/models/`: ids have slashes, which may be written as such or as `%2F`.
    static func name(_ path: String) -> String {
        let encoded = path.utf8.dropFirst("/v1/models/".utf8.count)
        var bytes: [UInt8] = []
        var rest = encoded[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func answer(_ json: [UInt8], _ request: Request) -> Response {
        var headers: HTTPFields = [.contentType: "application/json", .cacheControl: "no-store"]
        headers.set(.requestID, OpenAIRequestReader.requestID(request.headers))
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: json)))
    }
}

/// Models and aliases as OpenAI's clients know them: `{"id","object":"model","created","owned_by"}`, and what a registry
/// knows besides in `roundhouse`.
private struct ModelListing {
    let registry: RegistrySnapshot
    let canAnswer: (ModelID) -> Bool

    init(_ registry: RegistrySnapshot, canAnswer: @escaping (ModelID) -> Bool) {
        self.registry = registry
        self.canAnswer = canAnswer
    }

    /// Aliases first: they are what most requests should name.
    var all: [UInt8] {
        var writer = JSONWriter(reserving: 256 * (self.registry.models.count + self.registry.aliases.count + 1))
        writer.object { json in
            json.string("object", "list")
            json.array("data") { json in
                for alias in self.registry.aliases { self.write(alias, &json) }
                for model in self.registry.models where self.isListed(model) { self.write(model, &json) }
            }
        }
        return writer.bytes
    }

    /// `nil` when there is none of that name. One that is switched off can be looked at, as can a name that a provider
    /// merely passes on.
    func one(_ name: String) -> [UInt8]? {
        var writer = JSONWriter()
        switch InferenceRequest.Target(name) {
        case .alias(let name):
            guard let alias = self.registry.alias(name) else { return nil }
            self.write(alias, &writer)
        case .model(let id):
            guard let model = self.registry.model(id) else { return nil }
            self.write(model, &writer)
        case .automatic, nil: return nil
        }
        return writer.bytes
    }

    /// Requests may reach it.
    private func isListed(_ model: ModelDescription) -> Bool {
        !model.isMissing && self.registry.disabledReason(of: model) == nil
    }

    private func write(_ alias: Alias, _ json: inout JSONWriter) {
        json.object { json in
            self.head(alias.name, alias.provenance, owner: "roundhouse", &json)
            json.object("roundhouse") { json in
                json.string("kind", "alias")
                json.string("mode", alias.mode.rawValue)
                json.array("targets") { json in
                    for target in alias.targets { json.string(nil, target.description) }
                }
                json.boolean("available", alias.targets.contains(where: self.canAnswer))
            }
        }
    }

    private func write(_ model: ModelDescription, _ json: inout JSONWriter) {
        json.object { json in
            self.head(model.id.description, model.provenance, owner: model.id.provider.rawValue, &json)
            json.object("roundhouse") { json in
                json.string("kind", "model")
                json.string("display_name", model.displayName)
                json.string("category", model.category.rawValue)
                json.array("capabilities") { json in
                    for capability in model.capabilities.sorted() { json.string(nil, capability.rawValue) }
                }
                if let length = model.contextLength { json.integer("context_length", Int64(length)) }
                if let most = model.maxOutputTokens { json.integer("max_output_tokens", Int64(most)) }
                if let prices = model.prices {
                    json.integer("input_price_nano_usd", prices.input)
                    json.integer("output_price_nano_usd", prices.output)
                }
                json.array("aliases") { json in
                    for name in self.registry.aliasNames(of: model.id) { json.string(nil, name) }
                }
                json.array("tags") { json in
                    for tag in model.tags { json.string(nil, tag) }
                }
                json.boolean("available", self.isListed(model) && self.canAnswer(model.id))
            }
        }
    }

    /// - Parameter provenance: 0 for when it was registered stands for what comes from the configuration file.
    private func head(_ id: String, _ provenance: Provenance, owner: String, _ json: inout JSONWriter) {
        json.string("id", id)
        json.string("object", "model")
        json.integer("created", provenance.createdAtMicroseconds / 1_000_000)
        json.string("owned_by", owner)
    }
}
