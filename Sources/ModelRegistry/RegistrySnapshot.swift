public import Inference

/// Everything that exists at one moment, indexed for lookups. Immutable: a request takes one and keeps it.
public struct RegistrySnapshot: Sendable {
    /// Shared by reference, so that taking a snapshot costs one count.
    private let contents: Contents

    /// By id.
    public var models: [ModelDescription] { self.contents.models }
    /// By priority, then what people registered before what discovery found, then by id: the order in which the router
    /// asks when the choice is its own.
    public var modelsByPriority: [ModelDescription] { self.contents.entriesByPriority.map(\.model) }
    /// By id.
    public var providers: [ProviderDescription] { self.contents.providers }
    /// By name.
    public var aliases: [Alias] { self.contents.aliases }
    /// The models with what filters want to know of them, by id.
    package var entries: [RegistryEntry] { self.contents.entries }
    /// Of ``modelsByPriority``, those that a request may get that names none: they answer with text, nobody switched
    /// them off, and discovery did not lose what it had found.
    package var automaticEntries: [RegistryEntry] { self.contents.automaticEntries }

    /// - Throws: ``RegistryError`` for two things of one name, a model of an unknown provider, or an alias that leads
    ///   nowhere.
    public init(
        providers: [ProviderDescription],
        models: [ModelDescription],
        aliases: [Alias]
    ) throws(RegistryError) {
        self.contents = try Contents(providers: providers, models: models, aliases: aliases)
    }

    /// A registry with nothing in it.
    public static let empty: RegistrySnapshot = RegistrySnapshot(contents: Contents())

    private init(contents: Contents) {
        self.contents = contents
    }

    /// A listed model, or any name of a provider that passes every name on. `nil` when there is none.
    public func model(_ id: ModelID) -> ModelDescription? {
        self.contents.model(id)
    }

    /// A listed model; `nil` for those that a provider would only pass on.
    public func listedModel(_ id: ModelID) -> ModelDescription? {
        self.contents.entriesByID[id]?.model
    }

    public func provider(_ id: ProviderID) -> ProviderDescription? {
        self.contents.providersByID[id]
    }

    public func alias(_ name: String) -> Alias? {
        self.contents.aliasesByName[name]
    }

    /// The bare names that lead to a model, sorted.
    public func aliasNames(of model: ModelID) -> [String] {
        self.contents.aliasNamesByModel[model] ?? []
    }

    /// How many listed models a provider has.
    public func modelCount(of provider: ProviderID) -> Int {
        self.contents.modelCounts[provider] ?? 0
    }

    /// Why requests must not reach a model, and what to do; `nil` when they may.
    public func disabledReason(of model: ModelDescription) -> String? {
        guard model.isEnabled else { return "it is disabled; EnableModel lets requests reach it again" }
        guard self.contents.isEnabled(model.id.provider) else {
            return "its provider '\(model.id.provider)' is disabled, and EnableModel does not change that; "
                + "UpdateProvider with enabled = true does"
        }
        return nil
    }
}

/// What a snapshot holds, checked and indexed.
private final class Contents: Sendable {
    let models: [ModelDescription]
    let entriesByPriority: [RegistryEntry]
    let automaticEntries: [RegistryEntry]
    let providers: [ProviderDescription]
    let aliases: [Alias]
    let entries: [RegistryEntry]
    let entriesByID: [ModelID: RegistryEntry]
    let providersByID: [ProviderID: ProviderDescription]
    let aliasesByName: [String: Alias]
    let aliasNamesByModel: [ModelID: [String]]
    let modelCounts: [ProviderID: Int]

    init() {
        self.models = []
        self.entriesByPriority = []
        self.automaticEntries = []
        self.providers = []
        self.aliases = []
        self.entries = []
        self.entriesByID = [:]
        self.providersByID = [:]
        self.aliasesByName = [:]
        self.aliasNamesByModel = [:]
        self.modelCounts = [:]
    }

