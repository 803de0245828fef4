internal import GRPCCore
internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension RegistryService {
    func installModel(
        request: Roundhouse_V1_InstallModelRequest,
        response: RPCWriter<Roundhouse_V1_InstallModelResponse>,
        context: ServerContext
    ) async throws {
        try await self.answering {
            let installation = try Installing(request)
            try self.checkInstallable(installation)
            try await self.fileWork.on(installation.model) {
                let (model, version) = try await ProgressRelay<InstallProgress>(key: { "\($0.phase)" }).run {
                    report in
                    try await self.install(installation, report: report)
                } write: { updates in
                    try await response.write(contentsOf: updates.map(Roundhouse_V1_InstallModelResponse.init))
                }
                try await response.write(
                    .with {
                        $0.phase = .completed
                        let size = model.versions.first { $0.version == version }?.sizeBytes ?? 0
                        ($0.receivedBytes, $0.totalBytes) = (size, size)
                        $0.model = self.message(model)
                        $0.version = version
                    }
                )
            }
        }
    }

    func uninstallModel(
        request: Roundhouse_V1_UninstallModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_UninstallModelResponse {
        try await self.answering {
            let id = try ModelLookup(self.ports).registeredModel(request.model).id
            return try await self.fileWork.on(id) {
                // Read again: what was there before the wait for others may be gone.
                let model = try ModelLookup(self.ports).registeredModel(request.model)
                let removed =
                    request.version.isEmpty
                    ? try await self.uninstall(model) : try await self.uninstall(request.version, of: model)
                return try await self.deleteFiles(of: removed)
            }
        }
    }
}

// MARK: - Installing

/// What `InstallModel` is to do.
private struct Installing: Sendable {
    var model: ModelID
    var file: ModelFileRequest
    var activate: Bool
    /// What a new model is registered as; a model that exists keeps what it has.
    var description: ModelDescription

    /// - Throws: ``ServiceError`` that names every field at fault.
    init(_ request: Roundhouse_V1_InstallModelRequest) throws(ServiceError) {
        var reader = FieldReader()
        let name = reader.fileName(request.name, upTo: 128, "name")
        let source = reader.source(request.source)
        self.activate = request.activate
        let version = request.version.isEmpty ? nil : reader.fileName(request.version, upTo: 63, "version")
        let sha256 = reader.sha256(request.sha256, "sha256")
        let displayName = reader.text(request.displayName, upTo: 256, "display_name")
        let tags = reader.tags(request.tags, "tags")
        let settings = reader.engineSettings(request.engineSettings)
        try reader.finish()
        guard let model = ModelID(provider: .local, name: name), let source else { throw .modelNotFound(name) }
        self.model = model
        self.file = ModelFileRequest(name: name, source: source, sha256: sha256, version: version)
        self.description = ModelDescription(
            id: model,
            displayName: displayName.isEmpty ? nil : displayName,
            engine: RegistryService.engine(of: ProviderID.local.rawValue),
            engineSettings: settings,
            isLazy: request.lazy,
            tags: tags,
            provenance: Provenance(source: .api)
        )
    }
}

extension FieldReader {
    fileprivate mutating func source(
        _ source: Roundhouse_V1_InstallModelRequest.OneOf_Source?
    ) -> ModelFileRequest.Source? {
        switch source {
        case .path(let path): return .path(self.absolutePath(path, "path"))
        case .url(let text) where text.hasPrefix(InstallableModels.scheme):
            let name = String(text.dropFirst(InstallableModels.scheme.count))
            if InstallableModels.names.contains(name) { return .recipe(name) }
            let known = InstallableModels.names.map { InstallableModels.scheme + $0 }.joined(separator: ", ")
            self.report("url", found: text, expected: "one of \(known)")
            return nil
        case .url(let text):
            // A query may hold the signature that opens the download; only what is before it is checked.
            let address = text.prefix { $0 != "?" && $0 != "#" }
            if case .success(let url) = EndpointURL.parse(String(address)), url.isEncrypted || url.isLoopback,
                text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            {
                return .url(text)
            }
            let shown = address.contains("@") ? "an address with a user name" : String(address)
            self.report("url", found: shown, expected: "an https address, or http to this machine, without a user name")
            return nil
        case nil:
            self.report("source", found: "", expected: "path or url")
            return nil
        }
    }
}

extension RegistryService {
    /// What can be refused before gigabytes are moved.
    private func checkInstallable(_ installation: Installing) throws(ServiceError) {
        let snapshot = self.ports.registry.snapshot
        guard let provider = snapshot.provider(.local) else {
            throw .refused("LOCAL_DISABLED", "local models are switched off: set local.enabled in the configuration")
        }
        if provider.acceptsAnyModel { return }
        guard let model = snapshot.model(installation.model), let version = installation.file.version,
            model.versions.contains(where: { $0.version == version })
        else { return }
        throw ServiceError(RegistryEditError.alreadyExists("version '\(version)' of model '\(model.id)'"))
    }

    private func install(
        _ installation: Installing,
        report: @escaping @Sendable (InstallProgress) -> Void
    ) async throws -> (model: ModelDescription, version: String) {
        let file = try await self.ports.files.install(installation.file, report: report)
        report(
            InstallProgress(
                phase: .registering, receivedBytes: file.facts.sizeBytes, totalBytes: file.facts.sizeBytes))
        do {
            return (try await self.register(file, of: installation), file.version)
        } catch {
            // Nothing half-registered: unless the file is in the registry now, it goes.
            if !self.isRegistered(path: file.facts.path) { _ = try? await self.ports.files.remove(file.facts.path) }
            throw error
        }
    }

    private func register(_ file: InstalledFile, of installation: Installing) async throws -> ModelDescription {
        let version = ModelVersion(
            version: file.version,
            path: file.facts.path,
            sha256: file.sha256,
            sizeBytes: file.facts.sizeBytes,
            createdAtMicroseconds: self.ports.now().microsecondsSince1970,
            isInstalled: true
        )
        var description = installation.description
        description.take(file.facts)
        // A loaded model changes its version by a switch, which drops no request.
        let switches = installation.activate && ModelLookup(self.ports).isLoaded(installation.model)
        var (model, dropped) = try await self.ports.editor.addVersion(
            version, to: description, activate: installation.activate && !switches)
        if switches {
            let editor = self.ports.editor
            model = try await self.ports.switching.switchVersion(of: model.id, to: file.version) {
                [id = model.id] () async throws(RegistryEditError) in
                try await editor.updateModel(id, etag: nil, validateOnly: false) { $0.activeVersion = file.version }
            }
        }
        for version in dropped where version.isInstalled && !self.isRegistered(path: version.path) {
            // What is left of an old version is no reason to call the new one's installation failed.
            try? await self.drain(model.id, version: version.version, reason: "its version was replaced")
            _ = try? await self.ports.files.remove(version.path)
        }
        return model
    }

    private func isRegistered(path: String) -> Bool {
        self.ports.registry.snapshot.models.contains { $0.versions.contains { $0.path == path } }
    }
}

// MARK: - Uninstalling

extension RegistryService {
    /// - Returns: the versions whose files are to be deleted.
    private func uninstall(_ model: ModelDescription) async throws -> [ModelRegistry.ModelVersion] {
        try self.checkForgettable(model)
        if let foreign = model.versions.first(where: { !$0.isInstalled }) {
            throw Self.notInstalled(model, path: foreign.path)
        }
        guard !model.versions.isEmpty else { throw Self.notInstalled(model, path: "") }
        try await self.forget(model, etag: nil, reason: "UninstallModel was called")
        return model.versions
    }

    private func uninstall(
        _ name: String,
        of model: ModelDescription
    ) async throws -> [ModelRegistry.ModelVersion] {
        guard let version = model.versions.first(where: { $0.version == name }) else {
            throw ServiceError.versionNotFound(name, of: model)
        }
        guard name != model.activeVersion else { throw Self.isActive(name, of: model) }
        guard version.isInstalled else { throw Self.notInstalled(model, path: version.path) }
        try await self.drain(model.id, version: name, reason: "UninstallModel was called")
        _ = try await self.ports.editor.updateModel(model.id, etag: nil, validateOnly: false) {
            entry throws(RegistryEditError) in
            guard entry.activeVersion != name else {
                throw .blocked("version '\(name)' has become the active one of model '\(entry.id)' meanwhile")
            }
            entry.versions.removeAll { $0.version == name }
        }
        return [version]
    }

    private func deleteFiles(
        of versions: [ModelRegistry.ModelVersion]
    ) async throws -> Roundhouse_V1_UninstallModelResponse {
        var response = Roundhouse_V1_UninstallModelResponse()
        for version in versions where !self.isRegistered(path: version.path) {
            response.freedBytes += try await self.ports.files.remove(version.path)
            response.deletedPaths.append(version.path)
        }
        return response
    }

    private static func notInstalled(_ model: ModelDescription, path: String) -> ServiceError {
        .refused(
            "NOT_INSTALLED",
            path.isEmpty
                ? "model '\(model.id)' has no files here"
                : "InstallModel did not bring '\(path)' of model '\(model.id)': DeleteModel forgets it and leaves the file",
            metadata: ["model": "\(model.id)", "path": path]
        )
    }

    private static func isActive(_ version: String, of model: ModelDescription) -> ServiceError {
        .refused(
            "VERSION_ACTIVE",
            "version '\(version)' is the one that answers for model '\(model.id)': make another one active first",
            metadata: ["model": "\(model.id)", "version": version]
        )
    }
}
