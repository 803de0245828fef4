import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Testing

extension Gateway {
    /// Loads a model and returns every message of the load.
    @discardableResult
    func load(_ model: String) async throws -> [Roundhouse_V1_LoadModelResponse] {
        try await self.lifecycle.loadModel(.with { $0.model = model }) { try await $0.collected() }
    }

    /// The error of a load that must fail.
    func failure(ofLoading model: String) async throws -> RPCError {
        let gateway = self
        return try await #require(throws: RPCError.self) { try await gateway.load(model) }
    }

    func unload(_ model: String) async throws -> Roundhouse_V1_UnloadModelResponse {
        try await self.lifecycle.unloadModel(.with { $0.model = model })
    }

    func warmUp(_ models: String...) async throws -> [Roundhouse_V1_WarmUpResponse] {
        try await self.lifecycle.warmUp(.with { $0.models = models }) { try await $0.collected() }
    }

    func model(_ id: String) async throws -> Roundhouse_V1_Model {
        try await self.registry.getModel(.with { $0.model = id }).model
    }

    /// What is in memory or on its way there.
    func loaded() async throws -> Roundhouse_V1_ListLoadedModelsResponse {
        try await self.lifecycle.listLoadedModels(.init())
    }

    /// Every event that is kept, oldest first.
    func events(_ type: Roundhouse_V1_EventType? = nil) async throws -> [Roundhouse_V1_Event] {
        let response = try await self.lifecycle.listEvents(
            .with {
                $0.pageSize = 1000
                if let type { $0.types = [type] }
            })
        return response.events.reversed()
    }

    func plan(_ model: String) async throws -> Roundhouse_V1_LoadPlan {
        try await self.lifecycle.planLoad(.with { $0.model = model }).plan
    }

    /// Installs a file and returns every message of it.
    func install(
        _ edit: (inout Roundhouse_V1_InstallModelRequest) -> Void
    ) async throws -> [Roundhouse_V1_InstallModelResponse] {
        try await self.registry.installModel(.with { edit(&$0) }) { try await $0.collected() }
    }
}

extension StreamingClientResponse {
    /// Every message, in order.
    func collected() async throws -> [Message] {
        var messages: [Message] = []
        for try await message in self.messages { messages.append(message) }
        return messages
    }
}
