internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

extension RegistryService {
    func listModels(
        request: Roundhouse_V1_ListModelsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListModelsResponse {
        try await self.answering {
            let limit = try Paging.limit(request.pageSize)
            var provider: ProviderID?
            if !request.provider.isEmpty {
                var reader = FieldReader()
                provider = reader.providerID(request.provider, "provider")
                try reader.finish()
            }
            let query = try RegistryQuery(filter: request.filter, orderBy: request.orderBy, provider: provider)
            let lookup = ModelLookup(self.ports)
            // Statistics are copied whole: only for a question that needs them.
            let statistics = query.needsFacts ? self.ports.statistics().models : [:]
            let page = try query.page(
                of: lookup.snapshot, size: limit, token: request.pageToken, isListed: self.listing(in: lookup.snapshot)
            ) { model in
                query.needsFacts ? lookup.facts(of: model, statistics[model.id]) : RuntimeFacts()
            }
            return .with {
                $0.models = page.rows.map { lookup.message($0.model) }
                $0.nextPageToken = page.nextToken
                $0.totalSize = Int32(clamping: page.totalSize)
            }
        }
    }

    func getModel(
        request: Roundhouse_V1_GetModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetModelResponse {
        try await self.answering {
            let lookup = ModelLookup(self.ports)
            let model = try lookup.model(request.model)
            return .with { $0.model = lookup.message(model) }
        }
    }

    func createModel(
        request: Roundhouse_V1_CreateModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_CreateModelResponse {
        try await self.answering {
            let model = try await self.newModel(from: request.model)
            let created = try await self.ports.editor.createModel(model, validateOnly: request.validateOnly)
            return .with { $0.model = self.message(created) }
        }
    }

    func updateModel(
        request: Roundhouse_V1_UpdateModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_UpdateModelResponse {
        try await self.answering {
            let model = try ModelLookup(self.ports).registeredModel(request.model.id, field: "model.id")
            let changes = try ModelReader.table.changes(by: request.model, mask: request.updateMask)
            let updated = try await self.update(
                model, changes: changes, etag: request.model.etag.asEtag, validateOnly: request.validateOnly)
            if model.isEnabled, !updated.isEnabled, !request.validateOnly { self.beginDraining(updated.id) }
            return .with { $0.model = self.message(updated) }
        }
    }

    func enableModel(
        request: Roundhouse_V1_EnableModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_EnableModelResponse {
        try await self.answering {
            let model = try await self.setEnabled(true, request.model)
            return .with { $0.model = self.message(model) }
        }
    }

    func disableModel(
        request: Roundhouse_V1_DisableModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_DisableModelResponse {
        try await self.answering {
            let model = try await self.setEnabled(false, request.model)
            self.beginDraining(model.id)
            return .with { $0.model = self.message(model) }
        }
    }

    func deleteModel(
        request: Roundhouse_V1_DeleteModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_DeleteModelResponse {
        try await self.answering {
            let model = try ModelLookup(self.ports).registeredModel(request.model)
            try await self.fileWork.on(model.id) {
                try await self.forget(model, etag: request.etag.asEtag, reason: "DeleteModel was called")
            }
            return .init()
        }
    }
}

// MARK: - How it is done

extension RegistryService {
    /// Changes a registration. Where that makes another version of a loaded model the active one, that version is loaded
    /// first, and the old one drained after, so that no request waits or is dropped.
    func update(
        _ model: ModelDescription,
        changes: FieldChanges<Roundhouse_V1_Model, ModelDescription>,
        etag: String?,
        validateOnly: Bool
    ) async throws -> ModelDescription {
        let editor = self.ports.editor
        let version = changes.message.activeVersion
        guard changes.contains("active_version"), version != model.activeVersion, !validateOnly,
            ModelLookup(self.ports).isLoaded(model.id)
        else {
            return try await editor.updateModel(model.id, etag: etag, validateOnly: validateOnly) {
                entry throws(RegistryEditError) in try changes.apply(to: &entry)
            }
        }
        // Before minutes of loading: what is wrong with the change is known now.
        _ = try await editor.updateModel(model.id, etag: etag, validateOnly: true) {
            entry throws(RegistryEditError) in try changes.apply(to: &entry)
        }
        return try await self.ports.switching.switchVersion(of: model.id, to: version) {
            () async throws(RegistryEditError) in
            try await editor.updateModel(model.id, etag: etag, validateOnly: false) {
                entry throws(RegistryEditError) in try changes.apply(to: &entry)
            }
        }
    }

    /// Takes a model out of use and out of memory, then out of the registry. When the last step is refused, it is as it
    /// was before.
    func forget(_ model: ModelDescription, etag: String?, reason: String) async throws {
        try self.checkForgettable(model)
        let disabled = try await self.ports.editor.updateModel(model.id, etag: etag, validateOnly: false) {
            $0.isEnabled = false
        }
        do {
            try await self.drain(model.id, reason: reason)
            try await self.ports.editor.deleteModel(model.id, etag: disabled.provenance.etag)
        } catch {
            if model.isEnabled {
                _ = try? await self.ports.editor.updateModel(model.id, etag: nil, validateOnly: false) {
                    $0.isEnabled = true
                }
            }
            throw error
        }
    }

    /// What the registry would refuse to forget is refused before anything is unloaded.
    func checkForgettable(_ model: ModelDescription) throws(ServiceError) {
        if model.provenance.source == .config { throw .configOwned("model '\(model.id)'") }
        let aliases = self.ports.registry.snapshot.aliasNames(of: model.id)
        guard aliases.isEmpty else {
            let names = aliases.map { "'\($0)'" }.joined(separator: ", ")
            throw .refused(
                "MODEL_IN_USE",
                "model '\(model.id)' is what alias \(names) leads to: change or delete the alias first",
                metadata: ["model": "\(model.id)", "aliases": aliases.joined(separator: ",")]
            )
        }
    }

    private func setEnabled(_ isEnabled: Bool, _ text: String) async throws -> ModelDescription {
        let model = try ModelLookup(self.ports).registeredModel(text)
        return try await self.ports.editor.updateModel(model.id, etag: nil, validateOnly: false) {
            $0.isEnabled = isEnabled
        }
    }

    /// Unloads a disabled model without waiting for its requests to end.
    private func beginDraining(_ model: ModelID) {
        guard ModelLookup(self.ports).isManaged(model) else { return }
        // task: requests may go on for minutes; the manager owns the unloading, and nobody waits for it here.
        Task { [self] in try? await self.drain(model, reason: "it was disabled") }
    }

    /// - Throws: ``ServiceError``, or ``ModelFileError`` for a file that is no usable model.
    private func newModel(from message: Roundhouse_V1_Model) async throws -> ModelDescription {
        var reader = FieldReader("model.")
        let id = reader.modelID(message.id, "id")
        guard let id else {
            try reader.finish()
            throw ServiceError.modelNotFound(message.id)
        }
        reader.expect(message.provider, toBe: id.provider.rawValue, "provider")
        reader.expect(message.name, toBe: id.name, "name")
        guard let provider = self.ports.registry.snapshot.provider(id.provider) else {
            throw ServiceError.providerNotFound(id.provider.rawValue)
        }
        var model = ModelDescription(
            id: id,
            priority: provider.priority,
            engine: Self.engine(of: provider.kind),
            provenance: Provenance(source: .api)
        )
        let version = reader.firstVersion(of: message, isLocal: id.provider == .local)
        for field in ModelReader.table.fields where field.hasValue(message) && field.path != "active_version" {
            field.set(message, &model, &reader)
        }
        try reader.finish()
        if message.category == .unspecified { model.category = ModelCategory(of: model.capabilities) ?? model.category }
        if var version {
            let facts = try await self.ports.files.inspect(version.path)
            version.sizeBytes = facts.sizeBytes
            version.createdAtMicroseconds = self.ports.now().microsecondsSince1970
            model.take(facts, unless: message)
            model.versions = [version]
            model.activeVersion = version.version
        }
        return model
    }

    /// ``ModelRuntime/name`` of what runs a provider's models; `nil` for those that are not loaded.
    static func engine(of kind: String) -> String? {
        switch kind {
        case ProviderID.local.rawValue: "llama.cpp"
        case "ollama", "lm_studio": kind
        default: nil
        }
    }
}

extension ModelDescription {
    /// Takes what its file says, where `message` says nothing.
    mutating func take(_ facts: ModelFileFacts, unless message: Roundhouse_V1_Model = .init()) {
        self.sizeBytes = facts.sizeBytes
        if message.contextLength == 0 { self.contextLength = facts.contextLength }
        if message.capabilities.isEmpty { self.capabilities = facts.capabilities }
        if message.category == .unspecified { self.category = facts.category }
    }
}

extension FieldReader {
    /// A field that follows from the id: it may be left out, and must not contradict.
    fileprivate mutating func expect(_ text: String, toBe expected: String, _ field: String) {
        if !text.isEmpty, text != expected {
            self.report(field, found: text, expected: "'\(expected)', as the id says, or nothing")
        }
    }

    /// The version that a new model begins with: a local one has exactly one, others have none.
    fileprivate mutating func firstVersion(
        of message: Roundhouse_V1_Model,
        isLocal: Bool
    ) -> ModelRegistry.ModelVersion? {
        guard isLocal else {
            if !message.versions.isEmpty {
                self.report(
                    "versions", found: "\(message.versions.count) versions",
                    expected: "none: only models of the provider 'local' are files")
            }
            return nil
        }
        guard message.versions.count == 1, let first = message.versions.first else {
            self.report(
                "versions", found: "\(message.versions.count) versions", expected: "one version with the path of a file"
            )
            return nil
        }
        if !first.sha256.isEmpty {
            self.report("versions[0].sha256", found: first.sha256, expected: "nothing: InstallModel checks checksums")
        }
        let version = first.version.isEmpty ? "1" : self.fileName(first.version, upTo: 63, "versions[0].version")
        return ModelRegistry.ModelVersion(
            version: version, path: self.absolutePath(first.path, "versions[0].path"))
    }
}
