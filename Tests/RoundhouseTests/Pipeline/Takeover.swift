import Inference
import ModelRegistry
import Routing
import Synchronization
import TestSupport
import Testing

@testable import Roundhouse

/// What came of a streamed request to the models `a/m`, `b/m` and so on, which are asked in this order.
struct Takeover: Sendable {
    /// As they were delivered.
    var deliveries: [[PipelineOutput]] = []
    var told = Told()
    var record: RequestRecord

    /// - Parameters:
    ///   - goOn: the names of the providers whose models go on from a begun answer.
    ///   - onDelivery: called after each delivery with all that was told so far.
    static func ask(
        _ providers: [ScriptedProvider],
        recovery: RecoveryMode,
        holdBack: HoldBack? = nil,
        delivery: UpstreamRequest.Delivery = .streamed,
        goOn: Set<String> = [],
        policy: FallbackPolicy = .oneAttemptEach,
        time: RoutingTime = .continuous,
        onDelivery: (Told) async -> Void = { _ in }
    ) async throws -> Takeover {
        let models = try providers.enumerated().map { place, provider in
            let capabilities: Set<Capability> = [.chat, .streaming]
            return ModelDescription(
                id: try #require(ModelID(provider: provider.id, name: "m")),
                capabilities: goOn.contains(provider.id.rawValue) ? capabilities.union([.prefill]) : capabilities,
                prices: ModelPrices(input: 1_000_000, output: 1_000_000),
                priority: place)
        }
        let registry = Registry(
            try RegistrySnapshot(
                providers: providers.map { ProviderDescription(id: $0.id, kind: "custom") }, models: models,
                aliases: [Alias(name: "all", targets: models.map(\.id))]))
        let catalog = ProviderCatalog(Dictionary(uniqueKeysWithValues: providers.map { ($0.id, $0) }))
        let records = RecordKeeper()
        let router = Router(registry: registry, catalog: catalog, policy: policy, random: { 0 })
        let pipeline = Pipeline(router: router, recorder: records, counters: RequestCounters(), time: time)
        let request = InferenceRequest(
            id: "r", target: .alias("all"), messages: [Message(.user, "12345678")],
            routing: RoutingOptions(recovery: recovery, holdBack: holdBack))
        var deliveries: [[PipelineOutput]] = []
        var told = Told()
        do {
            try await pipeline.run(request, delivery: delivery) { outputs in
                deliveries.append(outputs)
                for output in outputs { told.take(output) }
                await onDelivery(told)
            }
        } catch let failure as RequestFailure {
            told.failure = failure
        }
        return Takeover(deliveries: deliveries, told: told, record: try #require(records.records.first))
    }

    /// What was told, in short: `a` when that begins, `a+` when it goes on, `!1` when attempt 1 is void, text in quotes.
    var story: [String] {
        self.deliveries.flatMap(\.self).map { output in
            switch output {
            case .progress: "progress"
            case .started(let started): started.model.provider.rawValue + (started.continues ? "+" : "")
            case .superseded(let attempt, let fault): "!\(attempt) \(fault.reason)"
            case .delta(.textDelta(let text)): "'\(text)'"
            case .delta(.reasoningDelta(let text)): "(\(text))"
            case .delta(.refusalDelta(let text)): "no: \(text)"
            case .delta(.reasoningSignature(let signature)): "#\(signature.value)"
            case .delta(.toolCallDelta(let delta)):
                "\(delta.index) \(delta.id ?? "-") \(delta.name ?? "-") \(delta.argumentsFragment)"
            case .delta(.citation(let citation)): "[\(citation.url ?? "")]"
            case .delta(let event): "\(event)"
            case .completed(let completion): "\(completion.finishReason)"
            }
        }
    }

    /// What the attempts are recorded with; `ok` for the one that answered.
    var reasons: [String] {
        self.record.attempts.map { "\($0.model.provider.rawValue) \($0.fault?.reason ?? "ok")" }
    }
}

/// Says these pieces, then breaks off.
func breaking(_ name: String, _ events: InferenceEvent...) throws -> ScriptedProvider {
    try provider(name) { _ in .answer(events.map { [$0] }, fault: UpstreamFault(.truncated, "cut")) }
}

/// Says these pieces and is through: each takes a token.
func whole(_ name: String, _ events: InferenceEvent...) throws -> ScriptedProvider {
    try provider(name) { _ in
        .answer(
            events.map { [$0] }
                + [[.usage(Usage(inputTokens: 3, outputTokens: events.count)), .finished(.stop)]])
    }
}

/// Time that stands still until it is moved.
final class StandingTime: Sendable {
    private struct State {
        var elapsed = Duration.zero
        var sleepers: [(due: Duration, latch: Latch)] = []
    }

    private let start = ContinuousClock.now
    private let state = Mutex(State())

    var routing: RoutingTime {
        RoutingTime(
            now: { self.start + self.state.withLock { $0.elapsed } },
            sleep: { duration in
                let latch = Latch()
                self.state.withLock { $0.sleepers.append(($0.elapsed + duration, latch)) }
                if await !latch.pass() { throw CancellationError() }
            })
    }

    /// How often somebody slept or sleeps.
    var sleeperCount: Int { self.state.withLock { $0.sleepers.count } }

    func advance(by duration: Duration) {
        let due = self.state.withLock { state in
            state.elapsed += duration
            return state.sleepers.filter { $0.due <= state.elapsed }.map(\.latch)
        }
        for latch in due { latch.open() }
    }
}
