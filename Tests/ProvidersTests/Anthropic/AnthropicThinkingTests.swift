import Inference
import Testing

@testable import Providers

@Suite struct AnthropicThinkingTests {
    @Test(arguments: [
        ("claude-sonnet-4-5-20250929", AnthropicThinkingForm.budget), ("claude-3-7-sonnet-20250219", .budget),
        ("claude-sonnet-4-20250514", .budget), ("claude-2.1", .budget), ("claude-opus-4-6", .either),
        ("anthropic.claude-sonnet-4-6-v1:0", .either), ("claude-opus-4-7", .adaptive), ("claude-opus-5", .adaptive),
        ("claude-fable-5-1", .adaptive), ("anthropic/claude-opus-4.6", .either), ("claude-mythos-preview", .adaptive),
        ("MiniMax-M2", .budget), ("", .budget), ("claude", .adaptive), ("claude-999999999999999999999", .adaptive),
    ])
    func `The name of a model tells how it is asked to think`(_ model: String, _ form: AnthropicThinkingForm) {
        #expect(AnthropicThinkingForm(model: model) == form)
    }

    struct Case: Sendable {
        let reasoning: ReasoningOptions?
        let form: AnthropicThinkingForm
        let limit: Int?
        let model: Int?
        let mode: AnthropicThinking.Mode
        let effort: String?
        let maxTokens: Int

        init(
            _ reasoning: ReasoningOptions?, _ form: AnthropicThinkingForm, limit: Int? = nil, model: Int? = nil,
            _ mode: AnthropicThinking.Mode, effort: String? = nil, max maxTokens: Int
        ) {
            self.reasoning = reasoning
            self.form = form
            self.limit = limit
            self.model = model
            self.mode = mode
            self.effort = effort
            self.maxTokens = maxTokens
        }
    }

    static func effort(_ effort: ReasoningOptions.Effort, _ tokens: Int? = nil) -> ReasoningOptions {
        ReasoningOptions(effort: effort, maxTokens: tokens)
    }

    static func tokens(_ tokens: Int) -> ReasoningOptions { ReasoningOptions(maxTokens: tokens) }

    static let cases: [Case] = [
        Case(nil, .budget, .unsaid, max: 100), Case(nil, .adaptive, limit: 5, .unsaid, max: 5),
        Case(ReasoningOptions(), .budget, .unsaid, max: 100), Case(effort(.none), .budget, .disabled, max: 100),
        Case(effort(.none, 5000), .adaptive, limit: 7, .disabled, max: 7),
        // By tokens.
        Case(effort(.minimal), .budget, .budget(1024), max: 1124),
        Case(effort(.low), .budget, .budget(2048), max: 2148),
        Case(effort(.medium), .budget, .budget(8192), max: 8292),
        Case(effort(.high), .budget, .budget(16_384), max: 16_484),
        Case(effort(.high, 3000), .budget, .budget(3000), max: 3100),
        Case(tokens(3000), .either, .budget(3000), max: 3100),
        Case(tokens(.max), .budget, .budget(.max - 1024), max: .max),
        // The model's longest answer holds for both together where the client set no limit.
        Case(effort(.high), .budget, model: 20_000, .budget(16_384), max: 16_484),
        Case(effort(.high), .budget, model: 8192, .budget(7168), max: 8192),
        Case(tokens(3000), .budget, model: 3001, .budget(3000), max: 3001),
        Case(tokens(9000), .budget, model: 3000, .budget(2250), max: 3000),
        Case(tokens(.max), .adaptive, model: 3000, .adaptive(asksToShow: true), max: 3000),
        Case(nil, .budget, model: 50, .unsaid, max: 50),
        // What the client set is the client's to answer for.
        Case(effort(.high), .budget, limit: 20_000, model: 8192, .budget(16_384), max: 20_000),
        // The client's limit holds for thoughts and answer together.
        Case(effort(.high), .budget, limit: 20_000, .budget(16_384), max: 20_000),
        Case(effort(.high), .budget, limit: 8000, .budget(6976), max: 8000),
        Case(effort(.high), .budget, limit: 1400, .budget(1050), max: 1400),
        Case(tokens(3000), .budget, limit: 3001, .budget(3000), max: 3001),
        Case(tokens(3000), .budget, limit: 3000, .budget(2250), max: 3000),
        // By effort.
        Case(effort(.minimal), .adaptive, .adaptive(asksToShow: true), effort: "low", max: 1124),
        Case(effort(.medium), .either, .adaptive(asksToShow: false), effort: "medium", max: 8292),
        Case(effort(.high), .adaptive, limit: 10, .adaptive(asksToShow: true), effort: "high", max: 10),
        Case(tokens(3000), .adaptive, .adaptive(asksToShow: true), max: 3100),
        Case(tokens(1), .adaptive, .adaptive(asksToShow: true), max: 101),
        Case(tokens(.max), .adaptive, .adaptive(asksToShow: true), max: .max),
    ]

