import Inference

/// Joins what a provider lists with what is registered for it. Pure.
///
/// Some listings tell names and nothing else: what the ``ModelCatalog`` knows of these models fills the gaps.
///
/// It never deletes, and of what a person registered it changes nothing but whether it is there.
struct DiscoveryMerge {
    /// New and changed models, with the provenance that they had.
    private(set) var changed: [ModelDescription] = []
    private(set) var report = DiscoveryReport()

    private let provider: ProviderDescription
    private let now: Int64
    private let known: [ModelID: ModelDescription]
    /// Which model a file belongs to.
    private let owners: [String: ModelID]
    private var found: Set<ModelID> = []

    /// - Parameter models: Those of the provider.
    init(_ listing: ModelListing, from provider: ProviderDescription, models: [ModelDescription], now: Int64) {
        self.provider = provider
        self.now = now
        self.known = Dictionary(models.map { ($0.id, $0) }) { first, _ in first }
        let files = models.flatMap { model in model.versions.map { ($0.path, model.id) } }
        self.owners = Dictionary(files) { first, _ in first }
        self.report.skipped = listing.skipped
        for model in listing.models { self.take(ModelCatalog.completing(model, kind: provider.kind)) }
        for model in models where !self.found.contains(model.id) { self.miss(model) }
    }

    private mutating func take(_ listed: ListedModel) {
        guard let id = ModelID(provider: self.provider.id, name: listed.name) else {
            let name = FieldChecks.quoted(listed.name)
            self.report.skipped.append("\(name): its name cannot be part of a model id, which has no white space")
            return
        }
        // A file that a registered model answers with is that model, whatever the folder would call it.
        let owner = listed.path.flatMap { self.owners[$0] } ?? id
        if owner != id {
            if self.found.insert(owner).inserted { self.confirm(owner) }
            return
        }
        guard self.found.insert(id).inserted else {
            self.report.skipped.append(
                "'\(listed.name)': it is listed twice\(listed.path.map { ", again at \($0)" } ?? "")")
            return
        }
        guard let current = self.known[id] else {
            self.changed.append(self.newModel(id, listed))
            self.report.added.append(id)
            return
        }
        guard current.provenance.source == .discovered else { return self.confirm(id) }
        var updated = current
        updated.isMissing = false
        updated.takeOver(listed, now: self.now)
        self.settle(updated, current)
    }

    /// A registered model is there.
    private mutating func confirm(_ id: ModelID) {
        guard let current = self.known[id] else { return }
        var updated = current
        updated.isMissing = false
        self.settle(updated, current)
    }

    private mutating func settle(_ updated: ModelDescription, _ current: ModelDescription) {
        guard updated != current else {
            self.report.unchanged += 1
            return
        }
        self.changed.append(updated)
        self.report.changed.append(current.id)
    }

    /// A registered model was not listed.
    private mutating func miss(_ model: ModelDescription) {
        // A local model that a person registered may lie outside the folders that are searched.
        let isSearched =
            self.provider.id != .local || model.provenance.source == .discovered || model.active?.isInstalled == true
        guard isSearched, !model.isMissing else { return }
        var updated = model
        updated.isMissing = true
        self.changed.append(updated)
        self.report.gone.append(model.id)
    }

    private func newModel(_ id: ModelID, _ listed: ListedModel) -> ModelDescription {
        let category = listed.category ?? listed.capabilities.flatMap { ModelCategory(of: $0) } ?? .text
        var model = ModelDescription(
            id: id,
            category: category,
            capabilities: Self.usualCapabilities(of: category),
            priority: self.provider.priority,
            engine: Self.engine(of: self.provider.kind)
        )
        model.takeOver(listed, now: self.now)
        return model
    }

    private static func usualCapabilities(of category: ModelCategory) -> Set<Capability> {
        switch category {
        case .text: [.chat, .streaming]
        case .embedding: [.embeddings]
        case .image, .voice, .video: []
        }
    }

    /// ``ModelRuntime/name`` of what runs the models of a provider; `nil` when we do not load them.
    private static func engine(of kind: String) -> String? {
        switch kind {
        case ProviderID.local.rawValue: "llama.cpp"
        case "ollama", "lm_studio": kind
        default: nil
        }
    }
}

extension ModelDescription {
    /// The version of a file that lies in a model folder and was not installed by us.
    package static let discoveredVersion = "found"

    /// Takes over what a listing tells; what it does not tell stays.
    fileprivate mutating func takeOver(_ listed: ListedModel, now: Int64) {
        if let name = listed.displayName, !name.isEmpty { self.displayName = name }
        if let category = listed.category { self.category = category }
        if let capabilities = listed.capabilities { self.capabilities = capabilities }
        if let contextLength = listed.contextLength, contextLength > 0 { self.contextLength = contextLength }
        if let maxOutputTokens = listed.maxOutputTokens, maxOutputTokens > 0 { self.maxOutputTokens = maxOutputTokens }
        if let prices = listed.prices { self.prices = prices }
        if let sizeBytes = listed.sizeBytes { self.sizeBytes = sizeBytes }
        guard self.id.provider == .local, let path = listed.path else { return }
        let size = listed.sizeBytes ?? 0
        if let index = self.versions.firstIndex(where: { $0.path == path || $0.version == Self.discoveredVersion }) {
            self.versions[index].path = path
            self.versions[index].sizeBytes = size
        } else {
            self.versions.append(
                ModelVersion(version: Self.discoveredVersion, path: path, sizeBytes: size, createdAtMicroseconds: now))
        }
        if self.active == nil { self.activeVersion = self.versions.last?.version }
    }
}

extension RegistryDraft {
    mutating func takeDiscovery(
        _ listing: ModelListing,
        from id: ProviderID
    ) throws(RegistryEditError) -> DiscoveryReport {
        guard let provider = self.snapshot.provider(id) else { throw .providerNotFound(id.rawValue) }
        let models = self.snapshot.models.filter { $0.id.provider == id }
        let merge = DiscoveryMerge(listing, from: provider, models: models, now: self.now)
        for var model in merge.changed {
            let current = self.snapshot.listedModel(model.id)?.provenance
            model.provenance = self.stamp(current, source: current == nil ? .discovered : nil)
            self.put(model)
        }
        guard !merge.changed.isEmpty else { return merge.report }
        // One event for all of them: a provider may list thousands.
        let counts = [
            "added": "\(merge.report.added.count)", "changed": "\(merge.report.changed.count)",
            "gone": "\(merge.report.gone.count)",
        ]
        self.tell(.discovered, provider: id, revision: provider.provenance.revision, details: counts)
        return merge.report
    }
}
