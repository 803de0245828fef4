import Inference

extension ModelCatalog {
    /// Anthropic's models; see ``compiledOn``. The price of cached tokens is that of reading them; writing them to the
    /// cache costs a quarter more than ``ModelPrices/input``, which is not in the table.
    static let anthropic: [CatalogEntry] = [
        CatalogEntry(
            "claude-opus-4-5", Self.claude, context: 200_000, output: 64_000,
            ModelPrices(input: 5_000_000_000, output: 25_000_000_000, cachedInput: 500_000_000)),
        CatalogEntry(
            "claude-sonnet-4-5", Self.claude, context: 200_000, output: 64_000,
            ModelPrices(input: 3_000_000_000, output: 15_000_000_000, cachedInput: 300_000_000)),
        CatalogEntry(
            "claude-haiku-4-5", Self.claude, context: 200_000, output: 64_000,
            ModelPrices(input: 1_000_000_000, output: 5_000_000_000, cachedInput: 100_000_000)),
        CatalogEntry(
            "claude-opus-4-1", Self.claude, context: 200_000, output: 32_000,
            ModelPrices(input: 15_000_000_000, output: 75_000_000_000, cachedInput: 1_500_000_000)),
        CatalogEntry(
            "claude-opus-4", aliases: ["claude-opus-4-0"], Self.claude, context: 200_000, output: 32_000,
            ModelPrices(input: 15_000_000_000, output: 75_000_000_000, cachedInput: 1_500_000_000)),
        CatalogEntry(
            "claude-sonnet-4", aliases: ["claude-sonnet-4-0"], Self.claude, context: 200_000, output: 64_000,
            ModelPrices(input: 3_000_000_000, output: 15_000_000_000, cachedInput: 300_000_000)),
        CatalogEntry(
            "claude-3-7-sonnet", aliases: ["claude-3-7-sonnet-latest"], Self.claude, context: 200_000, output: 64_000,
            ModelPrices(input: 3_000_000_000, output: 15_000_000_000, cachedInput: 300_000_000)),
        CatalogEntry(
            "claude-3-5-haiku", aliases: ["claude-3-5-haiku-latest"], Self.claude.subtracting([.reasoning]),
            context: 200_000, output: 8_192,
            ModelPrices(input: 800_000_000, output: 4_000_000_000, cachedInput: 80_000_000)),
        CatalogEntry(
            "claude-3-opus", aliases: ["claude-3-opus-latest"], Self.claude.subtracting([.reasoning]),
            context: 200_000, output: 4_096,
            ModelPrices(input: 15_000_000_000, output: 75_000_000_000, cachedInput: 1_500_000_000)),
        CatalogEntry(
            "claude-3-haiku", Self.claude.subtracting([.reasoning]), context: 200_000, output: 4_096,
            ModelPrices(input: 250_000_000, output: 1_250_000_000, cachedInput: 30_000_000)),
    ]

    private static let claude: Set<Capability> = [.chat, .streaming, .tools, .vision, .reasoning, .prefill]
}
