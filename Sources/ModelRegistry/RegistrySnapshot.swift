public import Inference

/// Everything that exists at one moment, indexed for lookups. Immutable: a request takes one and keeps it.
public struct RegistrySnapshot: Sendable {
    /// By id.
    public let models: [ModelDescription]
    /// By priority, then id: the order in which the router asks when the choice is its own.
    public let modelsByPriority: [ModelDescription]
    /// By id.
    public let providers: [ProviderDescription]
    /// By name.
    public let aliases: [Alias]

    private let modelsByID: [ModelID: ModelDescription]
    private let providersByID: [ProviderID: ProviderDescription]
    private let aliasesByName: [String: Alias]
    private let aliasNamesByModel: [ModelID: [String]]

    /// - Throws: ``RegistryError`` for two things of one name, a model of an unknown provider, or an alias that leads
    ///   nowhere.
    public init(
        providers: [ProviderDescription],
        models: [ModelDescription],
        aliases: [Alias]
    ) throws(RegistryError) {
        self.models = models.sorted { $0.id < $1.id }
        self.modelsByPriority = models.sorted { ($0.priority, $0.id) < ($1.priority, $1.id) }
        self.providers = providers.sorted { $0.id < $1.id }
        self.aliases = aliases.sorted { $0.name < $1.name }
        self.providersByID = try Self.index(providers, by: \.id, as: "provider")
        self.modelsByID = try Self.index(models, by: \.id, as: "model")
        self.aliasesByName = try Self.index(aliases, by: \.name, as: "alias")

        var aliasNamesByModel: [ModelID: [String]] = [:]
        for alias in self.aliases {
            guard !alias.targets.isEmpty else { throw RegistryError("alias '\(alias.name)' has no targets") }
            for target in alias.targets {
                aliasNamesByModel[target, default: []].append(alias.name)
            }
        }
        self.aliasNamesByModel = aliasNamesByModel

        for model in models where self.providersByID[model.id.provider] == nil {
            throw RegistryError("model '\(model.id)' belongs to provider '\(model.id.provider)', which does not exist")
        }
        for alias in aliases {
            for target in alias.targets where self.model(target) == nil {
                throw RegistryError("alias '\(alias.name)' leads to model '\(target)', which does not exist")
            }
        }
    }

    /// A registry with nothing in it.
    public static let empty: RegistrySnapshot = RegistrySnapshot()

    private init() {
        self.models = []
        self.modelsByPriority = []
        self.providers = []
        self.aliases = []
        self.modelsByID = [:]
        self.providersByID = [:]
        self.aliasesByName = [:]
        self.aliasNamesByModel = [:]
    }

    /// A listed model, or any name of a provider that passes every name on. `nil` when there is none.
    public func model(_ id: ModelID) -> ModelDescription? {
        if let model = self.modelsByID[id] { return model }
        guard let provider = self.providersByID[id.provider], provider.acceptsAnyModel else { return nil }
        return ModelDescription(id: id, priority: provider.priority)
    }

    public func provider(_ id: ProviderID) -> ProviderDescription? {
        self.providersByID[id]
    }

    public func alias(_ name: String) -> Alias? {
        self.aliasesByName[name]
    }

    /// The bare names that lead to a model, sorted.
    public func aliasNames(of model: ModelID) -> [String] {
        self.aliasNamesByModel[model] ?? []
    }

    /// How many listed models a provider has.
    public func modelCount(of provider: ProviderID) -> Int {
        self.models.count { $0.id.provider == provider }
    }

    private static func index<Element, Key: Hashable>(
        _ elements: [Element],
        by key: (Element) -> Key,
        as what: String
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
