import Inference
import TestSupport
import Testing

@testable import ModelLifecycle

@Suite("Leased provider", .timeLimit(.minutes(2)))
struct LeasedProviderTests {
    private let a = ModelID.local("a")

    private func request(_ model: String) -> UpstreamRequest {
        UpstreamRequest(inference: InferenceRequest(id: "r", messages: []), model: model, delivery: .streamed)
    }

    private func provider(
        _ bench: ManagerBench,
        _ answering: ScriptedProvider,
        fallback: (any Provider)? = nil
    ) -> LeasedProvider {
        LeasedProvider(id: .local, manager: bench.manager, fallback: fallback) { _ throws(UpstreamFault) in answering }
    }

    @Test("a stream holds its model until its end, its cancellation, or until it is let go of")
    func holds() async throws {
        try await ManagerBench([.local("a")]).run { bench in
            let provider = self.provider(bench, ScriptedProvider(.local, saying: ["yes"]))
            let whole = try await provider.start(request("a"))
            #expect(bench.manager.status(of: a)?.leases == 1)
            while try await whole.next() != nil {}
            #expect(bench.manager.status(of: a)?.leases == 0)
            let cancelled = try await provider.start(request("a"))
            cancelled.cancel()
            #expect(bench.manager.status(of: a)?.leases == 0)
            do { _ = try await provider.start(request("a")) }
            #expect(bench.manager.status(of: a)?.leases == 0)
            #expect(bench.runtime.launched.count == 1)
        }
    }

    @Test("a stream that breaks because its engine died says so in the engine's words")
    func explains() async throws {
        try await ManagerBench([.local("a")]).run { bench in
            let broken = ScriptedProvider(.local) { _ in
                .answer([[.textDelta("ye")]], fault: UpstreamFault(.truncated, "the connection ended"))
            }
            let stream = try await self.provider(bench, broken).start(request("a"))
            _ = try await stream.next()
            bench.runtime.end(a, .crashed(reason: "signal 9: out of cheese"))
            await #expect(throws: UpstreamFault(.truncated, "signal 9: out of cheese")) { _ = try await stream.next() }
        }
    }

    @Test("models that are not managed go to the fallback as they are")
    func fallback() async throws {
        try await ManagerBench([.local("a")]).run { bench in
            let own = ScriptedProvider(.local, saying: ["own"])
            let other = ScriptedProvider(.local, saying: ["other"])
            other.set(.unavailable(reason: "asleep"), of: "z")
            let provider = self.provider(bench, own, fallback: other)
            _ = try await provider.start(request("z"))
            #expect(other.requests.count == 1 && own.requests.isEmpty)
            #expect(provider.availability(of: "z") == .unavailable(reason: "asleep"))
            #expect(provider.availability(of: "a") == .unloaded)
            let alone = self.provider(bench, own)
            await #expect(throws: UpstreamFault(.modelNotFound, "there is no model 'local/z'")) {
                _ = try await alone.start(request("z"))
            }
        }
    }

    @Test("tokens are counted by the model, which is loaded for it and let go of")
    func counts() async throws {
        try await ManagerBench([.local("a")]).run { bench in
            let own = ScriptedProvider(.local, saying: [])
            own.setTokenCount(7)
            let count = try await self.provider(bench, own).countTokens(request("a"))
            #expect(count == 7)
            #expect(bench.manager.status(of: a)?.leases == 0 && bench.state(a) == .ready)
        }
    }

    @Test("texts are embedded by the model, which is loaded for it, held meanwhile, and let go of")
    func embeds() async throws {
        try await ManagerBench([.local("a")]).run { bench in
            let provider = LeasedProvider(id: .local, manager: bench.manager) { _ throws(UpstreamFault) in
                EmbeddingProvider { request throws(UpstreamFault) in
                    #expect(bench.manager.status(of: a)?.leases == 1)
                    if request.inputs == ["no"] { throw UpstreamFault(.invalidRequest, "no") }
                    return EmbeddingAnswer(vectors: request.inputs.map { [Float($0.count)] })
                }
            }
            let answer = try await provider.embed(EmbeddingRequest(id: "e", model: "a", inputs: ["x", "yy"]))
            #expect(answer.vectors == [[1], [2]])
            #expect(bench.manager.status(of: a)?.leases == 0 && bench.state(a) == .ready)
            await #expect(throws: UpstreamFault(.invalidRequest, "no")) {
                try await provider.embed(EmbeddingRequest(id: "e", model: "a", inputs: ["no"]))
            }
            #expect(bench.manager.status(of: a)?.leases == 0)
        }
    }

    @Test("an engine that dies over texts says why; texts for others go to the fallback")
    func explainsEmbeddings() async throws {
        try await ManagerBench([.local("a")]).run { bench in
            let other = EmbeddingProvider { _ in EmbeddingAnswer(vectors: [[7]]) }
            let provider = LeasedProvider(id: .local, manager: bench.manager, fallback: other) {
                _ throws(UpstreamFault) in
                EmbeddingProvider { _ throws(UpstreamFault) in
                    bench.runtime.end(a, .crashed(reason: "signal 9: out of cheese"))
                    throw UpstreamFault(.truncated, "the connection ended")
                }
            }
            await #expect(throws: UpstreamFault(.truncated, "signal 9: out of cheese")) {
                try await provider.embed(EmbeddingRequest(id: "e", model: "a", inputs: ["x"]))
            }
            let answer = try await provider.embed(EmbeddingRequest(id: "e", model: "z", inputs: ["x"]))
            #expect(answer.vectors == [[7]])
        }
    }

    @Test("a load that fails is the request's fault to hear, by kind")
    func faults() async throws {
        try await ManagerBench([.local("a")], limits: .forTests(memory: 5)).run { bench in
            let provider = self.provider(bench, ScriptedProvider(.local, saying: []))
            do throws(UpstreamFault) {
                _ = try await provider.start(request("a"))
                Issue.record("it was started")
            } catch {
                #expect(error.kind == .insufficientMemory)
            }
            bench.runtime.set(size: 1, of: a)
            bench.runtime.set([.end(.refused(reason: "unknown architecture"))], of: a)
            do throws(UpstreamFault) {
                _ = try await provider.start(request("a"))
                Issue.record("it was started")
            } catch {
                #expect(error.kind == .unreachable && error.message.contains("unknown architecture"))
            }
        }
    }
}

/// Turns texts into vectors as it is told, and does nothing else.
private struct EmbeddingProvider: Provider {
    let id = ProviderID.local
    let answer: @Sendable (EmbeddingRequest) throws(UpstreamFault) -> EmbeddingAnswer

    func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream {
        throw UpstreamFault(.unsupported, "it only embeds")
    }

    func embed(_ request: EmbeddingRequest) async throws(UpstreamFault) -> EmbeddingAnswer {
        try self.answer(request)
    }
}
