internal import GRPCCore
internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import Routing
internal import SwiftProtobuf

/// `roundhouse.v1.RegistryService`: what the gateway can route to.
struct RegistryService: Roundhouse_V1_RegistryService.SimpleServiceProtocol {
    let registry: Registry
    let router: Router

    func listModels(
        request: Roundhouse_V1_ListModelsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListModelsResponse {
        let snapshot = self.registry.snapshot
        var models = snapshot.models
        if !request.provider.isEmpty {
            models = models.filter { $0.id.provider.rawValue == request.provider }
        }
        let page = try Paging.page(
            models,
            size: request.pageSize,
            token: request.pageToken,
            key: { $0.id.description }
        )
        return .with {
            $0.models = page.elements.map { self.message($0, in: snapshot) }
            $0.nextPageToken = page.nextToken
        }
    }

    func getModel(
        request: Roundhouse_V1_GetModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetModelResponse {
        let snapshot = self.registry.snapshot
        let model: ModelDescription?
        switch InferenceRequest.Target(request.model) {
        case .model(let id):
            model = snapshot.model(id)
        case .alias(let name):
            model = snapshot.alias(name)?.targets.first.flatMap(snapshot.model)
        case .automatic, nil:
            let violation = FieldViolation(
                "model",
                found: request.model,
                expected: "a model id (\(ModelID.expectation)) or an alias"
            )
            throw RequestFailure(cause: .invalidRequest([violation]), requestID: "")
        }
        guard let model else {
            throw RequestFailure(cause: .modelNotFound(requested: request.model), requestID: "")
        }
        return .with { $0.model = self.message(model, in: snapshot) }
    }

    func listProviders(
        request: Roundhouse_V1_ListProvidersRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListProvidersResponse {
        let snapshot = self.registry.snapshot
        let page = try Paging.page(
            snapshot.providers,
            size: request.pageSize,
            token: request.pageToken,
            key: { $0.id.rawValue }
        )
        return .with {
            $0.providers = page.elements.map { provider in
                .with {
                    $0.id = provider.id.rawValue
                    $0.kind = provider.kind
                    $0.baseURL = provider.baseURL ?? ""
                    $0.hasCredentials_p = provider.hasCredentials
                    $0.modelCount = Int32(clamping: snapshot.modelCount(of: provider.id))
                }
            }
            $0.nextPageToken = page.nextToken
        }
    }

    private func message(_ model: ModelDescription, in snapshot: RegistrySnapshot) -> Roundhouse_V1_Model {
        .with {
            $0.id = model.id.description
            $0.provider = model.id.provider.rawValue
            $0.name = model.id.name
            $0.displayName = model.displayName
            $0.capabilities = model.capabilities.sorted().map(Roundhouse_V1_Capability.init)
            $0.contextLength = Int64(model.contextLength ?? 0)
            $0.maxOutputTokens = Int64(model.maxOutputTokens ?? 0)
            $0.priority = Int32(clamping: model.priority)
            $0.aliases = snapshot.aliasNames(of: model.id)
            $0.sizeBytes = model.sizeBytes ?? 0
            ($0.state, $0.stateReason) = Roundhouse_V1_ModelState.of(self.router.availability(of: model.id))
        }
    }
}

extension Roundhouse_V1_ModelState {
    static func of(_ availability: ProviderAvailability) -> (Roundhouse_V1_ModelState, reason: String) {
        switch availability {
        case .available: (.ready, "")
        case .loading: (.loading, "its engine is starting")
        case .unloaded: (.unloaded, "its engine starts with its first request")
        case .unavailable(let reason): (.failed, reason)
        }
    }
}

extension Roundhouse_V1_Capability {
    init(_ capability: Inference.Capability) {
        switch capability {
        case .chat: self = .chat
        case .streaming: self = .streaming
        case .tools: self = .tools
        case .jsonSchema: self = .jsonSchema
        case .vision: self = .vision
        case .reasoning: self = .reasoning
        case .embeddings: self = .embeddings
        case .completion: self = .completion
        case .prefill: self = .prefill
        }
    }
}
