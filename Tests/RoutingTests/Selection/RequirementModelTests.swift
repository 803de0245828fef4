import Inference
import ModelRegistry
import Routing
import Testing

/// The same requirements, read one after the other: what decisions do with bits and tables must come to the same.
@Suite("Requirements against a plain reading of them")
struct RequirementModelTests {
    @Test("Random requirements on random models: exactly those are asked that fulfil all, the others are told why")
    func random() throws {
        var random = SeededGenerator(4)
        var asked = 0
        for round in 0..<60 {
            let names = (0..<24).map { "\(["p", "q", "local"][$0 % 3])/m\($0)" }.joined(separator: " ")
            let bench = SelectionBench(
                try SelectionBench.snapshot(names, providers: [Self.here]) { Self.vary(&$0, &random) })
            for number in 0..<12 {
                let request = try Self.request(&random)
                let expected = bench.snapshot.models.filter { Self.fulfils($0, request) }.map(\.id)
                let explanation = try bench.selector.explain(request, in: bench.snapshot)
                let found = explanation.ranked.map(\.model)
                #expect(Set(found) == Set(expected), "round \(round), request \(number): \(request)")
                asked += found.count
                #expect(explanation.rejected.allSatisfy { !$0.reasons.isEmpty && $0.rank == 0 })
                #expect(explanation.rejected.count + found.count == bench.snapshot.models.count)
                #expect(explanation.ranked.map(\.rank) == Array(1..<(found.count + 1)))
                if expected.isEmpty {
                    let error = #expect(throws: SelectionError.self) { try bench.decide(request) }
                    #expect(error?.unmet?.count == bench.snapshot.models.count)
                } else {
                    #expect(try bench.decide(request).candidates.map(\.id) == found)
                }
            }
        }
        // Neither everything nor nothing.
        #expect((1000..<12_000).contains(asked))
    }

    private static let here = ProviderDescription(id: .local, kind: "local")

    private static func vary(_ model: inout ModelDescription, _ random: inout SeededGenerator) {
        if random.happens(15) { model.category = .embedding }
        for capability in Capability.allCases where random.happens(60) { model.capabilities.insert(capability) }
        if random.happens(80) { model.contextLength = Int.random(in: 1...8, using: &random) * 1024 }
        if random.happens(50) { model.maxOutputTokens = Int.random(in: 1...4, using: &random) * 100 }
        if random.happens(80) {
            model.prices =
                random.happens(40)
                ? .free
                : ModelPrices(
                    input: Int64.random(in: 0...9, using: &random) * 10_000,
                    output: Int64.random(in: 0...9, using: &random) * 10_000)
        }
        if random.happens(80) { model.qualityScore = Double.random(in: 0...1, using: &random) }
        if random.happens(80) { model.safetyScore = Double.random(in: 0...1, using: &random) }
        model.tags = ["a", "b", "c"].filter { _ in random.happens(70) }
        model.priority = Int.random(in: 0...3, using: &random)
    }

    private static func request(_ random: inout SeededGenerator) throws -> SelectionRequest {
        var wanted = ModelRequirements()
        if random.happens(20) { wanted.task = .embedding }
        wanted.capabilities = Set(Capability.allCases.filter { _ in random.happens(8) })
        if random.happens(20) { wanted.minContextLength = Int.random(in: 1...9000, using: &random) }
        if random.happens(20) { wanted.maxPricePerMillionTokens = Int64.random(in: 0...90_000, using: &random) }
        if random.happens(20) { wanted.maxCostNanoUSD = Int64.random(in: 0...20, using: &random) }
        if random.happens(20) { wanted.minQualityScore = Double.random(in: 0...0.7, using: &random) }
        if random.happens(20) { wanted.minSafetyScore = Double.random(in: 0...0.7, using: &random) }
        wanted.freeOnly = random.happens(10)
        wanted.localOnly = random.happens(10)
        let providers = try ["p", "q", "none"].map { try #require(ProviderID($0)) }
        wanted.allowedProviders = random.happens(15) ? providers.filter { _ in random.happens(50) } : []
        wanted.deniedProviders = providers.filter { _ in random.happens(10) }
        wanted.tags = ["a", "b", "c", "d"].filter { _ in random.happens(8) }
        return SelectionRequest(
            target: .automatic,
            requirements: wanted,
            impliedCapabilities: random.happens(20) ? [.tools] : [],
            maxOutputTokens: random.happens(50) ? 300 : nil
        )
    }

    private static func fulfils(_ model: ModelDescription, _ request: SelectionRequest) -> Bool {
        let wanted = request.requirements
        let needed = wanted.capabilities.union(request.impliedCapabilities)
        guard model.category == wanted.task ?? .text, model.capabilities.isSuperset(of: needed) else { return false }
        if let least = wanted.minContextLength {
            guard let length = model.contextLength, length >= max(least, request.maxOutputTokens ?? 0) else {
                return false
            }
        }
        if let most = wanted.maxPricePerMillionTokens {
            guard let prices = model.prices, max(prices.input, prices.output) <= most else { return false }
        }
        if let most = wanted.maxCostNanoUSD {
            guard let prices = model.prices else { return false }
            if prices.output > 0 {
                guard let tokens = request.maxOutputTokens ?? model.maxOutputTokens ?? model.contextLength,
                    Double(tokens) * Double(prices.output) / 1e6 <= Double(most)
                else { return false }
            }
        }
        if let least = wanted.minQualityScore, model.qualityScore ?? -1 < least { return false }
        if let least = wanted.minSafetyScore, model.safetyScore ?? -1 < least { return false }
        if wanted.freeOnly, !(model.prices?.isFree ?? false) { return false }
        if wanted.localOnly, model.id.provider != .local { return false }
        if !wanted.allowedProviders.isEmpty, !wanted.allowedProviders.contains(model.id.provider) { return false }
        return !wanted.deniedProviders.contains(model.id.provider) && wanted.tags.allSatisfy(model.tags.contains)
    }
}
