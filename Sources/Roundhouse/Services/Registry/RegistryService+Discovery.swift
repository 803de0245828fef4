internal import GRPCCore
internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension RegistryService {
    func discoverModels(
        request: Roundhouse_V1_DiscoverModelsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_DiscoverModelsResponse {
        try await self.answering {
            let providers = try self.providersToAsk(request.providers)
            // All at once: one that is slow or down delays nobody else.
            let found = try await withThrowingTaskGroup { group in
                for provider in providers {
                    group.addTask { try await (provider, self.discover(provider, validateOnly: request.validateOnly)) }
                }
                var found: [ProviderID: Roundhouse_V1_ProviderDiscovery] = [:]
                for try await (provider, discovery) in group { found[provider] = discovery }
                return found
            }
            return .with { $0.providers = providers.compactMap { found[$0] } }
        }
    }

    func detectCapabilities(
        request: Roundhouse_V1_DetectCapabilitiesRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_DetectCapabilitiesResponse {
        try await self.answering {
            let model = try ModelLookup(self.ports).registeredModel(request.model)
            let detected = try await self.ports.discovery.detect(model, request.probe)
            let current =
                request.update
                ? try await self.ports.editor.updateModel(model.id, etag: nil, validateOnly: false) {
                    $0.take(detected)
                } : model
            return .with {
                $0.capabilities = detected.capabilities.map(Roundhouse_V1_DetectedCapability.init)
                $0.contextLength = Int64(detected.contextLength ?? 0)
                $0.architecture = detected.architecture ?? ""
                $0.hasChatTemplate_p = detected.hasChatTemplate
                $0.model = self.message(current)
            }
        }
    }

    /// Those named, or all that are enabled and can be asked.
    private func providersToAsk(_ names: [String]) throws(ServiceError) -> [ProviderID] {
        let snapshot = self.ports.registry.snapshot
        guard !names.isEmpty else {
            return snapshot.providers.filter { $0.isEnabled }.map(\.id)
                .filter { self.ports.discovery.lister($0) != nil }
        }
        var reader = FieldReader()
        var providers: [ProviderID] = []
        for (index, name) in names.enumerated() {
            guard let id = reader.providerID(name, "providers[\(index)]"), !providers.contains(id) else { continue }
            providers.append(id)
        }
        try reader.finish()
        for id in providers where snapshot.provider(id) == nil { throw .providerNotFound(id.rawValue) }
        return providers
    }

    /// - Throws: ``RegistryEditError`` when what was found cannot be registered. A provider that cannot be asked is a
    ///   result, since the others can.
    private func discover(
        _ provider: ProviderID,
        validateOnly: Bool
    ) async throws -> Roundhouse_V1_ProviderDiscovery {
        guard let lister = self.ports.discovery.lister(provider) else {
            return .init(error: "it has no way to say what models it has", of: provider)
        }
        let listing: ModelListing
        do throws(UpstreamFault) {
            listing = try await lister.listModels()
        } catch {
            if error.kind == .cancelled { throw CancellationError() }
            return .init(error: "\(error.reason): \(error.message)", of: provider)
        }
        let report = try await self.ports.editor.takeDiscovery(listing, from: provider, validateOnly: validateOnly)
        return .init(report, skipped: listing.skipped, of: provider)
    }
}

extension ModelDescription {
    /// Takes what was found out; what was not asked for stays.
    fileprivate mutating func take(_ detected: DetectedCapabilities) {
        for finding in detected.capabilities {
            if finding.isSupported {
                self.capabilities.insert(finding.capability)
            } else {
                self.capabilities.remove(finding.capability)
            }
        }
        if let contextLength = detected.contextLength { self.contextLength = contextLength }
    }
}
