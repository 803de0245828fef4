public import Inference

/// What is known of the well-known models whose makers' listings tell names and nothing else: prices, lengths,
/// capabilities.
///
/// Prices are as published by the makers, compiled from general knowledge on ``compiledOn``, and are not fetched anew:
/// check them before you rely on them. What the configuration says of a model counts before this table, and so does what a
/// provider's own listing tells.
public enum ModelCatalog {
    /// The month in which the table was compiled, as `YYYY-MM`.
    public static let compiledOn = "2025-11"

    /// Looks a model up by the name that its provider has for it.
    ///
    /// A name is matched whole, or by a documented alias, or as a snapshot: one of these with the maker's way of dating put
    /// behind it (`gpt-4o-2024-08-06`, `claude-sonnet-4-5-20250929`, `gemini-2.0-flash-001`). Never by its beginning alone:
    /// `gpt-4o-audio-preview` is no `gpt-4o`.
    ///
    /// - Parameters:
    ///   - kind: of the provider: `openai`, `azure_openai`, `anthropic`, `gemini`. Others have no entries: they tell
    ///     prices themselves or have none.
    ///   - name: for `azure_openai` the base model's; deployments are named as people like.
    public static func entry(kind: String, name: String) -> CatalogEntry? {
        guard let table = self.tables[kind] else { return nil }
        let name = kind == "gemini" && name.hasPrefix("models/") ? String(name.dropFirst("models/".count)) : name
        if let entry = table.entries[name] { return entry }
        guard let base = table.dating.base(of: name) else { return nil }
        return table.entries[base]
    }

    /// A listed model with what the catalog knows in the place of what the listing does not tell.
    ///
    /// - Parameter kind: of the provider that listed it.
    public static func completing(_ model: ListedModel, kind: String) -> ListedModel {
        guard let entry = self.entry(kind: kind, name: model.name) else { return model }
        var model = model
        model.category = model.category ?? entry.category
        model.capabilities = model.capabilities ?? entry.capabilities
        model.contextLength = model.contextLength ?? entry.contextLength
        model.maxOutputTokens = model.maxOutputTokens ?? entry.maxOutputTokens
        model.prices = model.prices ?? entry.prices
        return model
    }

    /// Every row, by kind of provider; `azure_openai` serves OpenAI's.
    package static let rows: [String: [CatalogEntry]] = [
        "openai": Self.openAI, "anthropic": Self.anthropic, "gemini": Self.gemini,
    ]

    private struct Table: Sendable {
        let dating: SnapshotDating
        /// By name and alias.
        let entries: [String: CatalogEntry]

        init(_ rows: [CatalogEntry], _ dating: SnapshotDating) {
            self.dating = dating
            let named = rows.flatMap { row in ([row.name] + row.aliases).map { ($0, row) } }
            self.entries = Dictionary(named) { first, _ in first }
        }
    }

    private static let tables: [String: Table] = {
        let openAI = Table(Self.openAI, .date)
        return [
            "openai": openAI, "azure_openai": openAI, "anthropic": Table(Self.anthropic, .compactDate),
            "gemini": Table(Self.gemini, .version),
        ]
    }()
}

/// A row of the ``ModelCatalog``.
public struct CatalogEntry: Sendable, Hashable {
    /// Without a date.
    public let name: String
    /// Other names that its maker documents for the same thing at the same price.
    public let aliases: [String]
    public let category: ModelCategory
    public let capabilities: Set<Capability>
    /// In tokens: prompt and answer together.
    public let contextLength: Int
    /// In tokens; `nil` for models without answers, such as those for embeddings.
    public let maxOutputTokens: Int?
    /// Of short prompts: some makers ask more beyond 200,000 tokens.
    public let prices: ModelPrices

    init(
        _ name: String, aliases: [String] = [], _ capabilities: Set<Capability>, context: Int, output: Int?,
        _ prices: ModelPrices
    ) {
        self.name = name
        self.aliases = aliases
        self.category = capabilities.contains(.embeddings) ? .embedding : .text
        self.capabilities = capabilities
        self.contextLength = context
        self.maxOutputTokens = output
        self.prices = prices
    }
}

/// How a maker names the snapshots of a model: what it puts behind the model's name.
enum SnapshotDating: Sendable {
    /// OpenAI: `-2024-08-06`
    case date
    /// Anthropic: `-20250929`
    case compactDate
    /// Google: `-001`
    case version

    /// The model of which `name` is a snapshot; `nil` when it does not look like one.
    func base(of name: String) -> String? {
        let lengths: [Int]
        switch self {
        case .date: lengths = [4, 2, 2]
        case .compactDate: lengths = [8]
        case .version: lengths = [3]
        }
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count > lengths.count else { return nil }
        let suffix = parts.suffix(lengths.count)
        for (part, length) in zip(suffix, lengths) {
            guard part.utf8.count == length, part.utf8.allSatisfy(\.isDigit) else { return nil }
        }
        guard self == .version || Self.isDate(suffix.joined()) else { return nil }
        return parts.dropLast(lengths.count).joined(separator: "-")
    }

    /// - Parameter digits: eight of them.
    private static func isDate(_ digits: String) -> Bool {
        guard let number = Int(digits) else { return false }
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100)
        return (2020...2099).contains(year) && (1...12).contains(month) && (1...31).contains(day)
    }
}
