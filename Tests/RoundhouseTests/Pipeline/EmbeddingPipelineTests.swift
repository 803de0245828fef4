import Inference
import Logging
import ModelRegistry
import Routing
import TestSupport
import Testing

@testable import Roundhouse

@Suite("What is told of a request for vectors")
struct EmbeddingPipelineTests {
    private static let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private static func pipeline(_ providers: ScriptedProvider..., prompts: PromptLog? = nil) throws -> Pipeline {
        let models = try providers.enumerated().map { place, provider in
            ModelDescription(
                id: try #require(ModelID(provider: provider.id, name: "e")), category: .embedding,
                capabilities: [.embeddings], priority: place)
        }
        let registry = Registry(
            try RegistrySnapshot(
                providers: providers.map { ProviderDescription(id: $0.id, kind: "custom") }, models: models,
                aliases: [Alias(name: "all", targets: models.map(\.id))]))
        let router = Router(
            registry: registry, providers: Dictionary(uniqueKeysWithValues: providers.map { ($0.id, $0) }))
        return Pipeline(router: router, recorder: RecordKeeper(), counters: RequestCounters(), prompts: prompts)
    }

    private static func order(_ inputs: String...) -> EmbeddingOrder {
        EmbeddingOrder(
            request: EmbeddingRequest(
                id: "mine", model: "", inputs: inputs, trace: TraceContext(traceparent: Self.trace)),
            target: .alias("all"), routing: RoutingOptions(), normalizes: false, metadata: [:])
    }

    private static func vectors(_ name: String, _ timing: UpstreamTiming? = nil) throws -> ScriptedProvider {
        let provider = try provider(name) { _ in .answer([]) }
        provider.setEmbedding { EmbeddingAnswer(vectors: $0.inputs.map { _ in [1] }, timing: timing) }
        return provider
    }

    @Test("Its phases are counted once, its upstream's as that tells them")
    func phases() async throws {
        let timing = UpstreamTiming(connect: .milliseconds(3), firstByte: .milliseconds(20))
        let pipeline = try Self.pipeline(try Self.vectors("a", timing))
        let arrival = ContinuousClock.now - .seconds(2)
        for _ in 0..<3 { _ = try await pipeline.embed(Self.order("one"), deadline: nil, arrival: arrival) }
        for phase: RequestPhase in [.admit, .route, .connect, .firstByte] {
            #expect(pipeline.phases.reading(of: phase).count == 3, "\(phase)")
        }
        #expect(pipeline.phases.reading(of: .admit).seconds >= 6)
        #expect(abs(pipeline.phases.reading(of: .connect).seconds - 0.009) < 1e-9)
        #expect(abs(pipeline.phases.reading(of: .firstByte).seconds - 0.06) < 1e-9)
    }

    @Test("A fallback's time is in the attempts, and one that nobody answered was admitted")
    func phasesOfFailures() async throws {
        let first = try provider("a") { _ in .answer([]) }
        first.setEmbedding { _ throws(UpstreamFault) in throw UpstreamFault(.unreachable, "no") }
        let timing = UpstreamTiming(connect: .milliseconds(3), firstByte: nil)
        let fallback = try Self.pipeline(first, try Self.vectors("b", timing))
        let outcome = try await fallback.embed(Self.order("one"), deadline: nil)
        #expect(outcome.attempts.count > 1)
        let alone = try Self.pipeline(first)
        await #expect(throws: RequestFailure.self) { try await alone.embed(Self.order("one"), deadline: nil) }
        for pipeline in [fallback, alone] {
            #expect(pipeline.phases.reading(of: .admit).count == 1)
            #expect(pipeline.phases.reading(of: .route).count == 0 && pipeline.phases.reading(of: .connect).count == 0)
        }
    }

    @Test("Its texts are logged only when that is asked for, with whose they are", arguments: [false, true])
    func logsTexts(isWanted: Bool) async throws {
        let lines = LogLines()
        var log = RoundhouseConfiguration.Log()
        log.prompts = isWanted
        let pipeline = try Self.pipeline(
            try Self.vectors("a"), prompts: PromptLog(log, logger: lines.logger))
        _ = try await pipeline.embed(Self.order("one", "two"), deadline: nil)
        let line = lines.all.first { $0.level == .debug }
        #expect((line != nil) == isWanted)
        #expect(line.map(\.message) == (isWanted ? "Prompt" : nil))
        #expect(
            line.map(\.metadata)
                == (isWanted
                    ? [
                        "request_id": "mine", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "inputs": "2",
                        "text": "one\ntwo",
                    ] : nil))
    }

    @Test(
        "Of many texts the first 16 KiB are logged",
        arguments: [
            (1, 16_384, 16_384, false), (1, 16_385, 16_384, true), (3, 8192, 16_384, true), (2, 8192, 16_384, true),
        ])
    func limitsTexts(count: Int, length: Int, kept: Int, isCut: Bool) throws {
        let lines = LogLines()
        var log = RoundhouseConfiguration.Log()
        log.prompts = true
        let inputs = Array(repeating: String(repeating: "x", count: length), count: count)
        PromptLog(log, logger: lines.logger)?.note(EmbeddingRequest(id: "mine", model: "m", inputs: inputs))
        let text = try #require(lines.all.last?.metadata["text"])
        #expect(text.hasSuffix("…") == isCut && text.utf8.count == kept + (isCut ? "…".utf8.count : 0))
    }
}
