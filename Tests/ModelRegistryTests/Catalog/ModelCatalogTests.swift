import Inference
import ModelRegistry
import Testing

@Suite("The catalog of well-known models")
struct ModelCatalogTests {
    static let rows = ModelCatalog.rows.values.flatMap { $0 }.sorted { $0.name < $1.name }

    @Test("Every row is sane", arguments: rows)
    func sanity(row: CatalogEntry) {
        let prices = row.prices
        // A million tokens of text cost between a tenth of a cent and 1,000 USD: what lies outside is a slip of zeros.
        let range: ClosedRange<Int64> = 1_000_000...1_000_000_000_000
        #expect(range.contains(prices.input), "\(row.name): input")
        if let cached = prices.cachedInput { #expect(cached > 0 && cached < prices.input, "\(row.name): cached") }
        #expect(row.contextLength >= 2048 && row.contextLength <= 2_000_000)
        switch row.category {
        case .embedding:
            #expect(row.capabilities == [.embeddings] && prices.output == 0 && row.maxOutputTokens == nil)
        case .text:
            #expect(range.contains(prices.output) && prices.output > prices.input, "\(row.name): output")
            #expect(row.capabilities.isSuperset(of: [.chat, .streaming]) && !row.capabilities.contains(.embeddings))
            #expect((1...row.contextLength).contains(row.maxOutputTokens ?? 0), "\(row.name): longest answer")
        case .image, .voice, .video: Issue.record("\(row.name) has the category \(row.category)")
        }
        for name in [row.name] + row.aliases { #expect(ModelID("p/\(name)") != nil, "\(name)") }
    }

    @Test("No name stands for two rows of a maker, and every name finds its row")
    func names() {
        for (kind, rows) in ModelCatalog.rows {
            let names = rows.flatMap { [$0.name] + $0.aliases }
            #expect(Set(names).count == names.count, "\(kind): \(names)")
            for row in rows {
                for name in [row.name] + row.aliases {
                    #expect(ModelCatalog.entry(kind: kind, name: name) == row, "\(name)")
                }
            }
        }
    }

    @Test("It says when it was made")
    func date() {
        let parts = ModelCatalog.compiledOn.split(separator: "-").compactMap { Int($0) }
        #expect(parts.count == 2 && parts[0] >= 2025 && (1...12).contains(parts[1]))
    }

    @Test(
        "A snapshot is its model",
        arguments: [
            ("openai", "gpt-4o-2024-08-06", "gpt-4o"), ("openai", "gpt-4o-2024-11-20", "gpt-4o"),
            ("openai", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"), ("openai", "gpt-4.1-2025-04-14", "gpt-4.1"),
            ("openai", "o1-2024-12-17", "o1"), ("openai", "gpt-5.1-2025-11-13", "gpt-5.1"),
            ("openai", "gpt-4-0613", "gpt-4"), ("openai", "gpt-4-turbo-2024-04-09", "gpt-4-turbo"),
            ("azure_openai", "gpt-4o", "gpt-4o"), ("azure_openai", "gpt-35-turbo", "gpt-3.5-turbo"),
            ("azure_openai", "gpt-4o-2024-11-20", "gpt-4o"),
            ("azure_openai", "text-embedding-3-small", "text-embedding-3-small"),
            ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5"),
            ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4"),
            ("anthropic", "claude-sonnet-4-0", "claude-sonnet-4"),
            ("anthropic", "claude-3-haiku-20240307", "claude-3-haiku"),
            ("anthropic", "claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
            ("gemini", "gemini-2.0-flash-001", "gemini-2.0-flash"),
            ("gemini", "models/gemini-2.5-pro", "gemini-2.5-pro"),
            ("gemini", "models/gemini-2.0-flash-lite-001", "gemini-2.0-flash-lite"),
            ("gemini", "gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash"),
            ("gemini", "gemini-embedding-001", "gemini-embedding-001"),
        ]
    )
    func snapshots(kind: String, name: String, expected: String) {
        #expect(ModelCatalog.entry(kind: kind, name: name)?.name == expected)
    }

    @Test("A snapshot with a price of its own has its own row")
    func dearSnapshot() throws {
        let first = try #require(ModelCatalog.entry(kind: "openai", name: "gpt-4o-2024-05-13"))
        let usual = try #require(ModelCatalog.entry(kind: "openai", name: "gpt-4o"))
        #expect(first.prices.input == 2 * usual.prices.input && !first.capabilities.contains(.jsonSchema))
    }

    @Test(
        "A name that only begins like one is not it",
        arguments: [
            ("openai", "gpt-4o-audio-preview"), ("openai", "gpt-4o-audio-preview-2024-12-17"), ("openai", "gpt-4o-"),
            ("openai", "gpt-4o-2024-13-06"), ("openai", "gpt-4o-2024-08-32"), ("openai", "gpt-4o-2024-08"),
            ("openai", "gpt-4o-20240806"), ("openai", "gpt-4o-1999-08-06"), ("openai", "gpt-4o-2024-08-06-x"),
            ("openai", "gpt-4o-2024-08-0٣"), ("openai", "gpt-4o-001"), ("openai", "xgpt-4o"), ("openai", "GPT-4o"),
            ("openai", "ft:gpt-4o-2024-08-06:acme::abc"), ("openai", "gpt-5-pro"), ("openai", "gpt-5-codex"),
            ("openai", "gpt-4-0314"), ("openai", "gpt"), ("openai", ""), ("openai", "-2024-08-06"),
            ("openai", "2024-08-06"), ("openai", "models/gpt-4o"), ("openai", "claude-sonnet-4-5"),
            ("openai", "gpt-4o-2024-08-06-2024-08-06"), ("azure_openai", "my-deployment"),
            ("anthropic", "claude-sonnet-4-5-2025-09-29"), ("anthropic", "claude-sonnet-4-6"),
            ("anthropic", "claude-sonnet"), ("anthropic", "claude-sonnet-4-5-latest"),
            ("anthropic", "claude-3-5-haiku-99999999"),
            ("anthropic", "claude-sonnet-4-5-20250929-v1:0"), ("anthropic", "gpt-4o"),
            ("gemini", "gemini-2.5-flash-image"), ("gemini", "gemini-2.5-flash-preview-05-20"),
            ("gemini", "gemini-2.5-flash-preview-tts"), ("gemini", "gemini-2.5-flash-01"), ("gemini", "models/"),
            ("gemini", "models/models/gemini-2.5-pro"), ("openrouter", "gpt-4o"), ("openrouter", "openai/gpt-4o"),
            ("custom", "gpt-4o"), ("", "gpt-4o"),
        ]
    )
    func falseMatches(kind: String, name: String) {
        let found = ModelCatalog.entry(kind: kind, name: name)
        #expect(found == nil, "\(found?.name ?? "")")
    }

    @Test("What a listing tells stands, and the catalog fills in the rest")
    func completing() {
        var listed = ListedModel(name: "gpt-4o-2024-08-06")
        listed.contextLength = 64_000
        listed.displayName = "GPT"
        let full = ModelCatalog.completing(listed, kind: "openai")
        #expect(full.contextLength == 64_000 && full.displayName == "GPT" && full.name == listed.name)
        #expect(full.prices == ModelPrices(input: 2_500_000_000, output: 10_000_000_000, cachedInput: 1_250_000_000))
        #expect(full.maxOutputTokens == 16_384 && full.category == .text && full.sizeBytes == nil)
        #expect(full.capabilities == [.chat, .streaming, .tools, .jsonSchema, .vision])
        #expect(ModelCatalog.completing(listed, kind: "custom") == listed)
        listed.name = "whisper-1"
        #expect(ModelCatalog.completing(listed, kind: "openai") == listed)
    }
}
