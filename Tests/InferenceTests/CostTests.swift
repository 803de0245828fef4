import Inference
import Testing

@Suite("Costs")
struct CostTests {
    /// 2.50 USD, 10 USD and 1.25 USD for a million tokens.
    static let prices = ModelPrices(input: 2_500_000_000, output: 10_000_000_000, cachedInput: 1_250_000_000)

    static func cost(
        _ input: Int, _ output: Int, cached: Int = 0, at prices: ModelPrices? = prices
    ) -> Int64? {
        Cost(of: Usage(inputTokens: input, outputTokens: output, cachedInputTokens: cached), at: prices)?.nanoUSD
    }

    @Test("Tokens cost what their kind costs, cached ones as such")
    func kinds() {
        #expect(Self.cost(1_000_000, 0) == 2_500_000_000)
        #expect(Self.cost(0, 1_000_000) == 10_000_000_000)
        #expect(Self.cost(1_000_000, 0, cached: 1_000_000) == 1_250_000_000)
        // 600 at 2,500 nano-USD, 400 at 1,250, 500 at 10,000.
        #expect(Self.cost(1000, 500, cached: 400) == 7_000_000)
        #expect(Self.cost(0, 0) == 0)
    }

    @Test("Where cached tokens have no price they cost what others do")
    func uncached() {
        #expect(Self.cost(1000, 0, cached: 400, at: ModelPrices(input: 1_000_000, output: 0)) == 1000)
    }

    @Test("Reasoning and audio tokens are in the sums already and are not paid twice")
    func parts() {
        let usage = Usage(
            inputTokens: 100, outputTokens: 50, cacheWriteInputTokens: 30, reasoningTokens: 40, audioInputTokens: 20,
            audioOutputTokens: 10)
        #expect(Cost(of: usage, at: Self.prices)?.nanoUSD == Self.cost(100, 50))
    }

    @Test(
        "A fraction of a nano-USD is rounded up, once for the whole",
        arguments: [
            (1, 1, 0, 1), (1, 0, 0, 1), (999_999, 0, 0, 1), (1_000_000, 0, 0, 1), (1_000_001, 0, 0, 2),
            (500_000, 500_000, 0, 1),
        ]
    )
    func rounding(input: Int, output: Int, cached: Int, expected: Int64) {
        #expect(Self.cost(input, output, cached: cached, at: ModelPrices(input: 1, output: 1)) == expected)
    }

    @Test("Without prices there is no cost, unless the upstream said what it charged")
    func unknown() {
        #expect(Self.cost(1, 1, at: nil) == nil)
        var usage = Usage(inputTokens: 1_000_000, outputTokens: 0, reportedCostNanoUSD: 42, isEstimated: true)
        #expect(Cost(of: usage, at: nil) == Cost(nanoUSD: 42))
        #expect(Cost(of: usage, at: Self.prices) == Cost(nanoUSD: 42), "what was charged counts before the price list")
        usage.reportedCostNanoUSD = 0
        #expect(Cost(of: usage, at: Self.prices) == Cost(nanoUSD: 0))
    }

    @Test("An estimate of tokens makes an estimate of the cost, and of every sum that holds it")
    func estimates() throws {
        let usage = Usage(inputTokens: 10, outputTokens: 10, isEstimated: true)
        let estimated = try #require(Cost(of: usage, at: Self.prices))
        #expect(estimated.isEstimated)
        let exact = Cost(nanoUSD: 5)
        #expect((exact + estimated).isEstimated && (estimated + exact).isEstimated && !(exact + exact).isEstimated)
        #expect((exact + estimated).nanoUSD == 5 + estimated.nanoUSD)
    }

    @Test("Counts that make no sense cost nothing, or no less than they should")
    func nonsense() {
        #expect(Self.cost(-5, -5, cached: -5) == 0)
        #expect(Self.cost(10, 0, cached: 99) == Self.cost(10, 0, cached: 10))
        #expect(Self.cost(10, 0, cached: -1) == Self.cost(10, 0))
    }

    @Test("What is more than fits is the most that fits, and never negative")
    func overflow() throws {
        let most = Self.cost(.max, 0) ?? 0
        #expect(most > 9_000_000_000_000)
        #expect(Self.cost(.max, .max) == most && Self.cost(0, .max) == most)
        #expect(Self.cost(.max, .max, at: ModelPrices(input: .max, output: .max)) == most)
        #expect(Self.cost(1, 1, at: ModelPrices(input: .max, output: .max)) == most)
        // Just below the edge, too, where rounding up must not go over it.
        #expect(Self.cost(.max, 1, at: ModelPrices(input: .max, output: 5)) == most)
        #expect(Self.cost(1, 1, at: ModelPrices(input: .max - 7, output: 6)) == most)
        let sum = Cost(nanoUSD: .max) + Cost(nanoUSD: 1)
        #expect(sum.nanoUSD == .max)
    }

    // MARK: - Properties

    /// The same in every run.
    struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (self.state >> 32) | (self.state << 32)
        }

        mutating func tokens() -> Int { Int.random(in: 0...1 << Int.random(in: 0...24, using: &self), using: &self) }

        mutating func usage() -> Usage {
            let input = self.tokens()
            return Usage(
                inputTokens: input, outputTokens: self.tokens(), cachedInputTokens: .random(in: 0...input, using: &self)
            )
        }

        mutating func prices() -> ModelPrices {
            let input = Int64.random(in: 0...100_000_000_000, using: &self)
            return ModelPrices(
                input: input, output: .random(in: 0...100_000_000_000, using: &self),
                cachedInput: Bool.random(using: &self) ? .random(in: 0...input, using: &self) : nil)
        }
    }

    @Test("More tokens never cost less", arguments: 1...5 as ClosedRange<UInt64>)
    func monotone(seed: UInt64) throws {
        var random = Random(state: seed)
        for _ in 0..<1000 {
            let (usage, prices) = (random.usage(), random.prices())
            let cost = try #require(Cost(of: usage, at: prices)).nanoUSD
            #expect(cost >= 0)
            for part in [\Usage.inputTokens, \.outputTokens] {
                var more = usage
                more[keyPath: part] += random.tokens()
                #expect(try #require(Cost(of: more, at: prices)).nanoUSD >= cost)
            }
            // Having been in the cache never makes a token dearer.
            var cached = usage
            cached.cachedInputTokens = .random(in: usage.cachedInputTokens...usage.inputTokens, using: &random)
            #expect(try #require(Cost(of: cached, at: prices)).nanoUSD <= cost)
        }
    }

    @Test(
        "Two answers cost together what they cost one by one, but for a nano-USD",
        arguments: 1...5 as ClosedRange<UInt64>)
    func additive(seed: UInt64) throws {
        var random = Random(state: seed)
        for _ in 0..<1000 {
            let (first, second, prices) = (random.usage(), random.usage(), random.prices())
            let both = Usage(
                inputTokens: first.inputTokens + second.inputTokens,
                outputTokens: first.outputTokens + second.outputTokens,
                cachedInputTokens: first.cachedInputTokens + second.cachedInputTokens)
            let together = try #require(Cost(of: both, at: prices)).nanoUSD
            let apart = try #require(Cost(of: first, at: prices)) + #require(Cost(of: second, at: prices))
            #expect(apart.nanoUSD - together >= 0 && apart.nanoUSD - together <= 1)
        }
    }
}
