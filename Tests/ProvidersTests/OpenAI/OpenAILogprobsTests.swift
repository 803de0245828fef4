import Inference
import Testing

@testable import Providers

/// How probable tokens were, from the upstream's JSON to the client's.
@Suite struct OpenAILogprobsTests {
    static let entry =
        #"{"token":"a","logprob":-0.25,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-3,"bytes":[98]}]}"#
    static let other = #"{"token":"é","logprob":-1e-05,"bytes":null,"top_logprobs":[]}"#
    static let stop = InferenceEvent.finished(.stop)

    static func chunk(_ delta: String, _ logprobs: String) -> String {
        #"{"choices":[{"index":0,"delta":\#(delta),"logprobs":\#(logprobs),"finish_reason":null}]}"#
    }

    static func decode(
        _ portions: [ArraySlice<UInt8>], _ kind: ProviderKind = .openai, isAsked: Bool = true
    ) -> ([InferenceEvent], UpstreamFault?) {
        var decoder = OpenAIStreamDecoder(dialect: kind.dialect, requestID: "r", withLogprobs: isAsked)
        var events: [InferenceEvent] = []
        do throws(UpstreamFault) {
            for portion in portions { try decoder.decode(Array(portion).span, into: &events) }
            try decoder.finish(into: &events)
            return (events, nil)
        } catch {
            return (events, error)
        }
    }

    static func decode(_ data: [String], _ kind: ProviderKind = .openai, isAsked: Bool = true) -> (
        [InferenceEvent], UpstreamFault?
    ) {
        Self.decode([Array(OpenAIFixture.sse(data).utf8)[...]], kind, isAsked: isAsked)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let data: [String]
        let events: [InferenceEvent]
        var testDescription: String { self.what }

        init(_ what: String, _ data: [String], _ events: [InferenceEvent]) {
            self.what = what
            self.data = data
            self.events = events
        }
    }

