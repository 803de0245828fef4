import Inference
import Providers
import TestSupport
import Testing

/// OpenRouter's listing, and its prices.
@Suite(.timeLimit(.minutes(1))) struct OpenRouterListerTests {
    static func model(
        _ id: String = "openai/gpt-4o-mini", pricing: String = #"{"prompt":"0.00000015","completion":"0.0000006"}"#,
        parameters: String = #"["max_tokens","tools","structured_outputs","reasoning"]"#,
        inputs: String = #"["text","image"]"#, outputs: String = #"["text"]"#, context: String = "128000",
        output: String = "16384"
    ) -> String {
        #"""
        {"id":"\#(id)","canonical_slug":"\#(id)","name":"A model","created":1721260800,"description":"…",
        "context_length":\#(context),"architecture":{"modality":"text+image->text","input_modalities":\#(inputs),
        "output_modalities":\#(outputs),"tokenizer":"GPT","instruct_type":null},"pricing":\#(pricing),
        "top_provider":{"context_length":128000,"max_completion_tokens":\#(output),"is_moderated":true},
        "per_request_limits":null,"supported_parameters":\#(parameters)}
        """#
    }

    static func list(_ models: String...) async throws -> ModelListing {
        try await ScriptedJSONServer.run(["/v1/models": "{\"data\":[\(models.joined(separator: ","))]}"]) { upstream in
            try await Fixture.lister(upstream.baseURL, kind: .openrouter).listModels()
        }
    }

    @Test func `A model comes with prices, limits and capabilities`() async throws {
        let pricing = #"""
            {"prompt":"0.00000015","completion":"0.0000006","request":"0","image":"0.000217",
            "input_cache_read":"0.000000075","overrides":[{"min_prompt_tokens":200000,"prompt":"0.0000003"}]}
            """#
        let found = try await Self.list(Self.model(pricing: pricing))
        var expected = ListedModel(name: "openai/gpt-4o-mini")
        expected.displayName = "A model"
        expected.category = .text
        expected.capabilities = [.chat, .streaming, .tools, .jsonSchema, .reasoning, .vision]
        expected.contextLength = 128_000
        expected.maxOutputTokens = 16_384
        expected.prices = ModelPrices(input: 150_000_000, output: 600_000_000, cachedInput: 75_000_000)
        #expect(found.models == [expected])
    }

    @Test func `Free is free, a price that varies is none, and a fee for each request is not free`() async throws {
        let found = try await Self.list(
            Self.model("a/free:free", pricing: #"{"prompt":"0","completion":"0","request":"0"}"#),
            Self.model("openrouter/auto", pricing: #"{"prompt":"-1","completion":"-1"}"#),
            Self.model("a/fee", pricing: #"{"prompt":"0","completion":"0","request":"0.01"}"#))
        #expect(found.models.map(\.prices) == [.free, nil, nil])
    }

    @Test func `Null is what is not known`() async throws {
        let found = try await Self.list(
            Self.model(
                parameters: "[]", inputs: #"["text"]"#, outputs: #"["embeddings"]"#, context: "null", output: "null"))
        #expect(found.models[0].contextLength == nil && found.models[0].maxOutputTokens == nil)
        #expect(found.models[0].capabilities == [.embeddings] && found.models[0].category == .embedding)
    }

    @Test func `response_format alone is no schema`() async throws {
        let found = try await Self.list(Self.model(parameters: #"["response_format"]"#))
        #expect(found.models[0].capabilities?.contains(.jsonSchema) == false)
    }

    @Test(
        arguments: [
            (Self.model(pricing: #"{"prompt":0.1,"completion":"0"}"#), "data[0].pricing.prompt: expected text"),
            (Self.model(pricing: #"{"prompt":"cheap","completion":"0"}"#), #"got "cheap""#),
            (Self.model(pricing: #"{"prompt":"0"}"#), "data[0].pricing.completion: missing"),
            (Self.model(context: #""long""#), "data[0].context_length: expected a whole number"),
            (Self.model(parameters: #"{}"#), "data[0].supported_parameters: expected a list"),
            (#"{"id":"a"}"#, "data[0]."), (Self.model(output: "true"), "data[0].top_provider.max_completion_tokens: "),
        ])
    func `A departure from the format names the field`(_ model: String, _ words: String) async throws {
        let seen = await fault { _ = try await Self.list(model) }
        #expect(seen?.kind == .malformed)
        #expect(seen?.message.contains(words) == true, "\(seen?.message ?? "")")
    }
}

/// USD for a token, in text, to nano-USD for a million tokens: times ten to the 15th, exactly.
struct TokenPriceTests {
    @Test(
        arguments: [
            ("0", 0), ("0.0", 0), ("-0", 0), ("0.00000015", 150_000_000), ("0.000000075", 75_000_000), (".1", nil),
            ("1", 1_000_000_000_000_000), ("9223.372036854775807", 9_223_372_036_854_775_807),
            ("9223.372036854775808", nil), ("1e-7", 100_000_000), ("1.5E-07", 150_000_000),
            ("2e0", 2_000_000_000_000_000),
            ("+0.5", 500_000_000_000_000), ("0.0000000000000001", 1), ("0.0000000000000010", 1),
            ("0.0000000000000011", 2), ("1e-60", 1), ("0e9", 0), ("", nil), ("-", nil), ("1.", nil), ("1e", nil),
            ("1e5x", nil),
            ("0x1", nil), (" 1", nil), ("1,5", nil), ("1e99", nil), ("NaN", nil), ("٣", nil),
        ] as [(String, Int64?)])
    func `Prices are exact, and what is no number is none`(_ text: String, _ expected: Int64?) {
        #expect(TokenPrice(text)?.nanoUSDPerMillion == expected)
    }

    @Test(arguments: ["-1", "-0.5", "-1e-3"]) func `A negative price is one that varies`(_ text: String) {
        let price = TokenPrice(text)
        #expect(price != nil && price?.nanoUSDPerMillion == nil)
    }

    @Test func `Every amount of nano-USD comes back, however it is written`() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let amount =
                Int64.random(in: 0...Int64.max, using: &generator) >> Int64.random(in: 0...62, using: &generator)
            let whole = amount / 1_000_000_000_000_000
            let digits = String(amount % 1_000_000_000_000_000)
            let fraction = String(repeating: "0", count: 15 - digits.count) + digits
            let texts = ["\(whole).\(fraction)", "000\(whole).\(fraction)000", "\(amount)e-15", "\(amount).000E-15"]
            for text in texts {
                #expect(TokenPrice(text)?.nanoUSDPerMillion == amount, "\(text)")
            }
            // A trifle more is rounded up, never away.
            if amount < Int64.max { #expect(TokenPrice("\(whole).\(fraction)01")?.nanoUSDPerMillion == amount + 1) }
        }
    }

    @Test func `A larger price is never a smaller number`() {
        for _ in 0..<500 {
            let pair = [Int64.random(in: 0...Int64.max), Int64.random(in: 0...Int64.max)].sorted()
            let prices = pair.map { TokenPrice("\($0)e-18")?.nanoUSDPerMillion ?? -1 }
            #expect(prices[0] <= prices[1] && prices[0] >= 0)
        }
    }
}
