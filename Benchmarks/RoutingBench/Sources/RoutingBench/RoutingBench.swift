import Inference
import ModelRegistry
import Routing

/// Prints one line of JSON: microseconds of a decision for each strategy over 10, 100 and 1,000 models that a request for
/// `auto` with requirements chooses between, and of what is done once for a snapshot.
@main
enum RoutingBench {
    static func main() throws {
        var figures: [(String, Double)] = []
        for count in [10, 100, 1_000] {
            let bench = try Bench(count)
            for strategy in bench.selector.strategyNames {
                figures.append(("\(strategy)_\(count)_us", try bench.microseconds(strategy)))
            }
            figures.append(("conversation_\(count)_us", try bench.conversation()))
            figures.append(("named_\(count)_us", try bench.microseconds("priority", target: .model(bench.named))))
            figures.append(("explain_\(count)_us", try bench.explanation()))
            figures.append(("table_\(count)_us", bench.table()))
        }
        let members = figures.map { "\"\($0.0)\": \(($0.1 * 100).rounded() / 100)" }
        print("{\(members.joined(separator: ", "))}")
    }
}

private struct Bench {
    let snapshot: RegistrySnapshot
    let selector: RouteSelector
    let named: ModelID
    private let count: Int

    /// Models of ten providers. Nine of ten fulfil what the requests require; of most something was seen lately.
    init(_ count: Int) throws {
        self.count = count
        let providers = (0..<10).compactMap { ProviderID("p\($0)") }
        let models = (0..<count).compactMap { number -> ModelDescription? in
            guard let id = ModelID("p\(number % 10)/vendor/model-\(number)") else { return nil }
            return ModelDescription(
                id: id,
                capabilities: number % 10 == 3 ? [.chat] : [.chat, .streaming, .tools, .jsonSchema],
                contextLength: 32_768 + 1024 * (number % 200),
                maxOutputTokens: 8192,
                prices: ModelPrices(input: Int64(number % 50) * 10_000_000, output: Int64(number % 90) * 10_000_000),
                qualityScore: Double(number % 100) / 100,
                priority: (number * 37) % 1000,
                tags: number % 6 == 0 ? ["beta", "eu"] : ["prod"]
            )
        }
        self.named = models[0].id
        let registered = try RegistrySnapshot(
            providers: providers.map { ProviderDescription(id: $0, kind: "vllm") }, models: models, aliases: [])
        self.snapshot = registered
        let figures = RoutingFigures()
        for (number, model) in models.enumerated() where number % 7 != 0 {
            let seen = figures[model.id]
            seen.note(firstToken: .milliseconds(20 + (number * 53) % 900), at: figures.now)
            seen.note(success: number % 20 != 0, at: figures.now)
            for _ in 0..<(number % 4) { seen.began() }
        }
        // As the router's catalog of providers answers: a look into a dictionary.
        let available = Dictionary(uniqueKeysWithValues: providers.map { ($0, ProviderAvailability.available) })
        self.selector = RouteSelector(
            figures: figures,
            availability: { available[$0.provider] ?? .unavailable(reason: "no such provider") },
            wallClock: { 0 }
        )
        self.selector.prepare(registered)
    }

    private func request(_ strategy: String?, _ target: InferenceRequest.Target) -> SelectionRequest {
        SelectionRequest(
            target: target,
            requirements: ModelRequirements(
                minContextLength: 16_384, maxPricePerMillionTokens: 2_000_000_000, minQualityScore: 0),
            impliedCapabilities: [.tools],
            strategy: strategy,
            estimatedInputTokens: 2_000,
            maxOutputTokens: 500
        )
    }

    func microseconds(_ strategy: String, target: InferenceRequest.Target = .automatic) throws -> Double {
        let request = self.request(strategy, target)
        return try Self.best(2_000_000 / (self.count + 100)) {
            try self.selector.decide(request, in: self.snapshot).candidates.count
        }
    }

    /// With all that the router does: measuring and hashing a prompt of 20 messages of 400 bytes, and looking for it.
    func conversation() throws -> Double {
        let text = String(repeating: "Say it again. ", count: 28)
        let request = InferenceRequest(
            id: "r",
            messages: (0..<20).map { Message($0 % 2 == 0 ? .user : .assistant, "\($0) \(text)") },
            routing: RoutingOptions(strategy: "least_busy")
        )
        return try Self.best(2_000_000 / (self.count + 100)) {
            let selection = self.selector.request(for: request)
            let decision = try self.selector.decide(selection, in: self.snapshot)
            self.selector.note(answered: decision.candidates[0].id, prefix: selection.prefix)
            return decision.candidates.count
        }
    }

    func explanation() throws -> Double {
        let request = self.request(nil, .automatic)
        return try Self.best(200_000 / (self.count + 100)) {
            try self.selector.explain(request, in: self.snapshot).rejected.count
        }
    }

    func table() -> Double {
        let policy = self.selector.policy
        return Self.best(100_000 / (self.count + 100)) {
            self.selector.setPolicy(policy)
            self.selector.prepare(self.snapshot)
            return 1
        }
    }

    /// The best of five rounds, so that what else the machine does stays out of it.
    private static func best(_ count: Int, _ body: () throws -> Int) rethrows -> Double {
        var best = Double.infinity
        var sum = 0
        for _ in 0..<5 {
            let begin = ContinuousClock.now
            for _ in 0..<count { sum &+= try body() }
            let (seconds, attoseconds) = begin.duration(to: .now).components
            best = min(best, (Double(seconds) * 1e6 + Double(attoseconds) * 1e-12) / Double(count))
        }
        // Keeps the work from being optimized away.
        return sum == .min ? .nan : best
    }
}
