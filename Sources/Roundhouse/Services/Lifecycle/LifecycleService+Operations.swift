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
            // Nobody named: all.
            let plan = WarmUp.Request(models: models.isEmpty ? nil : models, includesLazy: request.includeLazy)
            let warmUp = self.ports.warmUp
            let summary = try await ProgressRelay<WarmUp.Update>(key: \.relayKey).run { report in
                try await warmUp.run(plan, report: report)
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
            let plan = try self.profile(request)
            let profiling = self.ports.profiling
            let result = try await ProgressRelay<Profiler.Update>(key: \.relayKey).run { report in
                try await profiling.profiler.profile(plan, report: report, perform: profiling.measure)
            } write: { updates in
                try await response.write(
                    contentsOf: updates.map { Roundhouse_V1_ProfileModelResponse($0, of: plan.runs) })
            }
            try await self.keep(result, of: plan.model)
            try await response.write(.with { $0.profile = .init(result) })
        }
    }

    /// - Throws: ``ServiceError`` that names every field at fault, or for a model that is not there or disabled.
    private func profile(_ request: Roundhouse_V1_ProfileModelRequest) throws -> Profiler.Request {
        var reader = FieldReader()
        let runs = reader.optional(request.runCount, upTo: 1000, "run_count") ?? 10
        let tokens = reader.optional(request.maxOutputTokens, upTo: 4096, "max_output_tokens") ?? 32
        try reader.finish()
        let model = try ModelLookup(self.ports).model(request.model)
        guard model.isEnabled else { throw LifecycleError.disabled(model.id) }
        return Profiler.Request(
            model: model.id, runs: runs, prompt: request.prompt, maxOutputTokens: tokens,
            isEmbedding: model.category == .embedding)
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

extension WarmUp.Update {
    /// Results are never replaced.
    fileprivate var relayKey: String? {
        switch self {
        case .progress(let progress): progress.relayKey
        case .result: nil
        }
    }
}

extension Profiler.Update {
    /// Runs are never replaced.
    fileprivate var relayKey: String? {
        switch self {
        case .progress(let progress): progress.relayKey
        case .run, .failedRun: nil
        }
    }
}
