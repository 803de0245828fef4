import Synchronization

extension FakeOllama {
    private struct Request: Decodable {
        var model: String
        var messages: [Ignored]?
        var prompt: String?
        var input: [String]?
        var dimensions: Int?
        var stream: Bool?
        var keepAlive: KeepAlive?

        enum CodingKeys: String, CodingKey {
            case model, messages, prompt, input, dimensions, stream
            case keepAlive = "keep_alive"
        }

        struct Ignored: Decodable {}

        /// Seconds, or a text such as `10m`.
        struct KeepAlive: Decodable {
            var seconds: Int64

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let seconds = try? container.decode(Int64.self) {
                    self.seconds = seconds
                    return
                }
                let text = try container.decode(String.self)
                let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600]
                guard let unit = text.last.flatMap({ units[$0] }), let number = Int64(text.dropLast()) else {
                    throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a duration")
                }
                self.seconds = number * unit
            }
        }
    }

    func steps(for request: FaultUpstream.Request) -> [FaultUpstream.Step] {
        self.server.note(request)
        switch (request.method, request.path) {
        case ("GET", "/api/tags"): return self.server.steps(self.tags, at: request.path)
        case ("GET", "/api/ps"): return self.server.steps(self.running, at: request.path)
        case ("GET", "/v1/models"): return self.server.steps(self.listing, at: request.path)
        case ("POST", "/api/show"), ("POST", "/api/chat"), ("POST", "/api/generate"), ("POST", "/api/embed"),
            ("POST", "/v1/chat/completions"):
            return self.answer(request)
        default: return .whole("404 page not found", status: "404 Not Found", type: "text/plain")
        }
    }

    private func answer(_ request: FaultUpstream.Request) -> [FaultUpstream.Step] {
        guard let body = FakeServerState.decode(request, as: Request.self) else {
            return FakeServerState.error(.text("missing request body"), status: "400 Bad Request")
        }
        guard let model = self.model(body.model) else {
            return FakeServerState.error(.text("model '\(body.model)' not found"), status: "404 Not Found")
        }
        switch request.path {
        case "/api/show": return self.server.steps(Self.shown(model), at: request.path)
        case "/api/embed":
            self.setLoaded(model.name, keepAlive: body.keepAlive?.seconds)
            return self.server.steps(Self.embeddings(model, of: body), at: request.path)
        case "/v1/chat/completions":
            let (gate, divergence) = self.state.withLock { ($0.answerGate, $0.answerDivergence) }
            if let divergence = self.server.divergence(at: request.path) ?? divergence {
                return divergence.steps(for: .null)
            }
            self.setLoaded(model.name, keepAlive: nil)
            return FakeServerState.completion(request, saying: Self.words, holding: gate)
        default: return self.converse(body, model, path: request.path)
        }
    }

    /// `/api/chat` and `/api/generate`: without anything said they load and unload.
    private func converse(_ body: Request, _ model: Model, path: String) -> [FaultUpstream.Step] {
        let isEmpty = path == "/api/chat" ? body.messages?.isEmpty ?? true : body.prompt?.isEmpty ?? true
        guard isEmpty else {
            self.setLoaded(model.name, keepAlive: body.keepAlive?.seconds)
            return self.speak(model, streamed: body.stream ?? true, path: path)
        }
        if body.keepAlive?.seconds == 0 {
            if self.server.divergence(at: path)?.isOnlyInWords ?? true { self.expire(model.name) }
            return self.server.steps(Self.line(model, path, text: "", reason: "unload"), at: path)
        }
        let (gate, failure) = self.state.withLock { ($0.loadGate, $0.loadFailure) }
        if let failure {
            return FakeServerState.error(.text(failure), status: "500 Internal Server Error")
        }
        let keepAlive = body.keepAlive?.seconds
        let answer = self.server.steps(Self.line(model, path, text: "", reason: "load"), at: path)
        guard self.server.divergence(at: path)?.isOnlyInWords ?? true else { return answer }
        guard let gate else {
            self.setLoaded(model.name, keepAlive: keepAlive)
            return answer
        }
        gate.whenOpen { self.setLoaded(model.name, keepAlive: keepAlive) }
        return [.wait(gate)] + answer
    }

    private static let words = ["Hello", " there", "."]

    private func speak(_ model: Model, streamed: Bool, path: String) -> [FaultUpstream.Step] {
        let (gate, divergence) = self.state.withLock { ($0.answerGate, $0.answerDivergence) }
        let hold = gate.map { [FaultUpstream.Step.wait($0)] } ?? []
        guard streamed else {
            let whole = Self.line(model, path, text: Self.words.joined(), reason: "stop")
            return divergence?.steps(for: whole) ?? hold + self.server.steps(whole, at: path)
        }
        if let divergence = self.server.divergence(at: path) ?? divergence { return divergence.steps(for: .null) }
        var steps: [FaultUpstream.Step] = [
            .send("HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n")
        ]
        for (place, word) in Self.words.enumerated() {
            if place == 1 { steps += hold }
            steps += .chunk(Self.line(model, path, text: word, reason: nil).encoded + "\n")
        }
        steps += .chunk(Self.line(model, path, text: "", reason: "stop").encoded + "\n")
        return steps + .lastChunk
    }

    private func model(_ name: String) -> Model? {
        let name = Model.full(name)
        return self.state.withLock { state in state.models.first { $0.name == name } }
    }

    // MARK: - Answers as documented

    private var tags: JSONText {
        let models = self.state.withLock { $0.models }
        return .fields([
            "models": .array(
                models.map { model in
                    .fields([
                        "name": .text(model.name), "model": .text(model.name),
                        "modified_at": .text("2026-01-02T03:04:05.678901234-07:00"), "size": .integer(model.sizeBytes),
                        "digest": .text(model.digest), "details": Self.details(model),
                    ])
                })
        ])
    }

    private var running: JSONText {
        let (models, loaded) = self.state.withLock { ($0.models, $0.loaded) }
        return .fields([
            "models": .array(
                loaded.compactMap { loaded in
                    guard let model = models.first(where: { $0.name == loaded.name }) else { return nil }
                    return .fields([
                        "name": .text(model.name), "model": .text(model.name),
                        "size": .integer(model.sizeBytes + 500_000_000), "digest": .text(model.digest),
                        "details": Self.details(model),
                        "expires_at": .text(loaded.keepAlive < 0 ? "2318-01-01T00:00:00Z" : "2026-01-02T03:09:05Z"),
                        "size_vram": .integer(model.sizeBytes), "context_length": .integer(4096),
                    ])
                })
        ])
    }

    private var listing: JSONText {
        let models = self.state.withLock { $0.models }
        return .fields([
            "object": .text("list"),
            "data": .array(
                models.map {
                    .fields([
                        "id": .text($0.name), "object": .text("model"), "created": .integer(1_767_000_000),
                        "owned_by": .text("library"),
                    ])
                }),
        ])
    }

    private static func shown(_ model: Model) -> JSONText {
        .fields([
            "license": .text("…"), "template": .text("{{ .Prompt }}"), "details": Self.details(model),
            "model_info": .fields([
                "general.architecture": .text(model.architecture), "general.parameter_count": .integer(3_212_749_888),
                "\(model.architecture).attention.layer_norm_rms_epsilon": .raw("0.00001"),
                "\(model.architecture).context_length": .integer(model.contextLength), "tokenizer.ggml.merges": .null,
            ]),
            "capabilities": .texts(model.capabilities),
        ])
    }

    private static func details(_ model: Model) -> JSONText {
        .fields([
            "parent_model": .text(""), "format": .text("gguf"), "family": .text(model.architecture), "families": .null,
            "parameter_size": .text("3.2B"), "quantization_level": .text("Q4_K_M"),
        ])
    }

    /// Vectors that differ with the length of the texts.
    private static func embeddings(_ model: Model, of body: Request) -> JSONText {
        let vectors = (body.input ?? []).map { text in
            JSONText.array((0..<(body.dimensions ?? 4)).map { .raw(String(Double((text.utf8.count + $0) % 7) / 8)) })
        }
        return .fields([
            "model": .text(model.name), "embeddings": .array(vectors), "total_duration": .integer(14_143_917),
            "load_duration": .integer(1_019_500), "prompt_eval_count": .integer(Int64(2 * vectors.count)),
        ])
    }

    /// A line of an answer, the last when it has a reason.
    private static func line(_ model: Model, _ path: String, text: String, reason: String?) -> JSONText {
        var fields: [JSONText.Field] = [
            .init("model", .text(model.name)), .init("created_at", .text("2026-01-02T03:04:05.678Z")),
        ]
        if path == "/api/chat" {
            fields.append(.init("message", .fields(["role": .text("assistant"), "content": .text(text)])))
        } else {
            fields.append(.init("response", .text(text)))
        }
        if let reason { fields.append(.init("done_reason", .text(reason))) }
        fields.append(.init("done", .boolean(reason != nil)))
        if reason == "stop" {
            fields += [
                .init("total_duration", .integer(174_560_334)), .init("load_duration", .integer(101_397_084)),
                .init("prompt_eval_count", .integer(3)), .init("prompt_eval_duration", .integer(13_074_791)),
                .init("eval_count", .integer(Int64(self.words.count))), .init("eval_duration", .integer(52_479_709)),
            ]
        }
        return .object(fields)
    }
}
