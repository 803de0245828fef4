import Synchronization

extension FakeLMStudio {
    private struct Load: Decodable {
        var model: String
        var contextLength: Int64?

        enum CodingKeys: String, CodingKey {
            case model
            case contextLength = "context_length"
        }
    }

    private struct Unload: Decodable {
        var instanceID: String

        enum CodingKeys: String, CodingKey {
            case instanceID = "instance_id"
        }
    }

    private struct Completion: Decodable {
        var model: String
    }

    func steps(for request: FaultUpstream.Request) -> [FaultUpstream.Step] {
        self.server.note(request)
        let hasVersion1 = self.state.withLock { $0.hasVersion1 }
        switch (request.method, request.path) {
        case ("GET", "/api/v1/models") where hasVersion1: return self.server.steps(self.models, at: request.path)
        case ("POST", "/api/v1/models/load") where hasVersion1: return self.load(request)
        case ("POST", "/api/v1/models/unload") where hasVersion1: return self.unload(request)
        case ("GET", "/api/v0/models"): return self.server.steps(self.oldModels, at: request.path)
        case ("POST", "/v1/chat/completions"): return self.complete(request)
        default:
            let status = self.state.withLock { $0.answersUnknownPathsWith200 } ? "200 OK" : "404 Not Found"
            return FakeServerState.error(
                .text("Unexpected endpoint or method. (\(request.method) \(request.path))"), status: status)
        }
    }

    private func load(_ request: FaultUpstream.Request) -> [FaultUpstream.Step] {
        guard let body = FakeServerState.decode(request, as: Load.self) else {
            return Self.error("invalid_request", "model is required", status: "400 Bad Request")
        }
        let (model, gate, failure) = self.state.withLock { state in
            (state.models.first { $0.key == body.model }, state.loadGate, state.loadFailure)
        }
        guard let model else {
            return Self.error("model_not_found", "Model \(body.model) not found", status: "404 Not Found")
        }
        if let failure { return Self.error("model_load_failed", failure, status: "500 Internal Server Error") }
        if let divergence = self.server.divergence(at: request.path), !divergence.isOnlyInWords {
            return divergence.steps(for: .null)
        }
        let contextLength = min(body.contextLength ?? 4096, model.maxContextLength)
        let add = { @Sendable () -> String in self.addInstance(model.key, contextLength: contextLength) }
        guard let gate else { return self.server.steps(Self.loadAnswer(model, id: add()), at: request.path) }
        // The id is known beforehand: nothing else loads meanwhile in a test.
        let number = self.instances.count { $0.key == model.key } + 1
        gate.whenOpen { _ = add() }
        let id = number == 1 ? model.key : "\(model.key):\(number)"
        return [.wait(gate)] + self.server.steps(Self.loadAnswer(model, id: id), at: request.path)
    }

    private func unload(_ request: FaultUpstream.Request) -> [FaultUpstream.Step] {
        guard let body = FakeServerState.decode(request, as: Unload.self) else {
            return Self.error("invalid_request", "instance_id is required", status: "400 Bad Request")
        }
        if self.server.divergence(at: request.path)?.isOnlyInWords ?? true {
            let isKnown = self.state.withLock { state in
                let count = state.instances.count
                state.instances.removeAll { $0.id == body.instanceID }
                return state.instances.count < count
            }
            guard isKnown else {
                return Self.error("model_not_found", "No instance \(body.instanceID)", status: "404 Not Found")
            }
        }
        return self.server.steps(.fields(["instance_id": .text(body.instanceID)]), at: request.path)
    }

    private func complete(_ request: FaultUpstream.Request) -> [FaultUpstream.Step] {
        if let divergence = self.server.divergence(at: request.path) { return divergence.steps(for: .null) }
        guard let body = FakeServerState.decode(request, as: Completion.self),
            self.state.withLock({ state in state.models.contains { $0.key == body.model } })
        else { return Self.error("model_not_found", "no such model", status: "404 Not Found") }
        if !self.instances.contains(where: { $0.key == body.model }) {
            self.addInstance(body.model, contextLength: 4096)
        }
        return FakeServerState.completion(request, saying: ["Hello", " there", "."])
    }

    private static func error(_ kind: String, _ message: String, status: String) -> [FaultUpstream.Step] {
        FakeServerState.error(.fields(["type": .text(kind), "message": .text(message)]), status: status)
    }

    // MARK: - Answers as documented

    private static func loadAnswer(_ model: Model, id: String) -> JSONText {
        .fields([
            "type": .text(model.kind), "instance_id": .text(id), "load_time_seconds": .raw("9.099"),
            "status": .text("loaded"),
        ])
    }

    private var models: JSONText {
        let (models, instances) = self.state.withLock { ($0.models, $0.instances) }
        return .fields(["models": .array(models.map { Self.listed($0, instances) })])
    }

    private static func listed(_ model: Model, _ instances: [Instance]) -> JSONText {
        var fields: [JSONText.Field] = [
            .init("type", .text(model.kind)), .init("publisher", .text("somebody")), .init("key", .text(model.key)),
            .init("display_name", .text("The \(model.key)")), .init("quantization", .null),
            .init("size_bytes", .integer(model.sizeBytes)), .init("params_string", .null),
            .init(
                "loaded_instances",
                .array(
                    instances.filter { $0.key == model.key }.map {
                        .fields([
                            "id": .text($0.id), "config": .fields(["context_length": .integer($0.contextLength)]),
                        ])
                    })),
            .init("max_context_length", .integer(model.maxContextLength)), .init("format", .text("gguf")),
        ]
        if model.kind == "llm" {
            fields.append(
                .init(
                    "capabilities",
                    .fields([
                        "vision": .boolean(model.vision), "trained_for_tool_use": .boolean(model.trainedForToolUse),
                    ])))
            fields.append(.init("description", .null))
        }
        return .object(fields)
    }

    private var oldModels: JSONText {
        let (models, instances) = self.state.withLock { ($0.models, $0.instances) }
        return .fields([
            "object": .text("list"),
            "data": .array(
                models.map { model in
                    .fields([
                        "id": .text(model.key), "object": .text("model"),
                        "type": .text(model.kind == "embedding" ? "embeddings" : model.vision ? "vlm" : "llm"),
                        "publisher": .text("somebody"), "arch": .text("llama"), "compatibility_type": .text("gguf"),
                        "quantization": .text("Q4_K_M"),
                        "state": .text(
                            instances.contains { $0.key == model.key } ? "loaded" : "not-loaded"),
                        "max_context_length": .integer(model.maxContextLength),
                    ])
                }),
        ])
    }
}