    init(
        providers: [ProviderDescription],
        models: [ModelDescription],
        aliases: [Alias]
    ) throws(RegistryError) {
        self.providers = providers.sorted { $0.id < $1.id }
        self.aliases = aliases.sorted { $0.name < $1.name }
        self.providersByID = try Self.index(providers, as: "provider", key: \.id)
        self.aliasesByName = try Self.index(aliases, as: "alias", key: \.name)
        self.aliasNamesByModel = try Self.aliasNames(self.aliases)

        // An id is written once: comparing ids writes them again each time.
        var entries: [RegistryEntry] = []
        entries.reserveCapacity(models.count)
        for model in models {
            entries.append(RegistryEntry(model, aliases: self.aliasNamesByModel[model.id] ?? []))
        }
        entries.sort { $0.id < $1.id }
        self.entries = entries
        self.entriesByID = try Self.index(entries, as: "model", key: \.model.id)
        self.models = entries.map(\.model)
        let disabled = Set(providers.lazy.filter { !$0.isEnabled }.map(\.id))
        self.entriesByPriority = Self.byPriority(entries)
        self.automaticEntries = self.entriesByPriority.filter { entry in
            Self.isAutomatic(entry.model) && !disabled.contains(entry.model.id.provider)
        }
        self.modelCounts = entries.reduce(into: [:]) { $0[$1.model.id.provider, default: 0] += 1 }
        try self.checkReferences()
    }

    private func checkReferences() throws(RegistryError) {
        for model in self.models where self.providersByID[model.id.provider] == nil {
            throw RegistryError("model '\(model.id)' belongs to provider '\(model.id.provider)', which does not exist")
        }
        for alias in self.aliases {
            for target in alias.targets where self.model(target) == nil {
                throw RegistryError("alias '\(alias.name)' leads to model '\(target)', which does not exist")
            }
        }
    }

    func model(_ id: ModelID) -> ModelDescription? {
        if let entry = self.entriesByID[id] { return entry.model }
        guard let provider = self.providersByID[id.provider], provider.acceptsAnyModel else { return nil }
        return ModelDescription(id: id, priority: provider.priority)
    }

    func isEnabled(_ provider: ProviderID) -> Bool { self.providersByID[provider]?.isEnabled ?? true }

    private static func isAutomatic(_ model: ModelDescription) -> Bool {
        model.category == .text && model.isEnabled && !(model.isMissing && model.provenance.source == .discovered)
    }

    /// Sorts numbers that hold the priority, the source and the place among the ids, from the highest bit down.
    private static func byPriority(_ entries: [RegistryEntry]) -> [RegistryEntry] {
        var order: [UInt64] = []
        order.reserveCapacity(entries.count)
        for (index, entry) in entries.enumerated() {
            let priority = UInt64(UInt32(bitPattern: Int32(clamping: entry.model.priority)) ^ (1 << 31))
            let isFound: UInt64 = entry.model.provenance.source == .discovered ? 1 : 0
            order.append(priority << 32 | isFound << 31 | UInt64(UInt32(truncatingIfNeeded: index) & 0x7fff_ffff))
        }
        order.sort()
        return order.map { entries[Int($0 & 0x7fff_ffff)] }
    }

    private static func aliasNames(_ aliases: [Alias]) throws(RegistryError) -> [ModelID: [String]] {
        var names: [ModelID: [String]] = [:]
        for alias in aliases {
            guard !alias.weightedTargets.isEmpty else { throw RegistryError("alias '\(alias.name)' has no targets") }
            for target in alias.weightedTargets where names[target.model]?.last != alias.name {
                names[target.model, default: []].append(alias.name)
            }
        }
        return names
    }

    private static func index<Element, Key: Hashable>(
        _ elements: [Element],
        as what: String,
        key: (Element) -> Key
    ) throws(RegistryError) -> [Key: Element] {
        var index: [Key: Element] = [:]
        index.reserveCapacity(elements.count)
        for element in elements {
            guard index.updateValue(element, forKey: key(element)) == nil else {
                throw RegistryError("\(what) '\(key(element))' is there twice")
            }
        }
        return index
    }
}

/// Why a registry cannot be.
public struct RegistryError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