    static let cases: [Case] = [
        Case(
            "OpenAI: one token a chunk, refusals' beside it",
            [
                chunk(#"{"role":"assistant","content":"","refusal":null}"#, #"{"content":[],"refusal":null}"#),
                chunk(#"{"content":"a"}"#, #"{"content": [ \#(entry) ], "refusal": [{"token":"no"}]}"#),
                chunk(#"{"content":"é"}"#, #"{"refusal":null,"content":[\#(other)]}"#),
                chunk("{}", "null"), Fixture.finish(), "[DONE]",
            ],
            [.logprobs(entry), .textDelta("a"), .logprobs(other), .textDelta("é"), stop]),
        Case(
            "several tokens in one chunk, reasoning before them",
            [chunk(#"{"content":"aé","reasoning":"h"}"#, #"{"content":[\#(entry),\#(other)]}"#), Fixture.finish()],
            [.reasoningDelta("h"), .logprobs("\(entry),\(other)"), .textDelta("aé"), stop]),
        Case(
            "llama.cpp, as its server of 2026.10 wrote it",
            [
                #"{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}]}"#,
                #"{"choices":[{"finish_reason":null,"index":0,"delta":{"content":" capital"},"logprobs":{"content":["#
                    + #"{"id":326,"token":" capital","bytes":[32,99,97,112,105,116,97,108],"#
                    + #""logprob":-4.291543518775143e-06,"top_logprobs":[{"id":326,"token":" capital","#
                    + #""bytes":[32,99,97,112,105,116,97,108],"logprob":-0.12493909150362015}]}]}}],"created":1}"#,
                Fixture.finish(),
            ],
            [
                .logprobs(
                    #"{"id":326,"token":" capital","bytes":[32,99,97,112,105,116,97,108],"#
                        + #""logprob":-4.291543518775143e-06,"top_logprobs":[{"id":326,"token":" capital","#
                        + #""bytes":[32,99,97,112,105,116,97,108],"logprob":-0.12493909150362015}]}"#),
                .textDelta(" capital"), stop,
            ]),
        Case(
            "a token that is the beginning of a letter has no text yet",
            [chunk(#"{"content":""}"#, #"{"content":[\#(entry)]}"#), Fixture.content("a"), Fixture.finish()],
            [.logprobs(entry), .textDelta("a"), stop]),
        Case(
            "what OpenAI's clients count on is added, what they do not know is kept",
            [
                chunk(#"{"content":"a"}"#, #"{"content":[{"id":7,"token":"a","logprob":null},{"token":"b"}]}"#),
                Fixture.finish(),
            ],
            [
                .logprobs(
                    #"{"id":7,"token":"a","logprob":null,"bytes":null,"top_logprobs":[]},"#
                        + #"{"token":"b","bytes":null,"top_logprobs":[]}"#), .textDelta("a"), stop,
            ]),
        Case(
            "other forms than OpenAI's say nothing",
            [
                chunk(#"{"content":"a"}"#, #"{"tokens":["a"],"token_logprobs":[-1]}"#),
                chunk(#"{"content":"b"}"#, #"{"content":null}"#), Fixture.finish(),
            ],
            [.textDelta("a"), .textDelta("b"), stop]),
    ]

    @Test(arguments: cases)
    func `It comes right before the text, wherever the bytes are split`(_ example: Case) {
        let bytes = Array(OpenAIFixture.sse(example.data).utf8)
        let whole = Self.decode([bytes[...]])
        #expect(whole.0 == example.events)
        #expect(whole.1 == nil)
        for place in 0...bytes.count {
            #expect(Self.decode([bytes[..<place], bytes[place...]]).0 == example.events, "split at \(place)")
        }
        #expect(Self.decode(bytes.indices.map { bytes[$0...$0] }).0 == example.events, "byte by byte")
    }

    @Test func `Signed thoughts end before it`() {
        let thought = #"{"reasoning_details":[{"type":"reasoning.text","text":"h","index":0}]}"#
        let data = [
            OpenAIFixture.delta(thought), Self.chunk(#"{"content":"a"}"#, #"{"content":[\#(Self.entry)]}"#),
            Fixture.finish(),
        ]
        let signature = ReasoningSignature(#"{"type":"reasoning.text","index":0}"#, origin: "openrouter")
        #expect(
            Self.decode(data, .openrouter).0 == [
                .reasoningDelta("h"), .reasoningSignature(signature), .logprobs(Self.entry), .textDelta("a"), Self.stop,
            ])
    }

    @Test(arguments: [
        #"{"content":[\#(entry)]}"#, "[]", "7", #"{"content":{}}"#, #"{"content":[{"token":1}]}"#, #""none""#,
    ])
    func `What nobody asked for is not looked at`(_ logprobs: String) {
        let (events, fault) = Self.decode(
            [Self.chunk(#"{"content":"a"}"#, logprobs), Fixture.finish()], isAsked: false)
        #expect(events == [.textDelta("a"), Self.stop])
        #expect(fault == nil)
    }

    @Test(
        arguments: [
            ("7", ""), ("[]", ""), (#"{"content":{}}"#, ".content"), (#"{"content":["a"]}"#, ".content[]"),
            (#"{"content":[{"token":1,"logprob":-1}]}"#, ".content[].token"),
            (#"{"content":[{"logprob":-1}]}"#, ".content[].token"),
            (#"{"content":[{"token":"a","logprob":"-1"}]}"#, ".content[].logprob"),
        ])
    func `The wrong type is named by its path`(_ logprobs: String, _ path: String) {
        let (events, fault) = Self.decode([Self.chunk(#"{"content":"a"}"#, logprobs), Fixture.finish()])
        #expect(events.isEmpty)
        #expect(fault?.kind == .malformed)
        #expect(fault?.message.contains("choices[0].logprobs\(path) has the wrong type") == true, "\(fault as Any)")
    }

    @Test func `An answer that comes whole has it as well`() throws {
        let body =
            Array(
                #"{"choices":[{"index":0,"message":{"content":"aé"},"logprobs":{"content":[\#(Self.entry),\#(Self.other)]},"#
                    .utf8)
            + Array(#""finish_reason":"stop"}]}"#.utf8)
        #expect(
            try OpenAIWholeDecoder.decode(body.span, withLogprobs: true)
                == [.logprobs("\(Self.entry),\(Self.other)"), .textDelta("aé"), Self.stop])
        #expect(try OpenAIWholeDecoder.decode(body.span) == [.textDelta("aé"), Self.stop])
    }

    @Test(arguments: [UpstreamRequest.Delivery.streamed, .whole])
    func `The request decides whether it is read`(_ delivery: UpstreamRequest.Delivery) throws {
        let format = OpenAIFormat(dialect: ProviderKind.openai.dialect)
        var head = HTTPResponseHead(status: 200)
        head.mediaType = .json
        let body = Array(
            #"{"choices":[{"message":{"content":"a"},"logprobs":{"content":[\#(Self.entry)]},"finish_reason":"stop"}]}"#
                .utf8)
        for isAsked in [true, false] {
            let request = OpenAIFixture.request(delivery: delivery) { $0.logprobs = isAsked ? LogprobOptions() : nil }
            var decoder = format.decoder(for: request, limits: DecoderLimits())
            var events: [InferenceEvent] = []
            #expect(try decoder.receive(head))
            try decoder.receive(body.span, into: &events)
            try decoder.end(.complete, into: &events)
            #expect(events == (isAsked ? [.logprobs(Self.entry)] : []) + [.textDelta("a"), Self.stop])
        }
    }

    @Test func `Any token comes through as the JSON that it was`() throws {
        var random = SplitMix(seed: 41)
        for _ in 0..<200 {
            var json = JSONWriter()
            json.array { json in
                for _ in 0..<(1 + random.below(4)) {
                    let token = random.text()
                    json.object { json in
                        json.string("token", token)
                        json.number("logprob", -Double(random.below(1 << 30)) / 1e7)
                        json.array("bytes") { json in
                            for byte in token.utf8 { json.integer(nil, Int64(byte)) }
                        }
                        json.array("top_logprobs") { $0.object { $0.string("token", random.text()) } }
                    }
                }
            }
            let entries = String(decoding: json.bytes, as: UTF8.self)
            let data = Self.chunk(#"{"content":"a"}"#, #"{"content":\#(entries)}"#)
            guard case .logprobs(let text)? = Self.decode([data, Fixture.finish()]).0.first else {
                Issue.record("no probabilities of \(entries)")
                continue
            }
            #expect(try OpenAIJSON("[\(text)]") == OpenAIJSON(entries))
        }
    }

    @Test func `Bytes that make no sense never crash it`() {
        var random = SplitMix(seed: 43)
        for _ in 0..<1500 {
            var bytes = Array(OpenAIFixture.sse(random.pick(Self.cases).data).utf8)
            for _ in 0...random.below(4) where !bytes.isEmpty {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(contentsOf: bytes[place..<min(place + 30, bytes.count)], at: place)
                }
            }
            for case .logprobs(let text) in Self.decode([bytes[...]]).0 { #expect(JSONSyntax.isArray("[\(text)]")) }
        }
    }
}
