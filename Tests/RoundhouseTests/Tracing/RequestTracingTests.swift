import Inference
import ModelRegistry
import RoundhouseAPI
import Routing
import Synchronization
import TestSupport
import Testing
import TraceExport
import Tracing

@testable import Roundhouse

@Suite struct RequestTracingTests {
    static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `A call's span is the caller's child, and route and attempts are its children`() async throws {
        let first = try provider("a") { _ in
            .refuse(UpstreamFault(.overloaded(retryAfter: nil), "busy", httpStatus: 529))
        }
        let second = try provider("b") { _ in
            .answer([[.textDelta("x")], [.usage(Usage(inputTokens: 3, outputTokens: 1)), .finished(.toolCalls)]])
        }
        let spans = Spans()
        let records = RecordKeeper()
        let pipeline = try Self.pipeline([first, second], records, spans.tracer())
        var request = InferenceRequest(
            id: "mine", target: .alias("all"), messages: [Message(.user, "hi")])
        request.trace = TraceContext(traceparent: Self.parent)
        try await pipeline.run(request, delivery: .streamed) { _ in }

        let server = try #require(spans.named("roundhouse.v1.GenerationService/StreamGenerate"))
        #expect(server.kind == .server && server.parent?.description == "00f067aa0ba902b7" && server.status == nil)
        #expect(server.attribute("roundhouse.request_id") == .string("mine"))
        #expect(server.events.map(\.name) == ["fallback", "first_token"])
        let attempts = spans.all.filter { $0.kind == .client }
        #expect(attempts.map(\.name) == ["chat m", "chat m"])
        #expect(attempts.map { $0.attribute("error.type") } == [.string("overloaded"), nil])
        #expect(attempts.map(\.status) == [.error("overloaded"), nil])
        #expect(attempts.first?.attribute("http.response.status_code") == .integer(529))
        let answer = try #require(attempts.last)
        #expect(answer.attribute("gen_ai.operation.name") == .string("chat"))
        #expect(answer.attribute("gen_ai.provider.name") == .string("b"))
        #expect(answer.attribute("gen_ai.usage.output_tokens") == .integer(1))
        #expect(answer.attribute("gen_ai.response.finish_reasons") == .list([.string("tool_calls")]))
        #expect(answer.events.map(\.name) == ["first_token"])
        let route = try #require(spans.named("route"))
        for span in attempts + [route] {
            #expect(span.parent == server.context.spanID && span.context.traceID == server.context.traceID)
            #expect(span.startNanoseconds >= server.startNanoseconds && span.endNanoseconds <= server.endNanoseconds)
        }
        // Each upstream was told of its own attempt.
        let told = (first.requests + second.requests).map(\.inference.trace)
        #expect(told == attempts.map { Optional($0.context) })
        #expect(records.records.map(\.traceID) == [server.context.traceID])
    }

    @Test func `A failure is told by its name and without its words`() async throws {
        let upstream = try provider("a") { _ in .refuse(UpstreamFault(.invalidRequest, "the prompt 'secret' is wrong"))
        }
        let spans = Spans()
        let pipeline = try Self.pipeline([upstream], RecordKeeper(), spans.tracer())
        let request = InferenceRequest(id: "r", target: .alias("all"), messages: [Message(.user, "secret")])
        await #expect(throws: RequestFailure.self) { try await pipeline.run(request, delivery: .whole) { _ in } }
        let server = try #require(spans.named("roundhouse.v1.GenerationService/Generate"))
        #expect(server.parent == nil)
        guard case .error = server.status else {
            Issue.record("\(String(describing: server.status))")
            return
        }
        let text = String(decoding: OTLPEncoder(resource: [], version: "").body(of: spans.all), as: UTF8.self)
        #expect(!text.contains("secret"))
    }

    @Test func `What is not sampled leaves no span, and upstreams are told so`() async throws {
        let upstream = ScriptedProvider(.local, saying: ["a"])
        let spans = Spans()
        let pipeline = try Self.pipeline([upstream], RecordKeeper(), spans.tracer(Sampling(ratio: 0)))
        let request = InferenceRequest(id: "r", target: .alias("all"), messages: [Message(.user, "hi")])
        try await pipeline.run(request, delivery: .whole) { _ in }
        #expect(spans.all.isEmpty)
        let told = try #require(upstream.requests.first?.inference.trace)
        #expect(!told.isSampled)
    }

    @Test func `Waits for a model are spans of their own`() throws {
        let spans = Spans()
        let tracing = RequestTracing(spans.tracer()) { _ in nil }
        let arrival = ContinuousClock.now
        let request = InferenceRequest(id: "r", messages: [])
        let trace = try #require(tracing.begin(request, .whole, at: arrival).1)
        var record = RequestRecord(
            id: "r", requestedModel: "auto", startedAtMicroseconds: 0, latency: .seconds(5), status: "OK",
            isStreamed: false)
        record.queueTime = .seconds(1)
        record.loadTime = .seconds(2)
        trace.end(record, at: arrival + .seconds(5))
        let server = try #require(spans.all.last)
        let waits = ["queue", "load"].compactMap(spans.named)
        #expect(waits.map { $0.endNanoseconds - $0.startNanoseconds } == [1_000_000_000, 2_000_000_000])
        #expect(waits.allSatisfy { $0.parent == server.context.spanID })
        #expect(server.endNanoseconds - server.startNanoseconds == 5_000_000_000)
    }

    private static func pipeline(
        _ providers: [ScriptedProvider], _ records: RecordKeeper, _ tracer: any Tracer
    ) throws -> Pipeline {
        let models = try providers.map { ModelDescription(id: try #require(ModelID(provider: $0.id, name: "m"))) }
        let registry = Registry(
            try RegistrySnapshot(
                providers: providers.map { ProviderDescription(id: $0.id, kind: "custom") }, models: models,
                aliases: [Alias(name: "all", targets: models.map(\.id))]))
        let router = Router(
            registry: registry, providers: Dictionary(uniqueKeysWithValues: providers.map { ($0.id, $0) }))
        return Pipeline(
            router: router, recorder: records, counters: RequestCounters(),
            tracing: RequestTracing(tracer) { registry.snapshot.provider($0) })
    }
}

/// Spans that have ended, in that order.
final class Spans: Sendable {
    private let spans = Mutex<[SpanRecord]>([])

    var all: [SpanRecord] { self.spans.withLock { $0 } }

    func named(_ name: String) -> SpanRecord? { self.all.first { $0.name == name } }

    func tracer(_ sampling: Sampling = Sampling()) -> OTLPTracer {
        OTLPTracer(sampling: sampling, ids: TraceIDSource(seed: 1)) { span in self.spans.withLock { $0.append(span) } }
    }
}

extension SpanRecord {
    func attribute(_ key: String) -> Value? { self.attributes.first { $0.key == key }?.value }
}
