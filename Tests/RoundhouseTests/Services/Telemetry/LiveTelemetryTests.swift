import Inference
import ModelRegistry
import RoundhouseAPI
import Routing
import SwiftProtobuf
import Telemetry
import TestSupport
import Testing

@testable import Roundhouse

/// The real pipeline, router, recorder and book, looked at between one token and the next.
private final class LiveGateway: Sendable {
    let router: Router
    let pipeline: Pipeline
    let ports: ServicePorts
    let time = ProbeTime()
    private let sampler: LiveSampler

    init(_ providers: ScriptedProvider...) throws {
        let models = try providers.enumerated().map { index, provider in
            ModelDescription(id: try #require(ModelID(provider: provider.id, name: "m")), priority: index)
        }
        let registry = Registry(
            try RegistrySnapshot(
                providers: providers.map { ProviderDescription(id: $0.id, kind: "custom") }, models: models,
                aliases: [Alias(name: "all", targets: models.map(\.id))]))
        self.router = Router(
            registry: registry, providers: Dictionary(uniqueKeysWithValues: providers.map { ($0.id, $0) }))
        let figures = TelemetryRecorder()
        let counters = RequestCounters()
        self.pipeline = Pipeline(
            router: self.router, recorder: RequestFigures(figures: figures), counters: counters)
        var ports = ServicePorts.pending(registry: registry, router: self.router)
        ports.telemetry = TelemetryBook(figures)
        self.ports = ports
        var live = LivePort(self.router, counters: counters, end: WatchEnd())
        live.clock = self.time.clock
        self.sampler = LiveSampler(ports: ports, live: live, wanted: nil)
    }

    /// A second later.
    func look(_ metrics: inout LiveMetrics, isFirst: Bool = false) -> Roundhouse_V1_WatchMetricsResponse {
        self.time.advance(by: .seconds(1))
        return metrics.take(self.sampler.sample(isFirst: isFirst))
    }

    /// - Returns: what a watch saw at its beginning, at every delivery, and after the end.
    func watch(_ request: InferenceRequest) async throws -> [Roundhouse_V1_WatchMetricsResponse] {
        var metrics = LiveMetrics()
        var seen = [self.look(&metrics, isFirst: true)]
        try? await self.pipeline.run(request, delivery: .streamed) { _ in seen.append(self.look(&metrics)) }
        return seen + [self.look(&metrics)]
    }
}

@Suite("Live metrics of the real pipeline")
struct LiveTelemetryTests {
    private static func request(_ model: String = "all") throws -> InferenceRequest {
        InferenceRequest(id: "r", target: try #require(.init(model)), messages: [Message(.user, "hi")])
    }

    @Test("An answer is told while it runs, token by token, and once when it has ended")
    func runs() async throws {
        let gateway = try LiveGateway(
            provider("one") { _ in
                .answer([
                    [.textDelta("12345678")], [.textDelta("1234")], [.reasoningDelta("1234")],
                    [.usage(Usage(inputTokens: 3, outputTokens: 10)), .finished(.stop)],
                ])
            })
        let seen = try await gateway.watch(try Self.request())
        #expect(seen.map(\.outputTokensPerSecond) == [0, 2, 1, 1, 6, 0])
        #expect(seen.map(\.inFlight) == [0, 1, 1, 1, 1, 0])
        #expect(seen.map { $0.models.map(\.model) } == [[]] + Array(repeating: ["one/m"], count: 5))
        #expect(seen.dropFirst().map { $0.models[0].outputTokensPerSecond } == [2, 1, 1, 6, 0])
        // Its attempt is over before the end of the answer is delivered, its request after.
        #expect(seen.dropFirst().map { $0.models[0].inFlight } == [1, 1, 1, 0, 0])
        #expect(seen.map(\.system.requestCount) == [0, 0, 0, 0, 0, 1])
        let last = try #require(seen.last?.models.first)
        #expect(last.metrics.requestCount == 1 && last.metrics.outputTokens == 10 && last.breaker == "closed")
        #expect(last.metrics.outcomeCounts == ["success": 1] && last.metrics.hasFirstTokenLatency)
        #expect(gateway.ports.telemetry.total(of: .system, .hour).counts.requests == 1)
    }

    @Test("Who failed and who took over are both told, each with its own")
    func fallsBack() async throws {
        let gateway = try LiveGateway(
            provider("one") { _ in .refuse(UpstreamFault(.serverError, "no")) }, provider("two", saying: ["a", "b"]))
        let last = try #require(try await gateway.watch(try Self.request()).last)
        #expect(last.models.map(\.model) == ["one/m", "two/m"])
        #expect(last.models.map(\.metrics.attemptOutcomeCounts) == [["failed": 1], ["success": 1]])
        #expect(last.models.map(\.metrics.requestCount) == [0, 1])
        #expect(last.system.fallbackCount == 1 && last.system.outcomeCounts == ["success": 1])
    }

    @Test("What a cut answer had said was output, and its request is told as it ended")
    func isCut() async throws {
        let gateway = try LiveGateway(
            provider("one") { _ in
                .answer([[.textDelta("12345678")]], fault: UpstreamFault(.truncated, "cut"))
            })
        let seen = try await gateway.watch(try Self.request("one/m"))
        #expect(seen.reduce(0) { $0 + $1.outputTokensPerSecond } == 2)
        #expect(seen.last?.system.outcomeCounts == ["failed": 1] && seen.last?.inFlight == 0)
        #expect(seen.last?.models.map(\.inFlight) == [0])
    }

    private func provider(_ name: String, saying words: [String]) throws -> ScriptedProvider {
        ScriptedProvider(try #require(ProviderID(name)), saying: words)
    }

    private func provider(
        _ name: String, _ script: @escaping @Sendable (UpstreamRequest) -> ScriptedProvider.Script
    ) throws -> ScriptedProvider { ScriptedProvider(try #require(ProviderID(name)), script: script) }
}
