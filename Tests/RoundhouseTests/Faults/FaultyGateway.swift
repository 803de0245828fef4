import Inference
import ModelRegistry
import NIOPosix
import Providers
import Routing
import TestSupport
import Testing

@testable import Roundhouse

/// The pipeline over real adapters of one wire format: models `first/m` and `second/m`, asked in this order by the alias
/// `all`, or the first alone.
struct FaultyGateway: Sendable {
    let pipeline: Pipeline
    let counters = RequestCounters()
    let figures = RoutingFigures()
    private let models: [ModelID]
    private let adapters: [any Closable]

    /// Where an upstream stands, and how patient its adapter is.
    struct Upstream: Sendable {
        var baseURL: String
        var timeouts = HTTPTimeouts()
    }

    init(
        _ wire: WireSample,
        _ upstreams: [Upstream],
        policy: FallbackPolicy = .oneAttemptEach,
        recorder: any RequestRecorder
    ) throws {
        var adapters: [any Closable] = []
        var catalog: [ProviderID: any Provider] = [:]
        for (name, upstream) in zip(["first", "second"], upstreams) {
            var configuration = EndpointConfiguration(
                id: try #require(ProviderID(name)), kind: wire.kind, baseURL: upstream.baseURL, apiKey: Secret("sk-1"))
            configuration.timeouts = upstream.timeouts
            let adapter = try ProviderAdapters.adapter(for: configuration, group: MultiThreadedEventLoopGroup.singleton)
            adapters.append(try #require(adapter as? any Closable))
            catalog[adapter.id] = adapter
        }
        let models = try adapters.enumerated().map { place, adapter in
            ModelDescription(
                id: try #require(ModelID(provider: adapter.id, name: "m")),
                capabilities: [.chat, .streaming, .prefill],
                prices: ModelPrices(input: 1_000_000, output: 2_000_000),
                priority: place)
        }
        let registry = Registry(
            try RegistrySnapshot(
                providers: models.map { ProviderDescription(id: $0.id.provider, kind: wire.kind.rawValue) },
                models: models,
                aliases: [Alias(name: "all", targets: models.map(\.id))]))
        self.models = models.map(\.id)
        self.adapters = adapters
        let router = Router(
            registry: registry, catalog: ProviderCatalog(catalog), figures: self.figures, policy: policy)
        self.pipeline = Pipeline(router: router, recorder: recorder, counters: self.counters)
    }

    /// Carries out a streamed request.
    ///
    /// - Parameter onDelivery: called after each delivery with all that was told so far.
    func ask(
        _ prompt: String = "Go on.",
        id: String = "r",
        recovery: RecoveryMode = .fail,
        onDelivery: (Told) async throws -> Void = { _ in }
    ) async -> Told {
        let request = InferenceRequest(
            id: id, target: .alias("all"), messages: [Message(.user, prompt)],
            sampling: SamplingParameters(maxOutputTokens: 100), routing: RoutingOptions(recovery: recovery))
        var told = Told()
        let begin = ContinuousClock.now
        do {
            try await self.pipeline.run(request, delivery: .streamed) { outputs in
                for output in outputs { told.take(output) }
                try await onDelivery(told)
            }
        } catch let failure as RequestFailure {
            told.failure = failure
        } catch {
            told.isStrangelyEnded = true
        }
        told.took = begin.duration(to: .now)
        return told
    }

    /// Requests that somebody is still believed to work on.
    var inFlight: Int {
        self.models.reduce(self.counters.counts.active) {
            $0 + self.figures[$1].inFlight + self.figures[$1.provider].inFlight
        }
    }

    /// Closes the connections that idle.
    func shutdown() {
        for adapter in self.adapters { adapter.shutdown() }
    }
}

/// What a client was told of a request.
struct Told: Sendable {
    /// What stands: nothing of what was declared void.
    var text = ""
    var startedCount = 0
    var supersededCount = 0
    var continuedCount = 0
    var completions: [Completion] = []
    var isCompletedLast = false
    var failure: RequestFailure?
    /// An error came that is no failure of ours.
    var isStrangelyEnded = false
    var took = Duration.zero

    var isOK: Bool { self.failure == nil && !self.isStrangelyEnded }

    mutating func take(_ output: PipelineOutput) {
        self.isCompletedLast = false
        switch output {
        case .progress: break
        case .started(let started):
            self.startedCount += 1
            if started.continues { self.continuedCount += 1 }
        case .superseded:
            self.supersededCount += 1
            self.text = ""
        case .delta(.textDelta(let text)): self.text += text
        case .delta(let event): self.text += "[\(event)]"
        case .completed(let completion):
            self.completions.append(completion)
            self.isCompletedLast = true
        }
    }
}

/// An adapter whose connections can be closed.
protocol Closable: Provider {
    func shutdown()
}

extension HTTPProvider: Closable {}

extension FallbackPolicy {
    /// One fault is one attempt, and none has consequences for the next request.
    static let oneAttemptEach = {
        var policy = FallbackPolicy()
        policy.attemptsPerModel = 1
        policy.breaker = nil
        return policy
    }()
}

extension WireSample {
    /// Of the wire format, one that goes on from a begun answer.
    var kind: ProviderKind {
        switch self.name {
        case "anthropic": .anthropic
        case "gemini": .gemini
        case "ollama": .ollama
        default: .vllm
        }
    }
}

extension FaultUpstream {
    /// The address of an adapter whose requests are to be told from another's: their path begins with the name.
    func baseURL(_ name: String) -> String { "http://127.0.0.1:\(self.port)/\(name)/v1" }

    /// Connections that nobody has closed yet.
    var openCount: Int { self.connections.all.count - self.closures.all.count }

    /// Waits until at most so many connections are open.
    ///
    /// - Returns: how many are, after five seconds at most.
    func settle(to count: Int) async -> Int {
        let end = ContinuousClock.now + .seconds(5)
        while self.openCount > count, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(2)) }
        return self.openCount
    }
}

/// Carries out `body` for all elements, so many at a time.
///
/// - Returns: the results in the order of the elements.
func inParallel<Element: Sendable, Result: Sendable>(
    _ width: Int, _ elements: [Element], _ body: @escaping @Sendable (Element) async throws -> Result
) async throws -> [Result] {
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        var results: [(Int, Result)] = []
        for (place, element) in elements.enumerated() {
            if place >= width, let result = try await group.next() { results.append(result) }
            group.addTask { (place, try await body(element)) }
        }
        for try await result in group { results.append(result) }
        return results.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
