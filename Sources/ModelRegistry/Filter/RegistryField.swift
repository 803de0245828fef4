import Inference

/// A field that models can be filtered and sorted by.
package struct RegistryField: Sendable {
    package let name: String
    /// Whether it needs ``FilterRow/facts``, which cost more to gather than what is registered.
    package let needsFacts: Bool
    let reader: Reader

    /// What a field's values are, and how they are read. `nil`: not known.
    enum Reader: Sendable {
        case text(@Sendable (FilterRow) -> String?)
        /// One of a few words.
        case choice(of: [String], @Sendable (FilterRow) -> String)
        case capabilities(@Sendable (FilterRow) -> Set<Capability>)
        /// Whether one of its elements passes.
        case list(@Sendable (FilterRow, (String) -> Bool) -> Bool)
        case whole(@Sendable (FilterRow) -> Int64?)
        case decimal(@Sendable (FilterRow) -> Double?)
        /// In billionths.
        case money(@Sendable (FilterRow) -> Int64?)
        case flag(@Sendable (FilterRow) -> Bool?)
        /// In microseconds since 1970-01-01 UTC.
        case time(@Sendable (FilterRow) -> Int64?)
    }

    private init(_ name: String, needsFacts: Bool = false, _ reader: Reader) {
        self.name = name
        self.needsFacts = needsFacts
        self.reader = reader
    }

    /// Whether it is true or false, and so a condition by itself.
    var isFlag: Bool { if case .flag = self.reader { true } else { false } }

    /// The table of docs/Registry.md, in its order.
    package static let all: [RegistryField] = [
        RegistryField("id", .text { $0.entry.id }),
        RegistryField("provider", .text { $0.entry.model.id.provider.rawValue }),
        RegistryField("name", .text { $0.entry.model.id.name }),
        RegistryField("display_name", .text { $0.entry.model.displayName }),
        RegistryField("category", .choice(of: words(ModelCategory.self)) { $0.entry.model.category.rawValue }),
        RegistryField("capabilities", .capabilities { $0.entry.model.capabilities }),
        RegistryField("context_length", .whole { $0.entry.model.contextLength.map(Int64.init) }),
        RegistryField("max_output_tokens", .whole { $0.entry.model.maxOutputTokens.map(Int64.init) }),
        RegistryField("price_input", .money { $0.prices?.input }),
        RegistryField("price_output", .money { $0.prices?.output }),
        RegistryField("price_cached_input", .money { $0.prices.map { $0.cachedInput ?? $0.input } }),
        RegistryField("free", .flag { $0.prices?.isFree }),
        RegistryField("quality_score", .decimal { $0.entry.model.qualityScore }),
        RegistryField("safety_score", .decimal { $0.entry.model.safetyScore }),
        RegistryField("priority", .whole { Int64($0.entry.model.priority) }),
        RegistryField("size_bytes", .whole { $0.entry.model.sizeBytes }),
        RegistryField("engine", .text { $0.entry.model.engine }),
        RegistryField("enabled", .flag { $0.entry.model.isEnabled }),
        RegistryField("lazy", .flag { $0.entry.model.isLazy }),
        RegistryField("pinned", .flag { $0.entry.model.isPinned }),
        RegistryField("missing", .flag { $0.entry.model.isMissing }),
        RegistryField("loaded", needsFacts: true, .flag { $0.facts.isLoaded }),
        RegistryField("state", needsFacts: true, .choice(of: RuntimeFacts.states) { $0.facts.state }),
        RegistryField("tags", .list { $0.entry.model.tags.contains(where: $1) }),
        RegistryField("aliases", .list { $0.entry.aliases.contains(where: $1) }),
        RegistryField(
            "source", .choice(of: words(Provenance.Source.self)) { $0.entry.model.provenance.source.rawValue }),
        RegistryField("versions", .list { row, passes in row.entry.model.versions.contains { passes($0.version) } }),
        RegistryField("active_version", .text { $0.entry.model.activeVersion }),
        RegistryField("create_time", .time { positive($0.entry.model.provenance.createdAtMicroseconds) }),
        RegistryField("update_time", .time { positive($0.entry.model.provenance.updatedAtMicroseconds) }),
        RegistryField("last_use_time", needsFacts: true, .time { positive($0.facts.lastUsedAtMicroseconds) }),
        RegistryField("use_count", needsFacts: true, .whole { $0.facts.useCount }),
    ]

    private static let byName = Dictionary(uniqueKeysWithValues: Self.all.map { ($0.name, $0) })

    /// The names of those that are true or false.
    package static let flags = Set(Self.all.filter(\.isFlag).map(\.name))

    package static func named(_ name: String) -> RegistryField? { self.byName[name] }

    /// What to tell someone who wrote a field that there is not.
    static func advice(for unknown: String) -> String {
        let names = self.all.map(\.name)
        guard let nearest = Spelling.nearest(to: unknown, of: names) else {
            return "one of the fields \(names.joined(separator: ", "))"
        }
        return "a field that there is; did you mean '\(nearest)'?"
    }

    private static func words<Words: CaseIterable & RawRepresentable<String>>(_ words: Words.Type) -> [String] {
        words.allCases.map(\.rawValue)
    }

    private static func positive(_ time: Int64) -> Int64? { time > 0 ? time : nil }
}

extension FilterRow {
    /// What runs on our own machine costs nothing, unless someone says otherwise.
    fileprivate var prices: ModelPrices? {
        self.entry.model.prices ?? (self.entry.model.id.provider == .local ? .free : nil)
    }
}

/// Finds what a misspelt word may have been.
package enum Spelling {
    /// The candidate that begins with `word`, or differs from it by least; `nil` when none is near.
    package static func nearest(to word: String, of candidates: [String]) -> String? {
        let word = Array(word.utf8.prefix(64).map(\.lowercased))
        guard !word.isEmpty else { return nil }
        if word.count >= 3, let longer = candidates.first(where: { $0.utf8.starts(with: word) }) { return longer }
        let distances = candidates.map { ($0, self.distance(word, Array($0.utf8))) }
        guard let best = distances.min(by: { $0.1 < $1.1 }), best.1 <= max(1, word.count / 3) else { return nil }
        return best.0
    }

    /// How many letters must be added, removed or exchanged.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (index, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let substituted = diagonal + (letter == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(substituted, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
