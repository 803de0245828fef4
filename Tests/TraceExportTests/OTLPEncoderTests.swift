import Inference
import Testing
import TraceExport

@Suite struct OTLPEncoderTests {
    @Test func `A span is written as the protocol's JSON has it`() throws {
        let trace = try #require(TraceID("5b8efff798038103d269b633813fc60c"))
        let span = SpanRecord(
            context: TraceContext(
                traceID: trace, spanID: try #require(SpanID(0xEEE1_9B7E_C3C1_B174)), isSampled: true,
                state: TraceState(["a=b"])),
            parent: SpanID(0xEEE1_9B7E_C3C1_B173),
            name: "chat \"m\"\n", kind: .client, startNanoseconds: 1_544_712_660_000_000_000,
            endNanoseconds: 1_544_712_661_000_000_001,
            attributes: [
                ("s", .string("é")), ("i", .integer(-3)), ("d", .double(0.5)), ("n", .double(.nan)),
                ("b", .boolean(true)),
                ("l", .list([.string("x"), .integer(1)])),
            ],
            events: [.init(name: "first_token", nanoseconds: 7)], status: .error("overloaded"))
        let encoder = OTLPEncoder(resource: [("service.name", .string("roundhouse"))], version: "1.2.3")
        let text = String(decoding: encoder.body(of: [span]), as: UTF8.self)
        let parts = [
            #"{"resourceSpans":[{"resource":{"attributes":["#,
            #"{"key":"service.name","value":{"stringValue":"roundhouse"}}]},"#,
            #""scopeSpans":[{"scope":{"name":"roundhouse","version":"1.2.3"},"spans":[{"#,
            #""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","traceState":"a=b","#,
            #""parentSpanId":"eee19b7ec3c1b173","flags":1,"name":"chat \"m\"\u000a","kind":3,"#,
            #""startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000001","attributes":["#,
            #"{"key":"s","value":{"stringValue":"é"}},{"key":"i","value":{"intValue":"-3"}},"#,
            #"{"key":"d","value":{"doubleValue":0.5}},{"key":"n","value":{"doubleValue":"NaN"}},"#,
            #"{"key":"b","value":{"boolValue":true}},"#,
            #"{"key":"l","value":{"arrayValue":{"values":[{"stringValue":"x"},{"intValue":"1"}]}}}],"#,
            #""events":[{"timeUnixNano":"7","name":"first_token"}],"#,
            #""status":{"code":2,"message":"overloaded"}}]}]}]}"#,
        ]
        #expect(text == parts.joined())
    }

    @Test func `What is not set is not written`() throws {
        let span = SpanRecord(
            context: TraceContext(
                traceID: try #require(TraceID(high: 0, low: 1)), spanID: try #require(SpanID(2)), isSampled: true),
            parent: nil, name: "n", kind: .server, startNanoseconds: 0, endNanoseconds: 0)
        let text = String(decoding: OTLPEncoder(resource: [], version: "1").body(of: [span]), as: UTF8.self)
        for key in ["parentSpanId", "traceState", "attributes", "events", "links", "status"] {
            #expect(!text.contains(key))
        }
    }
}
