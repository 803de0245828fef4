internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension LifecycleService {
    func warmUp(
        request: Roundhouse_V1_WarmUpRequest,
        response: RPCWriter<Roundhouse_V1_WarmUpResponse>,
        context: ServerContext
    ) async throws {
        try await self.answering {
            let lookup = ModelLookup(self.ports)
            var models: [ModelID] = []
            for (index, text) in request.models.enumerated() {
                let model = try lookup.loadableModel(text, field: "models[\(index)]").id
                if !models.contains(model) { models.append(model) }
            }
            let warmUp = self.ports.operations.warmUp
            let summary = try await ProgressRelay<WarmUpUpdate>(key: \.relayKey).run {
                [models, includesLazy = request.includeLazy] report in
                try await warmUp(models, includesLazy, report)
            } write: { updates in
                try await response.write(contentsOf: updates.map(Roundhouse_V1_WarmUpResponse.init))
            }
            try await response.write(.with { $0.summary = .init(summary) })
        }
    }

    func profileModel(
        request: Roundhouse_V1_ProfileModelRequest,
        response: RPCWriter<Roundhouse_V1_ProfileModelResponse>,
        context: ServerContext
    ) async throws {
        try await self.answering {
            let settings = try ProfileSettings(request)
            let model = try ModelLookup(self.ports).model(request.model)
            guard model.isEnabled else { throw LifecycleError.disabled(model.id) }
            let profile = self.ports.operations.profile
            let result = try await ProgressRelay<ProfileUpdate>(key: \.relayKey).run { report in
                try await profile(model.id, settings, report)
            } write: { updates in
                try await response.write(contentsOf: updates.map(Roundhouse_V1_ProfileModelResponse.init))
            }
            try await self.keep(result, of: model.id)
            try await response.write(.with { $0.profile = .init(result) })
        }
    }

    /// Keeps a profile with its model. A name that its provider merely passes on is not registered, and has nothing to
    /// keep it with.
    private func keep(_ profile: ModelRegistry.ModelProfile, of model: ModelID) async throws {
        do {
            _ = try await self.ports.editor.updateModel(model, etag: nil, validateOnly: false) { $0.profile = profile }
        } catch .modelNotFound {
            return
        }
    }
}

extension ProfileSettings {
    /// - Throws: ``ServiceError`` that names every field at fault.
    fileprivate init(_ request: Roundhouse_V1_ProfileModelRequest) throws(ServiceError) {
        self.init()
        var reader = FieldReader()
        self.runs = reader.optional(request.runCount, upTo: 1000, "run_count") ?? self.runs
        self.maxOutputTokens =
            reader.optional(request.maxOutputTokens, upTo: 4096, "max_output_tokens") ?? self.maxOutputTokens
        self.prompt = request.prompt
        try reader.finish()
    }
}

extension WarmUpUpdate {
    /// Results are never replaced.
    fileprivate var relayKey: String? {
        switch self {
        case .progress(let progress): progress.relayKey
        case .result: nil
        }
    }
}

extension ProfileUpdate {
    /// Runs are never replaced.
    fileprivate var relayKey: String? {
        switch self {
        case .progress(let progress): progress.relayKey
        case .run: nil
        }
    }
}
