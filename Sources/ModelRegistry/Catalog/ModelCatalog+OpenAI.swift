import Inference

extension ModelCatalog {
    /// OpenAI's models that answer chat completions, and those for embeddings; see ``compiledOn``. Prices are in nano-USD
    /// for a million tokens: 2_500_000_000 is 2.50 USD.
    static let openAI: [CatalogEntry] = [
        CatalogEntry(
            "gpt-5.1", Self.thinker, context: 400_000, output: 128_000,
            ModelPrices(input: 1_250_000_000, output: 10_000_000_000, cachedInput: 125_000_000)),
        CatalogEntry(
            "gpt-5", Self.thinker, context: 400_000, output: 128_000,
            ModelPrices(input: 1_250_000_000, output: 10_000_000_000, cachedInput: 125_000_000)),
        CatalogEntry(
            "gpt-5-mini", Self.thinker, context: 400_000, output: 128_000,
            ModelPrices(input: 250_000_000, output: 2_000_000_000, cachedInput: 25_000_000)),
        CatalogEntry(
            "gpt-5-nano", Self.thinker, context: 400_000, output: 128_000,
            ModelPrices(input: 50_000_000, output: 400_000_000, cachedInput: 5_000_000)),
        CatalogEntry(
            "gpt-5-chat-latest", [.chat, .streaming, .vision], context: 128_000, output: 16_384,
            ModelPrices(input: 1_250_000_000, output: 10_000_000_000, cachedInput: 125_000_000)),
        CatalogEntry(
            "gpt-4.1", Self.speaker, context: 1_047_576, output: 32_768,
            ModelPrices(input: 2_000_000_000, output: 8_000_000_000, cachedInput: 500_000_000)),
        CatalogEntry(
            "gpt-4.1-mini", Self.speaker, context: 1_047_576, output: 32_768,
            ModelPrices(input: 400_000_000, output: 1_600_000_000, cachedInput: 100_000_000)),
        CatalogEntry(
            "gpt-4.1-nano", Self.speaker, context: 1_047_576, output: 32_768,
            ModelPrices(input: 100_000_000, output: 400_000_000, cachedInput: 25_000_000)),
        CatalogEntry(
            "gpt-4o", Self.speaker, context: 128_000, output: 16_384,
            ModelPrices(input: 2_500_000_000, output: 10_000_000_000, cachedInput: 1_250_000_000)),
        // The first snapshot is dearer, and knows no schemas.
        CatalogEntry(
            "gpt-4o-2024-05-13", [.chat, .streaming, .tools, .vision], context: 128_000, output: 4_096,
            ModelPrices(input: 5_000_000_000, output: 15_000_000_000)),
        CatalogEntry(
            "gpt-4o-mini", Self.speaker, context: 128_000, output: 16_384,
            ModelPrices(input: 150_000_000, output: 600_000_000, cachedInput: 75_000_000)),
        CatalogEntry(
            "chatgpt-4o-latest", [.chat, .streaming, .vision], context: 128_000, output: 16_384,
            ModelPrices(input: 5_000_000_000, output: 15_000_000_000)),
        CatalogEntry(
            "o1", Self.thinker, context: 200_000, output: 100_000,
            ModelPrices(input: 15_000_000_000, output: 60_000_000_000, cachedInput: 7_500_000_000)),
        CatalogEntry(
            "o3", Self.thinker, context: 200_000, output: 100_000,
            ModelPrices(input: 2_000_000_000, output: 8_000_000_000, cachedInput: 500_000_000)),
        CatalogEntry(
            "o3-mini", Self.thinker.subtracting([.vision]), context: 200_000, output: 100_000,
            ModelPrices(input: 1_100_000_000, output: 4_400_000_000, cachedInput: 550_000_000)),
        CatalogEntry(
            "o4-mini", Self.thinker, context: 200_000, output: 100_000,
            ModelPrices(input: 1_100_000_000, output: 4_400_000_000, cachedInput: 275_000_000)),
        CatalogEntry(
            "gpt-4-turbo", [.chat, .streaming, .tools, .vision], context: 128_000, output: 4_096,
            ModelPrices(input: 10_000_000_000, output: 30_000_000_000)),
        CatalogEntry(
            "gpt-4", aliases: ["gpt-4-0613"], [.chat, .streaming, .tools], context: 8_192, output: 8_192,
            ModelPrices(input: 30_000_000_000, output: 60_000_000_000)),
        // Azure writes no point.
        CatalogEntry(
            "gpt-3.5-turbo", aliases: ["gpt-3.5-turbo-0125", "gpt-35-turbo", "gpt-35-turbo-0125"],
            [.chat, .streaming, .tools], context: 16_385, output: 4_096,
            ModelPrices(input: 500_000_000, output: 1_500_000_000)),
        CatalogEntry(
            "text-embedding-3-small", [.embeddings], context: 8_192, output: nil,
            ModelPrices(input: 20_000_000, output: 0)),
        CatalogEntry(
            "text-embedding-3-large", [.embeddings], context: 8_192, output: nil,
            ModelPrices(input: 130_000_000, output: 0)),
        CatalogEntry(
            "text-embedding-ada-002", [.embeddings], context: 8_192, output: nil,
            ModelPrices(input: 100_000_000, output: 0)),
    ]

    private static let speaker: Set<Capability> = [.chat, .streaming, .tools, .jsonSchema, .vision]
    private static let thinker: Set<Capability> = [.chat, .streaming, .tools, .jsonSchema, .vision, .reasoning]
}
