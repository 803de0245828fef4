import Inference
import ModelRegistry

/// Prints one line of JSON: nanoseconds of a lookup and of a counted request, milliseconds of lists over 10,000 models.
@main
enum RegistryBench {
    static func main() throws {
        let count = 10_000
        let snapshot = try Self.snapshot(count)
        let registry = Registry(snapshot)
        let ids = snapshot.models.map(\.id)
        var figures: [(String, Double)] = []

        figures.append(("snapshot_ns", Self.nanoseconds(1_000_000) { _ in registry.snapshot.providers.count }))
        figures.append(
            ("lookup_ns", Self.nanoseconds(1_000_000) { registry.snapshot.model(ids[$0 % count])?.priority ?? 0 }))
        figures.append(
            ("alias_ns", Self.nanoseconds(1_000_000) { _ in registry.snapshot.alias("default")?.targets.count ?? 0 }))

        let facts = { (model: ModelDescription) in RuntimeFacts(state: "ready", isLoaded: model.priority == 7) }
        let questions: [(String, String, String)] = [
            ("list_all_ms", "", ""),
            ("list_filtered_ms", "provider = \"p3\" AND capabilities:vision AND price_output <= 5", ""),
            ("list_sorted_ms", "", "price_output desc, id"),
            ("list_sorted_text_ms", "", "display_name desc"),
            (
                "list_filtered_sorted_ms", "capabilities:chat AND NOT tags:beta",
                "free desc, price_output, quality_score desc"
            ),
            ("list_facts_ms", "state = ready AND loaded = false AND context_length > 1000", "use_count desc"),
            ("list_substring_ms", "display_name:odel-99 OR id = *77", "priority"),
        ]
        for (name, filter, order) in questions {
            let query = try RegistryQuery(filter: filter, orderBy: order)
            let nanoseconds = try Self.nanoseconds(40) { _ in
                try query.page(of: snapshot, size: 100, facts: facts).totalSize
            }
            figures.append((name, nanoseconds / 1e6))
        }
        figures.append(
            (
                "parse_us",
                try Self.nanoseconds(10_000) { _ in
                    try RegistryQuery(filter: questions[4].1, orderBy: questions[4].2).needsFacts ? 1 : 0
                } / 1e3
            )
        )
        figures.append(("rebuild_ms", try Self.nanoseconds(20) { _ in try Self.rebuilt(snapshot) } / 1e6))
        figures += try Self.edits(of: snapshot)

        let book = StatisticsBook(storage: NoStorage())
        let record = Self.record(ids[0])
        figures.append(
            (
                "statistics_take_ns",
                Self.nanoseconds(200_000) { _ in
                    book.take(record)
                    return 1
                }
            ))
        let members = figures.map { "\"\($0.0)\": \(($0.1 * 1000).rounded() / 1000)" }
        print("{\"models\": \(count), \(members.joined(separator: ", "))}")
    }

    /// The best of five rounds, so that what else the machine does stays out of it.
    private static func nanoseconds(_ count: Int, _ body: (Int) throws -> Int) rethrows -> Double {
        var best = Double.infinity
        var sum = 0
        for _ in 0..<5 {
            let begin = ContinuousClock.now
            for index in 0..<count { sum &+= try body(index) }
            let (seconds, attoseconds) = begin.duration(to: .now).components
            best = min(best, (Double(seconds) * 1e9 + Double(attoseconds) * 1e-9) / Double(count))
        }
        // Keeps the work from being optimized away.
        return sum == .min ? .nan : best
    }

    private static func rebuilt(_ snapshot: RegistrySnapshot) throws -> Int {
        try RegistrySnapshot(providers: snapshot.providers, models: Array(snapshot.models), aliases: snapshot.aliases)
            .models.count
    }

    /// What one change costs before it goes to disk.
    private static func edits(of snapshot: RegistrySnapshot) throws -> [(String, Double)] {
        let models = snapshot.models
        let alias = try Self.nanoseconds(50) { round in
            let flipped = Alias(name: "default", targets: [models[round].id, models[models.count - 1 - round].id])
            return try snapshot.applying(aliases: ["default": flipped]).aliases.count
        }
        let model = try Self.nanoseconds(50) { round in
            var changed = models[round * 100]
            changed.priority = 1000 - round
            return try snapshot.applying(models: [changed.id: changed]).models.count
        }
        let added = try Self.nanoseconds(50) { round in
            guard let id = ModelID("p1/new-\(round)") else { return 0 }
            return try snapshot.applying(models: [id: ModelDescription(id: id)]).models.count
        }
        return [("edit_alias_ms", alias / 1e6), ("edit_model_ms", model / 1e6), ("add_model_ms", added / 1e6)]
    }

    private static func snapshot(_ count: Int) throws -> RegistrySnapshot {
        let providers = (0..<10).compactMap { ProviderID("p\($0)") }
            .map { ProviderDescription(id: $0, kind: "openai") }
        var random = SystemRandomNumberGenerator()
        let models = (0..<count).shuffled(using: &random).compactMap { number -> ModelDescription? in
            guard let id = ModelID("p\(number % 10)/vendor/model-\(number)") else { return nil }
            return ModelDescription(
                id: id,
                displayName: "Model-\(number) of vendor \(number % 7)",
                capabilities: number % 3 == 0 ? [.chat, .streaming, .vision] : [.chat, .streaming],
                contextLength: 1024 * (number % 200),
                prices: number % 5 == 0
                    ? nil
                    : ModelPrices(input: Int64(number % 50) * 100_000_000, output: Int64(number % 90) * 100_000_000),
                qualityScore: number % 4 == 0 ? nil : Double(number % 100) / 100,
                priority: number % 1000,
                tags: number % 6 == 0 ? ["beta", "eu"] : ["prod"]
            )
        }
        return try RegistrySnapshot(
            providers: providers,
            models: models,
            aliases: [Alias(name: "default", targets: [models[0].id, models[1].id])]
        )
    }

    private static func record(_ model: ModelID) -> RequestRecord {
        RequestRecord(
            id: "r",
            requestedModel: "default",
            model: model,
            startedAtMicroseconds: 1_767_571_200_000_000,
            latency: .milliseconds(900),
            firstTokenLatency: .milliseconds(200),
            usage: Usage(inputTokens: 20, outputTokens: 64),
            attempts: [Attempt(model: model, duration: .milliseconds(899))],
            status: "OK",
            isStreamed: true
        )
    }
}

private struct NoStorage: StatisticsStorage {
    func loadStatistics() async throws -> [ModelID: ModelStatistics] { [:] }
    func save(_ statistics: [ModelID: ModelStatistics]) async throws {}
}
