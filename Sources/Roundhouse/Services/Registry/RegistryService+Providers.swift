internal import GRPCCore
internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension RegistryService {
    func listProviders(
        request: Roundhouse_V1_ListProvidersRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListProvidersResponse {
        let snapshot = self.ports.registry.snapshot
        let page = try Paging.page(
            snapshot.providers, size: request.pageSize, token: request.pageToken, key: { $0.id.rawValue })
        return .with {
            $0.providers = page.elements.map { self.message($0, in: snapshot) }
            $0.nextPageToken = page.nextToken
        }
    }

    func getProvider(
        request: Roundhouse_V1_GetProviderRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetProviderResponse {
        let provider = try self.provider(request.provider)
        return .with { $0.provider = self.message(provider) }
    }

    func createProvider(
        request: Roundhouse_V1_CreateProviderRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_CreateProviderResponse {
        try await self.answering {
            var provider = try ProviderReader.newProvider(from: request.provider)
            provider.hasCredentials = provider.credentials != nil
            try await self.checkUsable(provider)
            let created = try await self.ports.editor.createProvider(provider, validateOnly: request.validateOnly)
            return .with { $0.provider = self.message(created) }
        }
    }

    func updateProvider(
        request: Roundhouse_V1_UpdateProviderRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_UpdateProviderResponse {
        try await self.answering {
            let provider = try self.provider(request.provider.id, field: "provider.id")
            let changes = try ProviderReader.table.changes(by: request.provider, mask: request.updateMask)
            let change: @Sendable (inout ProviderDescription) throws(RegistryEditError) -> Void = {
                entry throws(RegistryEditError) in
                try changes.apply(to: &entry)
                // A key of the configuration file itself is no reference, and stays.
                if changes.contains("api_key_environment") || changes.contains("api_key_file") {
                    entry.hasCredentials = entry.credentials != nil
                }
            }
            var changed = provider
            try change(&changed)
            try await self.checkUsable(changed)
            let updated = try await self.ports.editor.updateProvider(
                provider.id, etag: request.provider.etag.asEtag, validateOnly: request.validateOnly, change: change)
            return .with { $0.provider = self.message(updated) }
        }
    }

    func deleteProvider(
        request: Roundhouse_V1_DeleteProviderRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_DeleteProviderResponse {
        try await self.answering {
            let provider = try self.provider(request.provider)
            if provider.provenance.source == .config {
                throw ServiceError.configOwned("provider '\(provider.id)'")
            }
            let count = self.ports.registry.snapshot.modelCount(of: provider.id)
            guard count == 0 else {
                throw ServiceError.refused(
                    "PROVIDER_IN_USE",
                    "provider '\(provider.id)' has \(count) models: delete them first",
                    metadata: ["provider": "\(provider.id)", "model_count": "\(count)"]
                )
            }
            try await self.ports.editor.deleteProvider(provider.id, etag: request.etag.asEtag)
            return .init()
        }
    }

    private func provider(_ text: String, field: String = "provider") throws(ServiceError) -> ProviderDescription {
        var reader = FieldReader()
        let id = reader.providerID(text, field)
        try reader.finish()
        guard let id, let provider = self.ports.registry.snapshot.provider(id) else { throw .providerNotFound(text) }
        return provider
    }

    /// Refuses what no adapter could work with, before it is registered.
    private func checkUsable(_ provider: ProviderDescription) async throws(ServiceError) {
        let problems = await self.ports.discovery.problems(provider)
        guard problems.isEmpty else {
            throw .invalid(
                problems.map { FieldViolation("provider.\($0.field)", found: $0.found, expected: $0.expected) })
        }
    }

    private func message(
        _ provider: ProviderDescription,
        in snapshot: RegistrySnapshot? = nil
    ) -> Roundhouse_V1_Provider {
        let snapshot = snapshot ?? self.ports.registry.snapshot
        return Roundhouse_V1_Provider(provider, modelCount: snapshot.modelCount(of: provider.id))
    }
}
