import Inference

extension ModelCatalog {
    /// Google's models of the Gemini API; see ``compiledOn``. Prices are those of the paid tier for text, and of prompts up
    /// to 200,000 tokens where longer ones cost more.
    static let gemini: [CatalogEntry] = [
        CatalogEntry(
            "gemini-3-pro-preview", Self.thinker, context: 1_048_576, output: 65_536,
            ModelPrices(input: 2_000_000_000, output: 12_000_000_000, cachedInput: 200_000_000)),
        CatalogEntry(
            "gemini-2.5-pro", Self.thinker, context: 1_048_576, output: 65_536,
            ModelPrices(input: 1_250_000_000, output: 10_000_000_000, cachedInput: 125_000_000)),
        CatalogEntry(
            "gemini-2.5-flash", aliases: ["gemini-2.5-flash-preview-09-2025", "gemini-flash-latest"], Self.thinker,
            context: 1_048_576, output: 65_536,
            ModelPrices(input: 300_000_000, output: 2_500_000_000, cachedInput: 30_000_000)),
        CatalogEntry(
            "gemini-2.5-flash-lite", aliases: ["gemini-2.5-flash-lite-preview-09-2025", "gemini-flash-lite-latest"],
            Self.thinker, context: 1_048_576, output: 65_536,
            ModelPrices(input: 100_000_000, output: 400_000_000, cachedInput: 10_000_000)),
        CatalogEntry(
            "gemini-2.0-flash", Self.speaker, context: 1_048_576, output: 8_192,
            ModelPrices(input: 100_000_000, output: 400_000_000, cachedInput: 25_000_000)),
        CatalogEntry(
            "gemini-2.0-flash-lite", Self.speaker, context: 1_048_576, output: 8_192,
            ModelPrices(input: 75_000_000, output: 300_000_000)),
        CatalogEntry(
            "gemini-embedding-001", [.embeddings], context: 2_048, output: nil,
            ModelPrices(input: 150_000_000, output: 0)),
    ]

    private static let speaker: Set<Capability> = [.chat, .streaming, .tools, .jsonSchema, .vision]
    private static let thinker: Set<Capability> = [.chat, .streaming, .tools, .jsonSchema, .vision, .reasoning]
}