    @Test(arguments: cases)
    func `Thoughts and answer share max_tokens`(_ example: Case) throws {
        let thinking = try AnthropicThinking(
            example.reasoning, form: example.form,
            limits: AnthropicLengthLimits(
                client: example.limit, model: example.model, usual: min(100, example.model ?? 100)))
        #expect(thinking.mode == example.mode)
        #expect(thinking.effort == example.effort)
        #expect(thinking.maxTokens == example.maxTokens)
        if case .budget(let budget) = thinking.mode, budget < .max {
            #expect(budget >= 1024 && budget < thinking.maxTokens)
        }
    }

    @Test func `A model without room for thoughts is refused by its own name`() {
        let error = #expect(throws: UpstreamFault.self) {
            try AnthropicThinking(
                Self.effort(.low), form: .budget, limits: AnthropicLengthLimits(model: 1200, usual: 1200))
        }
        #expect(error?.kind == .unsupported)
        #expect(error?.message.hasPrefix("the model's longest answer is 1200: ") == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        (tokens(1023), nil as Int?, "reasoning.max_tokens is 1023"), (tokens(0), nil, "reasoning.max_tokens is 0"),
        (tokens(.min), nil, "reasoning.max_tokens is -9223372036854775808"),
        (effort(.low), 1364, "max_output_tokens is 1364"), (effort(.low), 1, "max_output_tokens is 1"),
        (effort(.low), Int.min, "max_output_tokens is -9223372036854775808"),
        (tokens(2000), 500, "max_output_tokens is 500"),
    ])
    func `Limits without room for thoughts are refused`(
        _ reasoning: ReasoningOptions, _ limit: Int?, _ words: String
    ) {
        let error = #expect(throws: UpstreamFault.self) {
            try AnthropicThinking(
                reasoning, form: .budget, limits: AnthropicLengthLimits(client: limit, usual: 100))
        }
        #expect(error?.kind == .unsupported)
        #expect(error?.message.hasPrefix(words) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("claude-sonnet-4-5", #""thinking":{"type":"enabled","budget_tokens":8192}"#),
        ("claude-opus-4-6", #""thinking":{"type":"adaptive"},"output_config":{"effort":"medium"}"#),
        (
            "claude-opus-5",
            #""thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"medium"}"#
        ),
    ])
    func `It is written as the model takes it`(_ model: String, _ json: String) throws {
        var request = AnthropicEncoderTests.request { $0.model = model }
        request.inference.reasoning = ReasoningOptions(effort: .medium)
        #expect(try AnthropicEncoderTests.encode(request).hasSuffix(",\(json)}"))
        request.inference.reasoning = ReasoningOptions(effort: ReasoningOptions.Effort.none)
        #expect(try AnthropicEncoderTests.encode(request).hasSuffix(#","thinking":{"type":"disabled"}}"#))
    }

    @Test func `Effort and schema share one object`() throws {
        var request = AnthropicEncoderTests.request { $0.model = "claude-opus-5" }
        request.inference.reasoning = ReasoningOptions(effort: .low)
        request.inference.responseFormat = .jsonSchema(JSONSchema(name: "n", schemaJSON: "{}"))
        #expect(
            try AnthropicEncoderTests.encode(request).hasSuffix(
                #""output_config":{"effort":"low","format":{"type":"json_schema","schema":{}}}}"#))
    }

    @Test func `A tool can be forced while a model thinks of its own accord`() throws {
        var request = AnthropicEncoderTests.request { $0.model = "claude-opus-5" }
        request.inference.reasoning = ReasoningOptions(effort: .low)
        request.inference.tools = [Tool(name: "f")]
        request.inference.toolChoice = .required
        #expect(try AnthropicEncoderTests.encode(request).contains(#""tool_choice":{"type":"any"}"#))
    }
}
