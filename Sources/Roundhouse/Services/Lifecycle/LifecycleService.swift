internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

/// `roundhouse.v1.LifecycleService`: what is in memory. Operations and events are in files of their own.
struct LifecycleService: Roundhouse_V1_LifecycleService.SimpleServiceProtocol {
    let ports: ServicePorts
    private let clock = ContinuousClock()

    static let longestGrace = Duration.seconds(3600)

    init(ports: ServicePorts) {
        self.ports = ports
    }

    func loadModel(
        request: Roundhouse_V1_LoadModelRequest,
        response: RPCWriter<Roundhouse_V1_LoadModelResponse>,
        context: ServerContext
    ) async throws {
        try await self.answering {
            let model = try ModelLookup(self.ports).loadableModel(request.model).id
            // Before it is loaded, so that nothing evicts it in between.
            if request.pin { _ = try await self.setPinned(true, model) }
            let loading = self.ports.loading
            let began = self.clock.now
            let loaded = try await ProgressRelay<Inference.LoadProgress>(key: \.relayKey).run { report in
                try await loading.load(model, version: nil, warms: true, progress: ProgressSink(report))
            } write: { updates in
                try await response.write(contentsOf: updates.map { update in .with { $0.progress = .init(update) } })
            }
            var end = Inference.LoadProgress(model: model, phase: .ready, elapsed: self.clock.now - began)
            end.message = loaded.reason
            try await response.write(
                .with {
                    $0.progress = .init(end)
                    $0.loaded = .init(loaded, now: self.ports.now())
                }
            )
        }
    }

    func unloadModel(
        request: Roundhouse_V1_UnloadModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_UnloadModelResponse {
        try await self.answering {
            let grace = try self.grace(request)
            let model = try ModelLookup(self.ports).loadableModel(request.model).id
            let began = self.clock.now
            let outcome = try await self.ports.loading.unload(
                model, version: nil, grace: grace, reason: "UnloadModel was called")
            return .init(outcome, of: model, elapsed: self.clock.now - began)
        }
    }

    func listLoadedModels(
        request: Roundhouse_V1_ListLoadedModelsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListLoadedModelsResponse {
        let loaded = self.ports.loading.loadedModels().filter { $0.state != .unloaded }
        let page = try Paging.page(
            loaded.map { (key: $0.key.description, model: $0) }.sorted { $0.key < $1.key },
            size: request.pageSize,
            token: request.pageToken,
            key: \.key
        )
        let now = self.ports.now()
        return .with {
            $0.models = page.elements.map { Roundhouse_V1_LoadedModel($0.model, now: now) }
            $0.nextPageToken = page.nextToken
            $0.devices = self.ports.loading.devices().map(Roundhouse_V1_DeviceMemory.init)
        }
    }

    func pinModel(
        request: Roundhouse_V1_PinModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_PinModelResponse {
        try await self.answering {
            let model = try ModelLookup(self.ports).loadableModel(request.model).id
            let changed = try await self.setPinned(!request.unpin, model)
            return .with { $0.model = ModelLookup(self.ports).message(changed) }
        }
    }

    func planLoad(
        request: Roundhouse_V1_PlanLoadRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_PlanLoadResponse {
        try await self.answering {
            var reader = FieldReader()
            let contextLength = reader.optional(
                request.contextLength, upTo: ModelReader.mostTokens, "context_length")
            try reader.finish()
            let model = try ModelLookup(self.ports).loadableModel(request.model).id
            let plan = try await self.ports.loading.plan(model, version: nil, contextLength: contextLength)
            return .with { $0.plan = .init(plan) }
        }
    }

    /// Runs a call's body; what the rooms throw becomes the client's status.
    func answering<Response>(_ body: () async throws -> Response) async throws(ServiceError) -> Response {
        do {
            return try await body()
        } catch {
            throw ServiceError(error)
        }
    }

    private func setPinned(_ isPinned: Bool, _ model: ModelID) async throws -> ModelDescription {
        try await self.ports.editor.updateModel(model, etag: nil, validateOnly: false) { $0.isPinned = isPinned }
    }

    /// `nil` waits for requests as long as they take.
    private func grace(_ request: Roundhouse_V1_UnloadModelRequest) throws(ServiceError) -> Duration? {
        var reader = FieldReader()
        guard request.force else {
            if request.hasGrace {
                reader.report("grace", found: "a duration", expected: "nothing without force, which it is for")
            }
            try reader.finish()
            return nil
        }
        guard request.hasGrace else { return self.ports.unloadGrace }
        let grace = reader.duration(request.grace, in: .zero...Self.longestGrace, "grace")
        try reader.finish()
        return grace
    }
}

extension Inference.LoadProgress {
    /// Of what waits for a slow client, only the newest of each phase counts.
    var relayKey: String? { "\(self.model) \(self.phase)" }
}
