import Inference
import Testing

@Suite("Identifiers")
struct IdentifiersTests {
    @Test(
        "A provider name is accepted when it can stand in a model id", arguments: ["openai", "a", "0x", "my-vllm_2.b"])
    func acceptsProviderNames(text: String) {
        #expect(ProviderID(text)?.rawValue == text)
    }

    @Test(
        "A provider name that could not stand in a model id is refused",
        arguments: ["", "OpenAI", "-a", ".a", "a/b", "a b", "ä", String(repeating: "a", count: 64)]
    )
    func refusesProviderNames(text: String) {
        #expect(ProviderID(text) == nil)
    }

    @Test(
        "Only the first slash divides provider and name",
        arguments: [
            ("openai/gpt-4o", "openai", "gpt-4o"),
            ("openrouter/meta-llama/llama-3-8b:free", "openrouter", "meta-llama/llama-3-8b:free"),
        ]
    )
    func dividesAtFirstSlash(text: String, provider: String, name: String) throws {
        let id = try #require(ModelID(text))
        #expect(id.provider.rawValue == provider)
        #expect(id.name == name)
        #expect(id.description == text)
    }

    @Test(
        "A model id that could not be sent upstream is refused",
        arguments: ["gpt", "/gpt", "openai/", "openai/a b", "openai/a\n"])
    func refusesModelIDs(text: String) {
        #expect(ModelID(text) == nil)
    }

    @Test("The model field means an id, an alias or the router's choice")
    func readsTargets() throws {
        #expect(InferenceRequest.Target("") == .automatic)
        #expect(InferenceRequest.Target("auto") == .automatic)
        #expect(InferenceRequest.Target("fast") == .alias("fast"))
        #expect(InferenceRequest.Target("a/b") == .model(try #require(ModelID("a/b"))))
        #expect(InferenceRequest.Target("a/") == nil)
        #expect(InferenceRequest.Target("No Such") == nil)
    }
}

@Suite("Upstream faults")
struct UpstreamFaultTests {
    static let kinds: [UpstreamFault.Kind] =
        [
            .rateLimited(retryAfter: nil), .overloaded(retryAfter: nil), .serverError, .unreachable, .truncated,
            .malformed, .contextLengthExceeded, .contentFiltered, .authenticationFailed, .modelNotFound,
            .invalidRequest, .cancelled,
        ] + UpstreamFault.Phase.allCases.map { .timedOut($0) }

    @Test("Every kind of fault has a reason of its own that can label a metric")
    func reasonsAreDistinct() {
        let reasons = Self.kinds.map { UpstreamFault($0, "").reason }
        #expect(Set(reasons).count == reasons.count)
        #expect(reasons.allSatisfy { $0.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || $0 == 0x5F } })
    }

    @Test("Only what no other upstream can mend ends the search")
    func dispositions() {
        let ending = Self.kinds.filter { UpstreamFault($0, "").disposition == .fail }
        #expect(ending == [.invalidRequest, .cancelled, .timedOut(.total)])
    }
}
