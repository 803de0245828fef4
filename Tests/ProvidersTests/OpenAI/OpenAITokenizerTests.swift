import Inference
import Synchronization
import Testing

@testable import Providers

@Suite struct OpenAITokenizerTests {
    /// Answers by path and keeps what was asked.
    final class Caller: WireCaller {
        private let answers: [String: String]
        private let kept = Mutex<[WireCall]>([])

        init(_ answers: [String: String]) {
            self.answers = answers
        }

        var calls: [WireCall] { self.kept.withLock { $0 } }

        func answer<Answer>(
            to call: WireCall, requestID: String, _ read: ([UInt8]) throws(UpstreamFault) -> Answer
        ) async throws(UpstreamFault) -> Answer {
            self.kept.withLock { $0.append(call) }
            guard let answer = self.answers[call.path] else { throw UpstreamFault(.modelNotFound, call.path) }
            return try read(Array(answer.utf8))
        }
    }

    static let rendered = ["/apply-template": #"{"prompt":"<s>"}"#, "/tokenize": #"{"tokens":[1,2]}"#]

    static func count(
        _ request: UpstreamRequest, _ kind: ProviderKind, _ caller: Caller
    ) async throws(UpstreamFault) -> Int? {
        try await OpenAIFormat(dialect: kind.dialect).countTokens(request, calling: caller)
    }

    static func bodies(_ caller: Caller) -> [String] { caller.calls.map { String(decoding: $0.body, as: UTF8.self) } }

    @Test func `llama.cpp renders tools and a begun answer as for an answer`() async throws {
        let caller = Caller(Self.rendered)
        let request = OpenAIFixture.request(prefill: "So") {
            $0.tools = [OpenAIRequestTests.clock]
            $0.toolChoice = .required
            $0.reasoning = ReasoningOptions(effort: .low)
        }
        #expect(try await Self.count(request, .llamaCpp, caller) == 2)
        #expect(caller.calls.map(\.base) == [.native, .native])
        let body = try OpenAIJSON(Self.bodies(caller)[0])
        let chat = try OpenAIJSON(OpenAIFixture.body(request, .llamaCpp))
        for field in ["messages", "tools", "tool_choice", "reasoning_effort", "chat_template_kwargs"] {
            #expect(body[field] == chat[field])
            #expect(body[field] != nil, "\(field)")
        }
    }

    @Test func `vLLM counts tools and a begun answer`() async throws {
        let caller = Caller(["/tokenize": #"{"count":9,"max_model_len":64,"tokens":[]}"#])
        let request = OpenAIFixture.request(prefill: "So") { $0.tools = [OpenAIRequestTests.clock] }
        #expect(try await Self.count(request, .vllm, caller) == 9)
        let body = try OpenAIJSON(Self.bodies(caller)[0])
        let chat = try OpenAIJSON(OpenAIFixture.body(request, .vllm))
        #expect(body == chat, "vLLM's tokenizer takes the same fields as its chat")
    }

    @Test(arguments: [ProviderKind.vllm, .llamaCpp])
    func `Pictures are not counted, so nobody is asked`(_ kind: ProviderKind) async throws {
        let caller = Caller(Self.rendered)
        let message = Message(role: .user, parts: [.text("a"), .image(OpenAIRequestTests.image)])
        #expect(try await Self.count(OpenAIFixture.request([message]), kind, caller) == nil)
        #expect(caller.calls.isEmpty)
    }

    @Test func `What is not a prompt is malformed`() async throws {
        let caller = Caller(["/apply-template": "{}"])
        let seen = await fault { _ = try await Self.count(OpenAIFixture.request(), .llamaCpp, caller) }
        #expect(seen?.kind == .malformed)
    }

    @Test func `What cannot be sent cannot be counted`() async throws {
        let caller = Caller(Self.rendered)
        let request = OpenAIFixture.request {
            $0.tools = [OpenAIRequestTests.clock]
            $0.toolChoice = .tool("clock")
        }
        let seen = await fault { _ = try await Self.count(request, .llamaCpp, caller) }
        #expect(seen?.kind == .unsupported)
        #expect(caller.calls.isEmpty)
    }

    @Test func `An error in the place of a count is told as one`() async {
        let error = #"{"error":{"message":"not now","type":"overloaded_error"}}"#
        for kind in [ProviderKind.vllm, .llamaCpp] {
            let caller = Caller(["/tokenize": error, "/apply-template": error])
            let seen = await fault { _ = try await Self.count(OpenAIFixture.request(), kind, caller) }
            #expect(seen?.kind == .overloaded(retryAfter: nil), "\(kind): \(seen?.message ?? "no fault")")
        }
    }
}
