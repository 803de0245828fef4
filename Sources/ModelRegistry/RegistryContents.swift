import Inference

/// What a snapshot holds, checked and indexed.
///
/// Immutable as soon as it was made. It is made from nothing, or from another one and a few changes: then what did not
/// change is shared, and nothing is sorted or hashed anew.
struct RegistryContents: Sendable {
    /// By id.
    private(set) var entries: [RegistryEntry] = []
    /// As ``RegistrySnapshot/modelsByPriority``.
    private(set) var entriesByPriority: [RegistryEntry] = []
    /// As ``RegistrySnapshot/automaticEntries``.
    private(set) var automaticEntries: [RegistryEntry] = []
    /// By id.
    private(set) var providers: [ProviderDescription] = []
    /// By name.
    private(set) var aliases: [Alias] = []
    private(set) var entriesByID: [ModelID: RegistryEntry] = [:]
    private(set) var providersByID: [ProviderID: ProviderDescription] = [:]
    private(set) var aliasesByName: [String: Alias] = [:]
    private(set) var aliasNamesByModel: [ModelID: [String]] = [:]
    private(set) var modelCounts: [ProviderID: Int] = [:]

    init() {}

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
        self.entriesByPriority = Self.byPriority(entries)
        self.automaticEntries = self.entriesByPriority.filter { self.isAutomatic($0.model) }
        self.modelCounts = entries.reduce(into: [:]) { $0[$1.model.id.provider, default: 0] += 1 }
        for model in entries { try self.checkProvider(of: model.model) }
        for alias in self.aliases { try self.checkTargets(of: alias) }
    }

    private func checkProvider(of model: ModelDescription) throws(RegistryError) {
        guard self.providersByID[model.id.provider] == nil else { return }
        throw RegistryError("model '\(model.id)' belongs to provider '\(model.id.provider)', which does not exist")
    }

    private func checkTargets(of alias: Alias) throws(RegistryError) {
        for target in alias.targets where self.model(target) == nil {
            throw RegistryError("alias '\(alias.name)' leads to model '\(target)', which does not exist")
        }
    }

    func model(_ id: ModelID) -> ModelDescription? {
        if let entry = self.entriesByID[id] { return entry.model }
        guard let provider = self.providersByID[id.provider], provider.acceptsAnyModel else { return nil }
        return ModelDescription(id: id, priority: provider.priority)
    }

    func isEnabled(_ provider: ProviderID) -> Bool { self.providersByID[provider]?.isEnabled ?? true }

    private func isAutomatic(_ model: ModelDescription) -> Bool {
        model.category == .text && model.isEnabled && self.isEnabled(model.id.provider)
            && !(model.isMissing && model.provenance.source == .discovered)
    }

    /// Sorts numbers that hold the priority, the source and the place among the ids, from the highest bit down.
    private static func byPriority(_ entries: [RegistryEntry]) -> [RegistryEntry] {
        var order: [UInt64] = []
        order.reserveCapacity(entries.count)
        for (index, entry) in entries.enumerated() {
            order.append(entry.precedence | UInt64(UInt32(truncatingIfNeeded: index) & 0x7fff_ffff))
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

// MARK: - A few changes

extension RegistryContents {
    /// The contents with some models and aliases put (`nil`: removed), as if made from nothing.
    ///
    /// - Throws: ``RegistryError`` when something would lead nowhere; which of several such things it names may differ
    ///   from what making it from nothing names.
    func applying(
        models: [ModelID: ModelDescription?],
        aliases: [String: Alias?]
    ) throws(RegistryError) -> RegistryContents {
        var changed = self
        var touched = Set(models.keys)
        for (name, alias) in aliases {
            touched.formUnion(self.aliasesByName[name]?.targets ?? [])
            touched.formUnion(alias?.targets ?? [])
            try changed.put(alias, named: name)
        }
        for id in touched {
            let old = self.entriesByID[id]
            let model = models[id] ?? old?.model
            changed.put(model.map { RegistryEntry($0, aliases: changed.aliasNamesByModel[id] ?? []) }, for: id, old)
        }
        for case let model? in models.values { try changed.checkProvider(of: model) }
        for case let alias? in aliases.values { try changed.checkTargets(of: alias) }
        for (id, model) in models where model == nil {
            for name in changed.aliasNamesByModel[id] ?? [] {
                if let alias = changed.aliasesByName[name] { try changed.checkTargets(of: alias) }
            }
        }
        return changed
    }

    private mutating func put(_ alias: Alias?, named name: String) throws(RegistryError) {
        if let alias, alias.weightedTargets.isEmpty { throw RegistryError("alias '\(name)' has no targets") }
        let old = self.aliasesByName[name]
        for target in Set(old?.targets ?? []) {
            self.aliasNamesByModel[target]?.removeAll { $0 == name }
            if self.aliasNamesByModel[target]?.isEmpty == true { self.aliasNamesByModel[target] = nil }
        }
        for target in Set(alias?.targets ?? []) {
            self.aliasNamesByModel[target, default: []].put(name, insteadOf: nil) { $0 < $1 }
        }
        self.aliases.put(alias, insteadOf: old) { $0.name < $1.name }
        self.aliasesByName[name] = alias
    }

    private mutating func put(_ new: RegistryEntry?, for id: ModelID, _ old: RegistryEntry?) {
        guard new != nil || old != nil else { return }
        self.entries.put(new, insteadOf: old) { $0.id < $1.id }
        self.entriesByPriority.put(new, insteadOf: old) { $0.precedes($1) }
        let wasAutomatic = old.flatMap { self.isAutomatic($0.model) ? $0 : nil }
        let isAutomatic = new.flatMap { self.isAutomatic($0.model) ? $0 : nil }
        self.automaticEntries.put(isAutomatic, insteadOf: wasAutomatic) { $0.precedes($1) }
        self.entriesByID[id] = new
        let count = self.modelCounts[id.provider, default: 0] + (new == nil ? 0 : 1) - (old == nil ? 0 : 1)
        self.modelCounts[id.provider] = count == 0 ? nil : count
    }
}

extension RegistryEntry {
    /// The priority, then whether discovery found it, in the upper half and the highest bit of the lower half.
    fileprivate var precedence: UInt64 {
        let priority = UInt64(UInt32(bitPattern: Int32(clamping: self.model.priority)) ^ (1 << 31))
        return priority << 32 | (self.model.provenance.source == .discovered ? 1 << 31 : 0)
    }

    fileprivate func precedes(_ other: RegistryEntry) -> Bool {
        let (left, right) = (self.precedence, other.precedence)
        return left == right ? self.id < other.id : left < right
    }
}

extension Array {
    /// Puts an element into a sorted array that holds nothing twice, and takes another one out; either may be `nil`.
    fileprivate mutating func put(
        _ new: Element?,
        insteadOf old: Element?,
        by precedes: (Element, Element) -> Bool
    ) {
        if let old {
            let place = self.place(of: old, by: precedes)
            if let new, !precedes(old, new), !precedes(new, old) {
                self[place] = new
                return
            }
            self.remove(at: place)
        }
        if let new { self.insert(new, at: self.place(of: new, by: precedes)) }
    }

    /// Where an element stands in a sorted array, or would stand.
    private func place(of element: Element, by precedes: (Element, Element) -> Bool) -> Int {
        var (low, high) = (0, self.count)
        while low < high {
            let middle = (low + high) / 2
            if precedes(self[middle], element) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
