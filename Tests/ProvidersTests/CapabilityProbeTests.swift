import Inference
import Providers
import TestSupport
import Testing

/// What follows, and what does not, from a few small answers.
@Suite(.timeLimit(.minutes(1))) struct CapabilityProbeTests {
    @Test func `A model that answers can chat, stream and take a system prompt`() async throws {
        let provider = ScriptedProvider(.local, saying: ["One", " two", " three"])
        let findings = try await CapabilityProbe(provider, model: "tiny").run()
        #expect(findings.map(\.subject) == [.capability(.chat), .capability(.streaming), .systemPrompt])
        #expect(findings.map(\.isSupported) == [true, true, true])
        #expect(findings.allSatisfy { !$0.evidence.isEmpty })
        #expect(provider.requests.map(\.delivery) == [.whole, .streamed, .whole])
        #expect(provider.requests.allSatisfy { $0.inference.sampling.maxOutputTokens == 8 && $0.model == "tiny" })
        #expect(provider.requests.map { $0.inference.messages.first?.role } == [.user, .user, .system])
    }

    @Test func `One piece proves no stream`() async throws {
        let provider = ScriptedProvider(.local, saying: ["One two three"])
        let findings = try await CapabilityProbe(provider, model: "tiny").run()
        #expect(findings.map(\.isSupported) == [true, nil, true])
    }

    @Test func `What a model refuses it does not support, and the others stand`() async throws {
        let provider = ScriptedProvider(.local) { request in
            request.inference.messages.first?.role == .system
                ? .refuse(UpstreamFault(.invalidRequest, "system role not supported"))
                : .answer([[.textDelta("a")], [.textDelta("b")], [.finished(.length)]])
        }
        let findings = try await CapabilityProbe(provider, model: "tiny").run()
        #expect(findings.map(\.isSupported) == [true, true, false])
        #expect(findings.last?.evidence.contains("system role not supported") == true)
    }

    @Test func `A model that refuses to chat is asked nothing more`() async throws {
        let provider = ScriptedProvider(.local) { _ in .refuse(UpstreamFault(.invalidRequest, "embeddings only")) }
        let findings = try await CapabilityProbe(provider, model: "tiny").run()
        #expect(findings.map(\.isSupported) == [false])
        #expect(provider.requests.count == 1)
    }

    @Test(arguments: [UpstreamFault.Kind.unreachable, .modelNotFound, .rateLimited(retryAfter: nil), .truncated])
    func `A failure proves nothing and is thrown`(_ kind: UpstreamFault.Kind) async {
        let provider = ScriptedProvider(.local) { _ in .refuse(UpstreamFault(kind, "no")) }
        let seen = await fault { _ = try await CapabilityProbe(provider, model: "tiny").run() }
        #expect(seen?.kind == kind)
    }

    @Test func `It works through a real adapter`() async throws {
        try await FakeOllama.run { fake in
            let provider = try Fixture.provider(fake.baseURL, kind: .ollama)
            let findings = try await CapabilityProbe(provider, model: "llama3.2").run()
            #expect(findings.map(\.isSupported) == [true, true, true])
        }
    }
}
