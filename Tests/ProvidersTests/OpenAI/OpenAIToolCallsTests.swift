import Inference
import Testing

@testable import Providers

/// The ways in which servers number, name and repeat their tool calls; each must come out once and whole.
@Suite struct OpenAIToolCallsTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let chunks: [String]
        let calls: [ToolCall]
        var testDescription: String { self.what }

        /// - Parameter chunks: the entries of `tool_calls` of one chunk after another.
        init(_ what: String, _ chunks: [String], _ calls: [(String, String, String)]) {
            self.what = what
            self.chunks = chunks.map { OpenAIFixture.delta(#"{"tool_calls":[\#($0)]}"#) }
            self.calls = calls.map { ToolCall(id: $0.0, name: $0.1, argumentsJSON: $0.2) }
        }
    }

    static func made(_ position: Int) -> String { MadeUpIDs(requestID: "request-1").id(position) }

    static let cases: [Case] = [
        Case(
            "OpenAI: id and name first, then arguments by index",
            [
                #"{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}"#,
                #"{"index":0,"function":{"arguments":"{\"a\""}}"#, #"{"index":0,"function":{"arguments":":1}"}}"#,
                #"{"index":1,"id":"y","type":"function","function":{"name":"f","arguments":""}}"#,
                #"{"index":1,"function":{"arguments":"{}"}}"#,
            ], [("x", "f", #"{"a":1}"#), ("y", "f", "{}")]),
        Case(
            "id and name with every fragment",
            [
                #"{"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\""}}"#,
                #"{"index":0,"id":"x","function":{"name":"f","arguments":":{}"}}"#,
                #"{"index":0,"id":"x","function":{"name":"f","arguments":"}"}}"#,
                #"{"index":0,"id":"x","function":{"name":"f","arguments":""}}"#,
            ], [("x", "f", #"{"a":{}}"#)]),
        Case(
            "the name with every fragment, no ids",
            [
                #"{"index":0,"function":{"name":"f","arguments":"{\"}\\\""}}"#,
                #"{"index":0,"function":{"name":"f","arguments":"\":1}"}}"#,
                #"{"index":0,"function":{"name":"f","arguments":""}}"#,
            ], [(made(0), "f", #"{"}\"":1}"#)]),
        Case(
            "every call with index 0 and an id of its own",
            [
                #"{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}"#,
                #"{"index":0,"id":"y","function":{"name":"f","arguments":"{\"a\":1}"}}"#,
            ], [("x", "f", "{}"), ("y", "f", #"{"a":1}"#)]),
        Case(
            "every call with index 0, whole, without ids",
            [
                #"{"index":0,"id":"","function":{"name":"f","arguments":"{\"a\":1}"}}"#,
                #"{"index":0,"id":"","function":{"name":"f","arguments":"{\"a\":2}"}}"#,
                #"{"index":0,"id":"","function":{"name":"g","arguments":"{}"}}"#,
            ], [(made(0), "f", #"{"a":1}"#), (made(1), "f", #"{"a":2}"#), (made(2), "g", "{}")]),
        Case(
            "no index, ids",
            [
                #"{"id":"x","function":{"name":"f","arguments":"{"}}"#,
                #"{"id":"x","function":{"name":"f","arguments":"}"}}"#,
                #"{"id":"y","function":{"name":"f","arguments":"{"}},{"id":"z","function":{"name":"f","arguments":"{}"}}"#,
                #"{"id":"y","function":{"arguments":"}"}}"#,
            ], [("x", "f", "{}"), ("y", "f", "{}"), ("z", "f", "{}")]),
        Case(
            "no index, no ids, one whole call after another",
            [
                #"{"function":{"name":"f","arguments":"{\"a\":1}"}}"#,
                #"{"function":{"name":"f","arguments":"{\"a\":2}"}}"#,
                #"{"function":{"name":"f","arguments":{"a": 3}}},{"function":{"name":"f","arguments":{"a": 4}}}"#,
            ],
            [
                (made(0), "f", #"{"a":1}"#), (made(1), "f", #"{"a":2}"#), (made(2), "f", #"{"a":3}"#),
                (made(3), "f", #"{"a":4}"#),
            ]),
        Case(
            "no index, no ids, in fragments",
            [
                #"{"function":{"name":"f","arguments":"{\"a\":"}}"#, #"{"function":{"arguments":"1}"}}"#,
                #"{"function":{"name":"g","arguments":""}}"#, #"{"function":{"arguments":"{}"}}"#,
            ], [(made(0), "f", #"{"a":1}"#), (made(1), "g", "{}")]),
        Case(
            "indexes from 1, and far apart",
            [
                #"{"index":1,"id":"x","function":{"name":"f","arguments":"{}"}}"#,
                #"{"index":900,"id":"y","function":{"name":"g","arguments":"{}"}}"#,
            ], [("x", "f", "{}"), ("y", "g", "{}")]),
        Case(
            "an id that comes before the name",
            [
                #"{"index":0,"id":"x","function":{"name":null,"arguments":null}}"#,
                #"{"index":0,"function":{"name":"f","arguments":"{}"}}"#,
            ], [("x", "f", "{}")]),
        Case("no arguments", [#"{"index":0,"id":"x","function":{"name":"f"}}"#], [("x", "f", "")]),
    ]

    /// The calls as a client puts them together.
    static func calls(_ events: [InferenceEvent]) -> [ToolCall] {
        var calls: [ToolCall] = []
        for case .toolCallDelta(let delta) in events {
            if delta.index == calls.count { calls.append(ToolCall(id: "", name: "", argumentsJSON: "")) }
            // What comes twice would be doubled here, and shows.
            calls[delta.index].id += delta.id ?? ""
            calls[delta.index].name += delta.name ?? ""
            calls[delta.index].argumentsJSON += delta.argumentsFragment
        }
        return calls
    }

    @Test(arguments: cases)
    func `Each call comes out once and whole`(_ example: Case) {
        let text = OpenAIFixture.sse(example.chunks + [Fixture.finish()])
        let (events, fault) = OpenAIFixture.decode([Array(text.utf8)[...]])
        #expect(fault == nil)
        #expect(Self.calls(events) == example.calls)
        #expect(events.last == .finished(.toolCalls), "who calls tools and says stop means the calls")
    }

    @Test func `The older function_call is a call`() {
        let text = OpenAIFixture.sse([
            OpenAIFixture.delta(#"{"content":null,"function_call":{"name":"f","arguments":""}}"#),
            OpenAIFixture.delta(#"{"function_call":{"arguments":"{\"a\""}}"#),
            OpenAIFixture.delta(#"{"function_call":{"arguments":":1}"}}"#), Fixture.finish("function_call"),
        ])
        let (events, _) = OpenAIFixture.decode([Array(text.utf8)[...]])
        #expect(Self.calls(events) == [ToolCall(id: Self.made(0), name: "f", argumentsJSON: #"{"a":1}"#)])
        #expect(events.last == .finished(.toolCalls))
    }

    @Test func `Who writes a call in both ways means it once`() {
        let text = OpenAIFixture.sse([
            OpenAIFixture.delta(
                #"{"function_call":{"name":"f","arguments":"{}"},"#
                    + #""tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}]}"#),
            Fixture.finish("tool_calls"),
        ])
        let (events, _) = OpenAIFixture.decode([Array(text.utf8)[...]])
        #expect(Self.calls(events) == [ToolCall(id: "x", name: "f", argumentsJSON: "{}")])
    }

    @Test func `The calls of a whole answer are told apart by their places`() throws {
        let body = #"""
            {"choices":[{"message":{"role":"assistant","content":null,"tool_calls":[
            {"index":0,"function":{"name":"f","arguments":"{}"}},{"index":0,"function":{"name":"f","arguments":"{}"}},
            {"id":"x","type":"function","function":{"name":"g","arguments":{"a":[1]}}}]},"finish_reason":"stop"}]}
            """#
        let events = try OpenAIWholeDecoder.decode(Array(body.utf8).span, requestID: "request-1")
        #expect(
            Self.calls(events) == [
                ToolCall(id: Self.made(0), name: "f", argumentsJSON: "{}"),
                ToolCall(id: Self.made(1), name: "f", argumentsJSON: "{}"),
                ToolCall(id: "x", name: "g", argumentsJSON: #"{"a":[1]}"#),
            ])
        #expect(events.last == .finished(.toolCalls))
    }

    @Test func `Ids that are made up differ from request to request and from call to call, and are short`() {
        let ids = (0..<50).flatMap { request in
            (0..<3).map { MadeUpIDs(requestID: "request-\(request)").id($0) }
        }
        #expect(Set(ids).count == ids.count)
        #expect(
            ids.allSatisfy {
                $0.count <= 40 && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            })
    }

    @Test func `Calls without end are a fault`() {
        let chunk = OpenAIFixture.delta(#"{"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}"#)
        let text = OpenAIFixture.sse(Array(repeating: chunk, count: OpenAIToolCalls.maximumCount + 1))
        let (events, fault) = OpenAIFixture.decode([Array(text.utf8)[...]])
        #expect(events.count == OpenAIToolCalls.maximumCount)
        #expect(fault?.kind == .malformed)
    }

    @Test(
        arguments: [
            (["{}"], true), (["{", "}"], true), ([#"{"a":"}"#, #"\""#, #""}"#], true), ([#"{"a":{}"#], false),
            ([""], false),
            (["}"], false), (["[1]"], false), (["{}", " "], true), ([#"{"\\"#, #""}"#], true),
        ] as [([String], Bool)])
    func `The end of an object is seen through strings and pieces`(_ pieces: [String], _ isWhole: Bool) {
        var text = ObjectText()
        for piece in pieces { text.take(piece) }
        #expect(text.isWhole == isWhole)
    }
}
