internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension RegistryService {
    func listAliases(
        request: Roundhouse_V1_ListAliasesRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListAliasesResponse {
        let page = try Paging.page(
            self.ports.registry.snapshot.aliases, size: request.pageSize, token: request.pageToken, key: \.name)
        return .with {
            $0.aliases = page.elements.map { Roundhouse_V1_Alias($0, withHistory: false) }
            $0.nextPageToken = page.nextToken
        }
    }

    func getAlias(
        request: Roundhouse_V1_GetAliasRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetAliasResponse {
        let alias = try self.alias(request.alias)
        return .with { $0.alias = .init(alias, withHistory: true) }
    }

    func updateAlias(
        request: Roundhouse_V1_UpdateAliasRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_UpdateAliasResponse {
        try await self.answering {
            let change = try AliasChange(request.alias)
            let alias = try await self.ports.editor.updateAlias(
                change.name,
                targets: change.targets,
                mode: change.mode,
                etag: request.alias.etag.asEtag,
                allowMissing: request.allowMissing,
                reason: try Self.reason(request.reason),
                validateOnly: request.validateOnly
            )
            return .with { $0.alias = .init(alias, withHistory: true) }
        }
    }

    func deleteAlias(
        request: Roundhouse_V1_DeleteAliasRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_DeleteAliasResponse {
        try await self.answering {
            let alias = try self.alias(request.alias)
            if alias.provenance.source == .config { throw ServiceError.configOwned("alias '\(alias.name)'") }
            try await self.ports.editor.deleteAlias(alias.name, etag: request.etag.asEtag)
            return .init()
        }
    }

    func switchModel(
        request: Roundhouse_V1_SwitchModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_SwitchModelResponse {
        try await self.answering {
            let alias = try self.alias(request.alias)
            var reader = FieldReader()
            let id = reader.modelID(request.model, "model")
            try reader.finish()
            guard let id, let model = ModelLookup(self.ports).snapshot.model(id) else {
                throw ServiceError.modelNotFound(request.model)
            }
            guard model.isEnabled else { throw LifecycleError.disabled(id) }
            var change = AliasSwitch(alias: alias.name, model: id, reason: try Self.reason(request.reason))
            change.etag = request.etag.asEtag
            change.keepsPreviousLoaded = request.keepPreviousLoaded
            change.isDryRun = request.validateOnly
            return .init(try await self.ports.switching.switchAlias(change))
        }
    }

    func rollbackAlias(
        request: Roundhouse_V1_RollbackAliasRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_RollbackAliasResponse {
        try await self.answering {
            let alias = try self.alias(request.alias)
            let revision = request.revision.asEtag
            guard !alias.history.isEmpty else {
                throw ServiceError.refused(
                    "NO_HISTORY", "alias '\(alias.name)' never led to anything else", metadata: ["alias": alias.name])
            }
            if let revision, !alias.history.contains(where: { $0.etag == revision }) {
                let known = alias.history.map(\.etag).joined(separator: ", ")
                throw ServiceError.invalid(
                    "revision", found: revision, expected: "the etag of a revision in the alias's history: \(known)")
            }
            let outcome = try await self.ports.switching.rollBack(
                alias.name, to: revision, etag: request.etag.asEtag, reason: try Self.reason(request.reason))
            return .with {
                $0.alias = .init(outcome.alias, withHistory: true)
                $0.previousModel = outcome.previousModel?.description ?? ""
            }
        }
    }

    private func alias(_ name: String) throws(ServiceError) -> ModelRegistry.Alias {
        var reader = FieldReader()
        _ = reader.aliasName(name, "alias")
        try reader.finish()
        guard let alias = self.ports.registry.snapshot.alias(name) else { throw .aliasNotFound(name) }
        return alias
    }

    private static func reason(_ text: String) throws(ServiceError) -> String {
        var reader = FieldReader()
        let reason = reader.text(text, upTo: 1024, "reason")
        try reader.finish()
        return reason
    }
}
