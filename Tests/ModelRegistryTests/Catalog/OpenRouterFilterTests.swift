import Inference
import ModelRegistry
import Testing

@Suite("What of OpenRouter's models is used")
struct OpenRouterFilterTests {
    static func model(_ prices: ModelPrices?) throws -> ModelDescription {
        ModelDescription(id: try id("openrouter/m/x"), prices: prices)
    }

    static let usd: Int64 = 1_000_000_000

    @Test(
        "A model passes by its prices",
        arguments: [
            (OpenRouterFilter(), ModelPrices(input: 9, output: 9), true), (OpenRouterFilter(), nil, true),
            (OpenRouterFilter(preferFreeModels: true), ModelPrices(input: 9, output: 9), true),
            (OpenRouterFilter(showFreeOnly: true), .free, true), (OpenRouterFilter(showFreeOnly: true), nil, false),
            (OpenRouterFilter(showFreeOnly: true), ModelPrices(input: 0, output: 1), false),
            (OpenRouterFilter(showFreeOnly: true), ModelPrices(input: 0, output: 0, cachedInput: 1), false),
            (OpenRouterFilter(maxPricePerMillionTokens: usd), ModelPrices(input: usd, output: usd), true),
            (OpenRouterFilter(maxPricePerMillionTokens: usd), ModelPrices(input: usd + 1, output: 0), false),
            (OpenRouterFilter(maxPricePerMillionTokens: usd), ModelPrices(input: 0, output: usd + 1), false),
            (OpenRouterFilter(maxPricePerMillionTokens: usd), nil, false),
            (OpenRouterFilter(maxPricePerMillionTokens: 0), .free, true),
            (OpenRouterFilter(maxPricePerMillionTokens: 0), ModelPrices(input: 0, output: 1), false),
            (
                OpenRouterFilter(showFreeOnly: true, maxPricePerMillionTokens: usd), ModelPrices(input: 1, output: 1),
                false
            ),
            (OpenRouterFilter(showFreeOnly: true, maxPricePerMillionTokens: usd), .free, true),
        ] as [(OpenRouterFilter, ModelPrices?, Bool)]
    )
    func allows(filter: OpenRouterFilter, prices: ModelPrices?, expected: Bool) throws {
        let model = try Self.model(prices)
        #expect(filter.allows(model) == expected)
        // What lets everything pass says so.
        if filter.allowsEverything { #expect(expected) }
    }

    @Test("Free models are preferred when that is wanted, and no others")
    func prefers() throws {
        let wanted = OpenRouterFilter(preferFreeModels: true)
        #expect(try wanted.prefers(Self.model(.free)))
        #expect(try !wanted.prefers(Self.model(nil)))
        #expect(try !wanted.prefers(Self.model(ModelPrices(input: 1, output: 0))))
        #expect(try !OpenRouterFilter().prefers(Self.model(.free)))
    }

    @Test("A lower limit lets no more models pass", arguments: 0..<5 as Range<UInt64>)
    func monotone(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        for _ in 0..<200 {
            let prices = ModelPrices(
                input: .random(in: 0...10, using: &random), output: .random(in: 0...10, using: &random))
            let limits = [Int64.random(in: 0...10, using: &random), .random(in: 0...10, using: &random)].sorted()
            let model = try Self.model(prices)
            let passes = limits.map { OpenRouterFilter(maxPricePerMillionTokens: $0).allows(model) }
            #expect(passes[1] || !passes[0])
        }
    }

    // MARK: - The environment

    @Test(
        "Booleans are written as people write them",
        arguments: [
            ("true", true), ("TRUE", true), ("Yes", true), ("on", true), ("1", true), (" t ", true), ("y\n", true),
            ("false", false), ("No", false), ("OFF", false), ("0", false), ("f", false), ("n", false),
        ]
    )
    func booleans(text: String, expected: Bool) throws {
        for base in [true, false] {
            let filter = try OpenRouterFilter(
                environment: ["OPENROUTER_SHOW_FREE_ONLY": text, "OPENROUTER_PREFER_FREE_MODELS": text],
                over: OpenRouterFilter(showFreeOnly: base, preferFreeModels: base))
            #expect(filter.showFreeOnly == expected && filter.preferFreeModels == expected)
        }
    }

    @Test(
        "The limit is exact, in whatever way the number is written",
        arguments: [
            ("0.000001", 1_000_000_000), ("0.00000015", 150_000_000), ("1e-6", 1_000_000_000),
            ("+2.5E-07", 250_000_000),
            ("0", 0), ("0.0", 0), ("-0", 0), ("1", 1_000_000_000_000_000), (" 0.1 ", 100_000_000_000_000),
            ("0.0000000000000001", 1),
        ] as [(String, Int64)]
    )
    func limits(text: String, expected: Int64) throws {
        let filter = try OpenRouterFilter(environment: ["OPENROUTER_MAX_COST_PER_TOKEN": text])
        #expect(filter == OpenRouterFilter(maxPricePerMillionTokens: expected))
    }

    @Test("What is not set leaves what the configuration says")
    func unset() throws {
        let base = OpenRouterFilter(showFreeOnly: true, preferFreeModels: true, maxPricePerMillionTokens: 7)
        #expect(try OpenRouterFilter(environment: [:], over: base) == base)
        let blank = ["OPENROUTER_SHOW_FREE_ONLY": "", "OPENROUTER_MAX_COST_PER_TOKEN": "  ", "OPENROUTER_OTHER": "x"]
        #expect(try OpenRouterFilter(environment: blank, over: base) == base)
    }

    @Test("Every variable that is wrong is named, with its value and what was expected")
    func problems() throws {
        let error = try #require(throws: OpenRouterFilter.InvalidEnvironment.self) {
            try OpenRouterFilter(environment: [
                "OPENROUTER_SHOW_FREE_ONLY": "maybe", "OPENROUTER_PREFER_FREE_MODELS": "2",
                "OPENROUTER_MAX_COST_PER_TOKEN": "cheap",
            ])
        }
        #expect(
            error.problems.map(\.variable) == [
                "OPENROUTER_SHOW_FREE_ONLY", "OPENROUTER_PREFER_FREE_MODELS", "OPENROUTER_MAX_COST_PER_TOKEN",
            ])
        #expect(error.problems.map(\.value) == ["maybe", "2", "cheap"])
        #expect(
            error.problems[0].description
                == "OPENROUTER_SHOW_FREE_ONLY is 'maybe', expected true or false (or yes, no, on, off, 1, 0)")
        #expect(error.description.contains("OPENROUTER_MAX_COST_PER_TOKEN is 'cheap', expected USD for one token"))
    }

    @Test(
        "A limit that is no amount is refused",
        arguments: ["-0.1", "nan", "1,5", "$1", "0.1 USD", ".5", "1e", "9224", "1e99"])
    func badLimits(text: String) {
        #expect(throws: OpenRouterFilter.InvalidEnvironment.self) {
            try OpenRouterFilter(environment: ["OPENROUTER_MAX_COST_PER_TOKEN": text])
        }
    }
}
