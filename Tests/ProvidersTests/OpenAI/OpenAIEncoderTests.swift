import Inference
import Testing

@testable import Providers

@Suite struct OpenAIEncoderTests {
    static func encode(_ request: UpstreamRequest, _ dialect: OpenAIDialect = OpenAIDialect()) throws -> String {
        String(decoding: try OpenAIEncoder(dialect: dialect).encode(request), as: UTF8.self)
    }

    static let everything = SamplingParameters(
        temperature: 0.7, topP: 1, maxOutputTokens: 64, stop: ["\n", "END"], seed: -5, presencePenalty: -0.5,
        frequencyPenalty: 1e-05)

    @Test func `All that was said is written, under the names of the dialect`() throws {
        let request = Fixture.request(sampling: Self.everything)
        #expect(
            try Self.encode(request, ProviderKind.openai.dialect)
                == #"{"model":"tiny","messages":[{"role":"user","content":"hi"}],"stream":true,"#
                + #""stream_options":{"include_usage":true},"temperature":0.7,"top_p":1.0,"#
                + #""max_completion_tokens":64,"stop":["\n","END"],"seed":-5,"presence_penalty":-0.5,"#
                + #""frequency_penalty":1e-05}"#)
        #expect(try Self.encode(request, ProviderKind.llamaCpp.dialect).contains(#""max_tokens":64"#))
    }

    @Test func `What was not said is not written`() throws {
        #expect(
            try Self.encode(Fixture.request(delivery: .whole))
                == #"{"model":"tiny","messages":[{"role":"user","content":"hi"}]}"#)
    }

    @Test func `A dialect without a usage chunk is not asked for one`() throws {
        var dialect = OpenAIDialect()
        dialect.takesIncludeUsage = false
        let text = try Self.encode(Fixture.request(), dialect)
        #expect(text.contains(#""stream":true"#))
        #expect(!text.contains("stream_options"))
    }

    @Test func `Messages keep their order and roles`() throws {
        var request = Fixture.request(delivery: .whole)
        request.inference.messages = [
            Message(.system, "s1"), Message(.user, "u"), Message(.assistant, "a"), Message(.system, "s2"),
        ]
        #expect(
            try Self.encode(request).contains(
                #"[{"role":"system","content":"s1"},{"role":"user","content":"u"},"#
                    + #"{"role":"assistant","content":"a"},{"role":"system","content":"s2"}]"#))
    }

    @Test func `Several parts stay parts where the dialect takes them`() throws {
        var request = Fixture.request(delivery: .whole)
        request.inference.messages = [Message(role: .user, parts: [.text("a"), .text("b")])]
        #expect(try Self.encode(request).contains(#""content":"ab""#))
        #expect(
            try Self.encode(request, ProviderKind.vllm.dialect)
                .contains(#""content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#))
    }

    @Test func `Text is escaped as JSON wants it`() throws {
        let request = Fixture.request("\"\\/\u{0}\u{1F}\u{7F}\t\r\n é😀\u{2028}", delivery: .whole)
        #expect(
            try Self.encode(request).contains(
                #""content":"\"\\/\u0000\u001f\#u{7F}\t\r\n é😀\#u{2028}""#))
    }

    @Test func `Any text comes back from a JSON parser as it was`() throws {
        var random = SplitMix(seed: 3)
        for _ in 0..<300 {
            let text = String(
                String.UnicodeScalarView(
                    (0..<Int(random.next() % 40)).compactMap { _ in
                        Unicode.Scalar(UInt32(random.next() % (random.next() % 2 == 0 ? 0x80 : 0x11_0000)))
                    }))
            var json = JSONWriter()
            json.object { json in
                json.array("choices") { json in
                    json.object { json in
                        json.object("message") { $0.string("content", text) }
                        json.string("finish_reason", "stop")
                    }
                }
            }
            let events = try OpenAIWholeDecoder.decode(json.bytes.span)
            #expect(events == (text.isEmpty ? [] : [.textDelta(text)]) + [.finished(.stop)])
        }
    }

    @Test func `A number that JSON cannot carry is a fault`() {
        let request = Fixture.request(sampling: SamplingParameters(temperature: .nan))
        let error = #expect(throws: UpstreamFault.self) { try OpenAIEncoder(dialect: OpenAIDialect()).encode(request) }
        #expect(error?.kind == .invalidRequest)
        #expect(error?.message.contains("temperature") == true)
    }
}
