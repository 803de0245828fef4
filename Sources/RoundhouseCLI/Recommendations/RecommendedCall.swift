internal import GRPCCore
internal import RoundhouseAPI
internal import SwiftProtobuf

/// The calls that a server may recommend. It can name no other: whoever applies advice wants to know what that can do.
enum RecommendedCall: Sendable, Hashable {
    case unload(Roundhouse_V1_UnloadModelRequest)
    case load(Roundhouse_V1_LoadModelRequest)
    case pin(Roundhouse_V1_PinModelRequest)
    case update(Roundhouse_V1_UpdateModelRequest)
    case switchAlias(Roundhouse_V1_SwitchModelRequest)
    case disable(Roundhouse_V1_DisableModelRequest)

    /// - Throws: ``CommandFailure`` for a call that is none of these, or a request that is not one of its messages.
    init(_ action: Roundhouse_V1_RecommendedAction) throws {
        let json = action.requestJson
        do {
            switch action.method {
            case "roundhouse.v1.LifecycleService/UnloadModel": self = .unload(try .init(jsonString: json))
            case "roundhouse.v1.LifecycleService/LoadModel": self = .load(try .init(jsonString: json))
            case "roundhouse.v1.LifecycleService/PinModel": self = .pin(try .init(jsonString: json))
            case "roundhouse.v1.RegistryService/UpdateModel": self = .update(try .init(jsonString: json))
            case "roundhouse.v1.RegistryService/SwitchModel": self = .switchAlias(try .init(jsonString: json))
            case "roundhouse.v1.RegistryService/DisableModel": self = .disable(try .init(jsonString: json))
            default:
                throw CommandFailure.local(
                    "the server recommends a call that this program does not make: \(action.method) \(json)",
                    hint: "make it with another client, or take the version of the server")
            }
        } catch is JSONDecodingError {
            throw CommandFailure.brokenPromise("the request of \(action.method) cannot be read: \(json)")
        }
    }

    /// Makes the call, waits for its end and shows the result.
    func perform(_ gateway: Gateway, _ console: any Console, json: Bool) async throws {
        switch self {
        case .unload(let request):
            let response = try await console.waiting(for: "unloading \(request.model)", json: json) {
                try await gateway.lifecycle.unloadModel(request, options: gateway.workOptions)
            }
            try await Self.show(response, LoadTexts.sentence(response), console, json: json)
        case .load(let request):
            let job = LoadJob(console: console, json: json)
            try await gateway.lifecycle.loadModel(request, options: gateway.workOptions) {
                try await job.follow($0.messages)
            }
        case .pin(let request):
            let model = try await gateway.lifecycle.pinModel(request, options: gateway.queryOptions).model
            let did = request.unpin ? "is no longer pinned" : "is pinned"
            try await Self.show(model, "\(model.id) \(did); it is \(StateTexts.text(model))", console, json: json)
        case .update(let request):
            let model = try await gateway.registry.updateModel(request, options: gateway.workOptions).model
            try await Self.show(model, "\(model.id) was changed (etag \(model.etag))", console, json: json)
        case .switchAlias(let request):
            let response = try await console.waiting(
                for: "switching \(request.alias) to \(request.model)", json: json
            ) {
                try await gateway.registry.switchModel(request, options: gateway.workOptions)
            }
            let sentence = SwitchTexts.sentence(response, alias: request.alias, model: request.model)
            try await Self.show(response, sentence, console, json: json)
        case .disable(let request):
            let model = try await console.waiting(for: "disabling \(request.model)", json: json) {
                try await gateway.registry.disableModel(request, options: gateway.workOptions).model
            }
            try await Self.show(model, "\(model.id) is disabled; it is \(StateTexts.text(model))", console, json: json)
        }
    }

    private static func show(
        _ result: some Message, _ sentence: String, _ console: any Console, json: Bool
    ) async throws {
        if json {
            try await console.write(json: result)
        } else {
            try await console.write(line: sentence)
        }
    }
}
