import Inference
import Testing

@testable import Providers

/// Answers that come as one text, and citations, which mostly come with those.
@Suite struct GeminiWholeTests {
    typealias F = GeminiFixture

    static func decode(_ text: String, delivery: UpstreamRequest.Delivery = .whole) -> (
        [InferenceEvent], UpstreamFault?
    ) {
        F.decode(text, type: .json, delivery: delivery)
    }

    static let answer = F.chunk(
        #"{"text":"h","thought":true}"#, #"{"text":"a","thoughtSignature":"c2"}"#, F.call("f", #"{"x":1}"#),
        finish: "STOP",
        usage: F.usage)
    static let events: [InferenceEvent] = [
        .reasoningDelta("h"), .textDelta("a"), .reasoningSignature(ReasoningSignature("c2", origin: "gemini")),
        .toolCallDelta(ToolCallDelta(index: 0, id: "call_1", name: "f", argumentsFragment: #"{"x":1}"#)), F.usageEvent,
        .finished(.toolCalls),
    ]

    @Test(arguments: [UpstreamRequest.Delivery.whole, .streamed])
    func `A whole answer becomes the events of a stream, whatever was asked for`(_ delivery: UpstreamRequest.Delivery) {
        let bytes = Array(("\n" + Self.answer + "\n").utf8)
        #expect(Self.decode(Self.answer, delivery: delivery).0 == Self.events)
        for place in 0...bytes.count {
            let seen = F.decode([bytes[..<place], bytes[place...]], type: .json, delivery: delivery)
            #expect(seen.0 == Self.events && seen.1 == nil, "split at \(place)")
        }
        let single = F.decode(bytes.indices.map { bytes[$0...$0] }, type: .unspecified, delivery: delivery)
        #expect(single.0 == Self.events)
    }

    @Test func `A stream where a whole answer was asked for is one`() {
        #expect(F.decode(F.sse([Self.answer]), delivery: .whole).0 == Self.events)
        #expect(F.decode("[\(Self.answer)]", type: .json, delivery: .whole).0 == Self.events)
    }

    @Test(
        arguments: [
            (#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, UpstreamFault.Kind.contentFiltered), ("{}", .malformed),
            (#"{"usageMetadata":{"promptTokenCount":3}}"#, .truncated), (F.chunk(F.text("a")), .truncated),
            (#"{"candidates":[]}"#, .malformed), ("", .truncated), ("7", .malformed), ("nonsense", .malformed),
            (Self.answer + "x", .malformed),
            (#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#, .rateLimited(retryAfter: nil)),
        ])
    func `What is no answer is a fault`(_ text: String, _ kind: UpstreamFault.Kind) {
        #expect(Self.decode(text).1?.kind == kind)
    }

    @Test func `A body that is cut, or too long, is a fault`() {
        #expect(F.decode(Self.answer, type: .json, delivery: .whole, end: .cut).1?.kind == .truncated)
        let limits = DecoderLimits(maximumBodyBytes: 20)
        let seen = F.decode([Array(Self.answer.utf8)[...]], type: .json, delivery: .whole, limits: limits)
        #expect(seen.1?.kind == .malformed)
    }

    @Test func `A page is a fault`() {
        #expect(F.decode("<html>", type: .other("text/html"), delivery: .whole).1?.kind == .malformed)
    }

    @Test func `The key is taken out of whatever is said`() {
        let limits = DecoderLimits(secret: Secret("AIza-secret"))
        let text = Array(#"{"error":{"message":"the key AIza-secret is no good","code":400}}"#.utf8)
        for type in [HTTPResponseHead.MediaType.json, .eventStream] {
            let body = type == .json ? text : Array("data: ".utf8) + text + Array("\n\n".utf8)
            let seen = F.decode([body[...]], type: type, delivery: .whole, limits: limits)
            #expect(seen.1?.message.contains("the key [redacted] is no good") == true)
        }
        let failure = F.decode([text[...]], type: .json, delivery: .whole, status: 400, limits: limits)
        #expect(failure.1?.message == "HTTP 400: the key [redacted] is no good")
    }

    // MARK: - Citations

    static let grounding = #"""
        ,"groundingMetadata":{"webSearchQueries":["q"],"searchEntryPoint":{"renderedContent":"<b>"},"groundingChunks":[
        {"web":{"uri":"https://a.example","title":"A"}},{"web":{"uri":"https://b.example","title":"B"}},
        {"retrievedContext":{"uri":"gs://c","title":"C","text":"words"}},{"maps":{"title":"D"}}],
        "groundingSupports":[{"segment":{"endIndex":14,"text":"…"},"groundingChunkIndices":[0,2]},
        {"segment":{"startIndex":15,"endIndex":28},"groundingChunkIndices":[0,9],"confidenceScores":[0.9]},
        {"segment":{"startIndex":-1,"endIndex":"x"},"groundingChunkIndices":[-1]},{"segment":7}]}
        """#.replacing("\n", with: "")
    static let cited: [InferenceEvent] = [
        .citation(Citation(url: "https://a.example", title: "A", startIndex: 0, endIndex: 14)),
        .citation(Citation(url: "gs://c", title: "C", citedText: "words", startIndex: 0, endIndex: 14)),
        .citation(Citation(url: "https://a.example", title: "A", startIndex: 15, endIndex: 28)),
    ]
    static let unreferenced: [InferenceEvent] = [
        .citation(Citation(url: "https://b.example", title: "B")), .citation(Citation(title: "D")),
    ]

    @Test func `What was searched is cited: for each words the source, and the other sources at the end`() {
        let seen = Self.decode(F.chunk(F.text("a"), finish: "STOP", usage: F.usage, more: Self.grounding))
        #expect(
            seen.0 == [.textDelta("a")] + Self.cited + Self.unreferenced + [F.usageEvent, .finished(.stop)])
    }

    @Test func `In a stream sources come once, however often they are repeated`() {
        let chunks = [
            F.chunk(
                F.text("a"),
                more: #","groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://a.example","title":"A"}}]}"#),
            F.chunk(F.text("b"), more: Self.grounding), F.chunk(finish: "STOP", usage: F.usage, more: Self.grounding),
        ]
        #expect(
            F.decode(F.sse(chunks)).0
                == [.textDelta("a"), .textDelta("b")] + Self.cited + Self.unreferenced
                + [F.usageEvent, .finished(.stop)])
    }

    @Test func `Another list of sources does not lose the first`() {
        func metadata(_ name: String) -> String {
            #","groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://\#(name).example"}}]}"#
        }
        let chunks = [F.chunk(more: metadata("a")), F.chunk(finish: "STOP", more: metadata("b"))]
        #expect(
            F.decode(F.sse(chunks)).0 == [
                .citation(Citation(url: "https://a.example")), .citation(Citation(url: "https://b.example")),
                .finished(.stop),
            ])
    }

    @Test func `What was recited is cited`() {
        let more =
            #","citationMetadata":{"citationSources":[{"startIndex":191,"endIndex":320},"#
            + #"{"endIndex":5,"uri":"https://a.example","license":"mit"},{"uri":"https://b.example","title":"B"},"#
            + #"{"startIndex":9,"endIndex":5,"uri":"https://c.example"}]}"#
        let chunks = [F.chunk(F.text("a"), more: more), F.chunk(finish: "STOP", more: more)]
        #expect(
            F.decode(F.sse(chunks)).0 == [
                .textDelta("a"), .citation(Citation(url: "https://a.example", startIndex: 0, endIndex: 5)),
                .citation(Citation(url: "https://b.example", title: "B")),
                .citation(Citation(url: "https://c.example")),
                .finished(.stop),
            ])
    }

    @Test func `Sources without end are bounded`() {
        let sources = (0..<5000).map { #"{"web":{"uri":"https://\#($0).example"}}"# }.joined(separator: ",")
        let seen = Self.decode(
            F.chunk(finish: "STOP", more: #","groundingMetadata":{"groundingChunks":[\#(sources)]}"#))
        #expect(seen.0.count == GeminiCitations.limit + 1)
    }
}
