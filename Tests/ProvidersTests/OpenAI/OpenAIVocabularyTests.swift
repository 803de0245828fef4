import Inference
import Testing

@testable import Providers

/// Streams that use the whole vocabulary, in the dialects of those who write them.
@Suite struct OpenAIVocabularyTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let kind: ProviderKind
        let text: String
        let events: [InferenceEvent]
        let fault: UpstreamFault.Kind?
        var testDescription: String { self.what }

        init(
            _ what: String, _ kind: ProviderKind, _ data: [String], _ events: [InferenceEvent],
            fault: UpstreamFault.Kind? = nil
        ) {
            self.what = what
            self.kind = kind
            self.text = OpenAIFixture.sse(data)
            self.events = events
            self.fault = fault
        }
    }

    static func delta(_ text: String) -> String { OpenAIFixture.delta(text) }
    static let a = InferenceEvent.textDelta("a")
    static let stop = InferenceEvent.finished(.stop)

    static func signature(_ value: String, isRedacted: Bool = false) -> InferenceEvent {
        .reasoningSignature(ReasoningSignature(value, origin: "openrouter", isRedacted: isRedacted))
    }

    static let cases: [Case] = refusals + citations + thoughts + bills + azure

    static let refusals: [Case] = [
        Case(
            "a refusal in pieces, which OpenAI ends with stop", .openai,
            [
                delta(#"{"role":"assistant","content":null,"refusal":""}"#), delta(#"{"refusal":"I "}"#),
                delta(#"{"refusal":"cannot."}"#), Fixture.finish(), "[DONE]",
            ],
            [.refusalDelta("I "), .refusalDelta("cannot."), .finished(.refusal)]),
        Case(
            "text before a refusal", .openai,
            [delta(#"{"content":"a"}"#), delta(#"{"refusal":"no"}"#), Fixture.finish()],
            [a, .refusalDelta("no"), stop]),
        Case(
            "a refusal as the reason", .custom, [Fixture.content("a"), Fixture.finish("refusal")],
            [a, .finished(.refusal)]),
    ]

    static let citations: [Case] = [
        Case(
            "sources, with their words and without", .custom,
            [
                Fixture.content("a"),
                delta(
                    #"{"annotations":[{"type":"url_citation","url_citation":{"url":"https://a.example","title":"A","#
                        + #""content":"words","start_index":0,"end_index":1}},{"type":"file","file":{"name":"f"}},"#
                        + #"{"type":"url_citation","url_citation":{"url":"https://b.example"}}]}"#), Fixture.finish(),
            ],
            [
                a,
                .citation(
                    Citation(url: "https://a.example", title: "A", citedText: "words", startIndex: 0, endIndex: 1)),
                .citation(Citation(url: "https://b.example")), stop,
            ]),
        Case(
            "sources that make no sense cost the answer nothing", .custom,
            [
                delta(
                    #"{"content":"a","annotations":[7,null,{},{"url_citation":null},{"url_citation":{"url":7,"#
                        + #""title":"T","start_index":-1,"end_index":1e300}}]}"#), delta(#"{"annotations":{}}"#),
                Fixture.finish(),
            ],
            [a, .citation(Citation(title: "T")), stop]),
    ]

    static let thoughts: [Case] = [
        Case(
            "OpenRouter: signed thoughts, said twice and passed on once", .openrouter,
            [
                delta(
                    #"{"content":"","reasoning":"Let ","reasoning_details":[{"type":"reasoning.text","text":"Let ","#
                        + #""format":"anthropic-claude-v1","index":0}]}"#),
                delta(
                    #"{"reasoning":"me.","reasoning_details":[{"type":"reasoning.text","text":"me.","signature":null,"#
                        + #""format":"anthropic-claude-v1","index":0}]}"#),
                delta(
                    #"{"reasoning_details":[{"type":"reasoning.text","signature":"s\"1","#
                        + #""format":"anthropic-claude-v1","index":0}]}"#), Fixture.content("a"), Fixture.finish(),
            ],
            [
                .reasoningDelta("Let "), .reasoningDelta("me."),
                signature(
                    #"{"type":"reasoning.text","format":"anthropic-claude-v1","index":0,"signature":"s\"1"}"#), a, stop,
            ]),
        Case(
            "OpenRouter: a summary, then what is encrypted", .openrouter,
            [
                delta(
                    #"{"reasoning":"Sum","reasoning_details":[{"type":"reasoning.summary","summary":"Sum","id":"rs_1","#
                        + #""format":"openai-responses-v1","index":0}]}"#),
                delta(
                    #"{"reasoning_details":[{"type":"reasoning.encrypted","data":"gAAA","id":"rs_1", "#
                        + #""format":"openai-responses-v1","index":1,"new":[1]}]}"#), Fixture.content("a"),
                Fixture.finish(),
            ],
            [
                .reasoningDelta("Sum"),
                signature(#"{"type":"reasoning.summary","id":"rs_1","format":"openai-responses-v1","index":0}"#),
                signature(
                    #"{"type":"reasoning.encrypted","data":"gAAA","id":"rs_1","format":"openai-responses-v1","#
                        + #""index":1,"new":[1]}"#, isRedacted: true), a, stop,
            ]),
        Case(
            "OpenRouter: two blocks, the second to the end", .openrouter,
            [
                delta(#"{"reasoning_details":[{"type":"reasoning.text","text":"h","index":0}]}"#),
                delta(#"{"reasoning_details":[{"type":"reasoning.text","text":"i","index":1}]}"#), Fixture.finish(),
                Fixture.usage(),
            ],
            [
                .reasoningDelta("h"), signature(#"{"type":"reasoning.text","index":0}"#), .reasoningDelta("i"),
                signature(#"{"type":"reasoning.text","index":1}"#), .usage(Usage(inputTokens: 3, outputTokens: 2)),
                stop,
            ]),
        Case(
            "OpenRouter: thoughts that end with a tool call", .openrouter,
            [
                delta(#"{"reasoning_details":[{"type":"reasoning.text","text":"h","id":null,"index":null}]}"#),
                delta(
                    #"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}],"#
                        + #""reasoning_details":[{"type":"reasoning.encrypted","data":"d"}]}"#),
                Fixture.finish("tool_calls"),
            ],
            [
                .reasoningDelta("h"), signature(#"{"type":"reasoning.text"}"#),
                signature(#"{"type":"reasoning.encrypted","data":"d"}"#, isRedacted: true),
                .toolCallDelta(ToolCallDelta(index: 0, id: "x", name: "f", argumentsFragment: "{}")),
                .finished(.toolCalls),
            ]),
        Case(
            "OpenRouter: thoughts without details", .openrouter,
            [delta(#"{"reasoning":"h","reasoning_details":[]}"#), Fixture.finish()], [.reasoningDelta("h"), stop]),
        Case(
            "others' details give their text when nothing else does", .custom,
            [
                delta(#"{"reasoning_details":[{"type":"reasoning.text","text":"h","signature":"s"},{"data":"x"}]}"#),
                Fixture.finish(),
            ], [.reasoningDelta("h"), stop]),
        Case(
            "details of the wrong type", .openrouter, [delta(#"{"reasoning_details":{}}"#)], [], fault: .malformed),
    ]

    static let bills: [Case] = [
        Case(
            "OpenRouter: cost, cached and audio tokens", .openrouter,
            [
                Fixture.finish(),
                #"{"choices":[{"index":0,"delta":{"content":""}}],"usage":{"prompt_tokens":194,"completion_tokens":2,"#
                    + #""total_tokens":196,"cost":0.00014,"is_byok":false,"prompt_tokens_details":{"cached_tokens":9,"#
                    + #""cache_write_tokens":4,"audio_tokens":3,"video_tokens":0},"cost_details":"#
                    + #"{"upstream_inference_cost":0.00014},"completion_tokens_details":{"reasoning_tokens":1,"#
                    + #""audio_tokens":1,"image_tokens":0}}}"#,
            ],
            [
                .usage(
                    Usage(
                        inputTokens: 194, outputTokens: 2, cachedInputTokens: 9, cacheWriteInputTokens: 4,
                        reasoningTokens: 1, audioInputTokens: 3, audioOutputTokens: 1, reportedCostNanoUSD: 140_000)),
                stop,
            ]),
        Case(
            "the same from others is no bill", .custom,
            [Fixture.finish(), #"{"usage":{"prompt_tokens":1,"completion_tokens":2,"cost":5}}"#],
            [.usage(Usage(inputTokens: 1, outputTokens: 2)), stop]),
        Case(
            "a cost that is an object", .openrouter,
            [Fixture.finish(), #"{"usage":{"prompt_tokens":1,"completion_tokens":2,"cost":{"total_cost":1}}}"#],
            [.usage(Usage(inputTokens: 1, outputTokens: 2)), stop]),
        Case(
            "usage on the last text, with the reason", .custom,
            [
                #"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"#
                    + #""usage":{"prompt_tokens":3,"completion_tokens":2}}"#
            ], [a, .usage(Usage(inputTokens: 3, outputTokens: 2)), stop]),
    ]

    static let azure: [Case] = [
        Case(
            "Azure: results of filters before, beside and after the text", .azureOpenAI,
            [
                #"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"#
                    + #""content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}"#,
                #"{"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"#
                    + #""finish_reason":null,"index":0,"logprobs":null}],"usage":null}"#,
                #"{"choices":[{"content_filter_results":{"hate":{"filtered":false}},"delta":{"content":"a"},"#
                    + #""finish_reason":null,"index":0}],"usage":null}"#,
                #"{"choices":[{"content_filter_offsets":{"check_offset":44},"content_filter_results":{"#
                    + #""hate":{"filtered":false}},"finish_reason":null,"index":0}]}"#, Fixture.finish(),
                Fixture.usage(), "[DONE]",
            ], [a, .usage(Usage(inputTokens: 3, outputTokens: 2)), stop]),
        Case(
            "Azure: an answer that a filter cut", .azureOpenAI,
            [Fixture.content("a"), Fixture.finish("content_filter"), "[DONE]"], [a, .finished(.contentFilter)]),
        Case(
            "Azure: an error inside a 200", .azureOpenAI,
            [
                Fixture.content("a"),
                #"{"error":{"code":"429","message":"Requests have exceeded the token rate limit"}}"#,
            ], [a], fault: .rateLimited(retryAfter: nil)),
        Case(
            "Azure: a filter's error inside a 200", .azureOpenAI,
            [
                #"{"error":{"message":"The response was filtered","code":null,"innererror":{"code":"#
                    + #""ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true}}}}}"#
            ], [], fault: .contentFiltered),
    ]

    @Test(arguments: cases)
    func `It becomes these events, wherever the bytes are split`(_ example: Case) {
        let bytes = Array(example.text.utf8)
        let whole = OpenAIFixture.decode([bytes[...]], example.kind)
        #expect(whole.0 == example.events)
        #expect(whole.1?.kind == example.fault, "\(whole.1?.message ?? "")")
        for place in 0...bytes.count {
            let split = OpenAIFixture.decode([bytes[..<place], bytes[place...]], example.kind)
            #expect(split.0 == example.events, "split at \(place)")
            #expect(split.1?.kind == example.fault, "split at \(place)")
        }
        let single = OpenAIFixture.decode(bytes.indices.map { bytes[$0...$0] }, example.kind)
        #expect(single.0 == example.events, "byte by byte")
    }

    // MARK: - OpenRouter's bill

    @Test(
        arguments: [
            // The decimal number that was written, not the binary one nearest to it.
            (#""cost":0.1"#, 100_000_000), (#""cost":0.00010020000000000001"#, 100_200),
            (#""cost":0.000000001"#, 1), (#""cost":1.5e-9"#, 2), (#""cost":1e-12"#, 1), (#""cost":0"#, 0),
            (#""cost":3"#, 3_000_000_000), (#""cost":1e300"#, nil), (#""cost":-1"#, nil), (#""cost":null"#, nil),
            (#""cost":0.092374,"is_byok":false,"cost_details":{"upstream_inference_cost":0.092374}"#, 92_374_000),
            // A key of one's own: OpenRouter's fee and the provider's bill.
            (#""cost":0.95,"is_byok":true,"cost_details":{"upstream_inference_cost":19}"#, 19_950_000_000),
            (#""cost":0,"cost_details":{"upstream_inference_cost":0.5}"#, 500_000_000),
            (#""cost":0.5,"cost_details":{"upstream_inference_cost":0.5}"#, 500_000_000),
            (#""cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":null}"#, 0),
            (#""cost":0,"is_byok":7,"cost_details":7"#, 0),
        ] as [(String, Int64?)])
    func `A bill in USD becomes nano-USD exactly`(_ fields: String, _ expected: Int64?) {
        let text = OpenAIFixture.sse([
            Fixture.finish(), #"{"usage":{"prompt_tokens":1,"completion_tokens":2,\#(fields)}}"#,
        ])
        let (events, _) = OpenAIFixture.decode([Array(text.utf8)[...]], .openrouter)
        #expect(
            events == [.usage(Usage(inputTokens: 1, outputTokens: 2, reportedCostNanoUSD: expected)), .finished(.stop)])
    }

    // MARK: - Nothing traps

    @Test(arguments: [
        #"{"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":1}}"#,
        #"{"usage":{"prompt_tokens":1e19,"completion_tokens":1}}"#,
        #"{"choices":[{"index":99999999999999999999,"delta":{"content":"a"}}]}"#,
        #"{"choices":[{"delta":{"tool_calls":[{"index":-1,"function":{"name":"f"}}]}}]}"#,
    ])
    func `A number beyond all sense is malformed`(_ text: String) {
        let (_, fault) = OpenAIFixture.decode([Array(OpenAIFixture.sse([text]).utf8)[...]])
        #expect(fault?.kind == .malformed)
    }

    @Test func `The largest numbers that there are go through`() {
        let largest = Int64.max
        let text = OpenAIFixture.sse([
            #"{"choices":[{"delta":{"tool_calls":[{"index":\#(largest),"id":"x","function":{"name":"f"}}],"#
                + #""reasoning_details":[{"text":"h","index":\#(largest)}],"annotations":[{"url_citation":"#
                + #"{"start_index":\#(largest)}}]}}]}"#,
            #"{"usage":{"prompt_tokens":\#(largest),"completion_tokens":\#(largest)},"choices":[{"finish_reason":"stop"}]}"#,
        ])
        let (events, fault) = OpenAIFixture.decode([Array(text.utf8)[...]], .openrouter)
        #expect(fault == nil)
        #expect(events.contains(.usage(Usage(inputTokens: Int(largest), outputTokens: Int(largest)))))
        #expect(events.last == .finished(.toolCalls))
    }

    @Test func `Bytes that make no sense never crash it, in the fullest dialect`() {
        var random = SplitMix(seed: 23)
        for _ in 0..<2000 {
            var bytes = Array(random.pick(Self.cases).text.utf8)
            for _ in 0...random.below(4) where !bytes.isEmpty {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(contentsOf: bytes[place..<min(place + 30, bytes.count)], at: place)
                }
            }
            let (events, fault) = OpenAIFixture.decode([bytes[...]], .openrouter)
            let ends = events.filter { if case .finished = $0 { true } else { false } }
            #expect(ends.count == (fault == nil ? 1 : 0))
        }
    }
}
