public import Inference

/// Everything that exists at one moment, indexed for lookups. Immutable: a request takes one and keeps it.
public struct RegistrySnapshot: Sendable {
    /// Shared by reference, so that taking a snapshot costs one count.
    private let shared: Shared

    /// By id.
    public var models: RegisteredModels { RegisteredModels(entries: self.shared.contents.entries) }
    /// By priority, then what people registered before what discovery found, then by id: the order in which the router
    /// asks when the choice is its own.
    public var modelsByPriority: RegisteredModels { RegisteredModels(entries: self.shared.contents.entriesByPriority) }
    /// By id.
    public var providers: [ProviderDescription] { self.shared.contents.providers }
    /// By name.
    public var aliases: [Alias] { self.shared.contents.aliases }
    /// The models with what filters want to know of them, by id.
    package var entries: [RegistryEntry] { self.shared.contents.entries }
    /// Of ``modelsByPriority``, those that a request may get that names none: they answer with text, nobody switched
    /// them off, and discovery did not lose what it had found.
    package var automaticEntries: [RegistryEntry] { self.shared.contents.automaticEntries }
    /// As ``modelsByPriority``.
    package var entriesByPriority: [RegistryEntry] { self.shared.contents.entriesByPriority }
    /// The same for copies of one snapshot, and different from that of every other that lives at the same time: what is
    /// made of a snapshot and kept must keep the snapshot too.
    package var identity: ObjectIdentifier { ObjectIdentifier(self.shared) }

    /// - Throws: ``RegistryError`` for two things of one name, a model of an unknown provider, or an alias that leads
    ///   nowhere.
    public init(
        providers: [ProviderDescription],
        models: [ModelDescription],
        aliases: [Alias]
    ) throws(RegistryError) {
        self.init(contents: try RegistryContents(providers: providers, models: models, aliases: aliases))
    }

    /// A registry with nothing in it.
    public static let empty: RegistrySnapshot = RegistrySnapshot(contents: RegistryContents())

    private init(contents: RegistryContents) {
        self.shared = Shared(contents)
    }

    private final class Shared: Sendable {
        let contents: RegistryContents

        init(_ contents: RegistryContents) {
            self.contents = contents
        }
    }

    /// This registry with some entries put; `nil` removes one. What does not change is shared: an alias of a registry of
    /// 10,000 models changes in less than a millisecond.
    ///
    /// - Throws: As ``init(providers:models:aliases:)``.
    package func applying(
        providers: [ProviderID: ProviderDescription?] = [:],
        models: [ModelID: ModelDescription?] = [:],
        aliases: [String: Alias?] = [:]
    ) throws(RegistryError) -> RegistrySnapshot {
        guard providers.isEmpty, models.count <= Self.mostSingly else {
            return try RegistrySnapshot(
                providers: Self.merge(self.providers, providers, by: \.id),
                models: Self.merge(self.models, models, by: \.id),
                aliases: Self.merge(self.aliases, aliases, by: \.name)
            )
        }
        return RegistrySnapshot(contents: try self.shared.contents.applying(models: models, aliases: aliases))
    }

    /// More models than these are not put one by one. Putting one moves what is behind it in three arrays.
    private static let mostSingly = 64

    private static func merge<Entry, Key: Hashable>(
        _ current: some Sequence<Entry>,
        _ changes: [Key: Entry?],
        by key: (Entry) -> Key
    ) -> [Entry] {
        current.filter { changes[key($0)] == nil } + changes.values.compactMap(\.self)
    }

    /// A listed model, or any name of a provider that passes every name on. `nil` when there is none.
    public func model(_ id: ModelID) -> ModelDescription? {
        self.shared.contents.model(id)
    }

    /// A listed model; `nil` for those that a provider would only pass on.
    public func listedModel(_ id: ModelID) -> ModelDescription? {
        self.shared.contents.entriesByID[id]?.model
    }

    public func provider(_ id: ProviderID) -> ProviderDescription? {
        self.shared.contents.providersByID[id]
    }

    public func alias(_ name: String) -> Alias? {
        self.shared.contents.aliasesByName[name]
    }

    /// The bare names that lead to a model, sorted.
    public func aliasNames(of model: ModelID) -> [String] {
        self.shared.contents.aliasNamesByModel[model] ?? []
    }

    /// How many listed models a provider has.
    public func modelCount(of provider: ProviderID) -> Int {
        self.shared.contents.modelCounts[provider] ?? 0
    }

    /// Why requests must not reach a model, and what to do; `nil` when they may.
    public func disabledReason(of model: ModelDescription) -> String? {
        guard model.isEnabled else { return "it is disabled; EnableModel lets requests reach it again" }
        guard self.shared.contents.isEnabled(model.id.provider) else {
            return "its provider '\(model.id.provider)' is disabled, and EnableModel does not change that; "
                + "UpdateProvider with enabled = true does"
        }
        return nil
    }
}

/// A snapshot's models. Written as a collection rather than an array, so that a change of one model copies no others.
public struct RegisteredModels: RandomAccessCollection, Sendable {
    fileprivate let entries: [RegistryEntry]

    public var startIndex: Int { self.entries.startIndex }
    public var endIndex: Int { self.entries.endIndex }
    public subscript(position: Int) -> ModelDescription { self.entries[position].model }
}

extension RegisteredModels: Equatable {
    public static func == (left: RegisteredModels, right: RegisteredModels) -> Bool { left.elementsEqual(right) }
}

/// Why a registry cannot be.
public struct RegistryError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
