import Inference
import NIOCore
import Providers
import TestSupport

/// Requests, chunks and providers that the tests of Gemini share. Chunks have the documented shape.
enum GeminiFixture {
    static func provider(
        _ upstream: FaultUpstream, key: String = "AIza-secret",
        _ adjust: (inout EndpointConfiguration) -> Void = { _ in }
    ) throws -> HTTPProvider<GeminiFormat> {
        var configuration = EndpointConfiguration(
            id: .local, kind: .gemini, baseURL: "http://127.0.0.1:\(upstream.port)/v1beta", apiKey: Secret(key))
        adjust(&configuration)
        return try HTTPProvider(configuration, format: GeminiFormat(), group: Fixture.group)
    }

    static func request(
        _ messages: [Message] = [Message(.user, "hi")], model: String = "gemini-2.5-flash",
        delivery: UpstreamRequest.Delivery = .streamed, _ adjust: (inout InferenceRequest) -> Void = { _ in }
    ) -> UpstreamRequest {
        var inference = InferenceRequest(id: "request-1", messages: messages)
        adjust(&inference)
        return UpstreamRequest(inference: inference, model: model, delivery: delivery)
    }

    /// A chunk with these parts.
    static func chunk(_ parts: String..., finish: String? = nil, usage: String? = nil, more: String = "") -> String {
        let reason = finish.map { #","finishReason":"\#($0)""# } ?? ""
        let counts = usage.map { #","usageMetadata":\#($0)"# } ?? ""
        return #"{"candidates":[{"content":{"parts":[\#(parts.joined(separator: ","))],"role":"model"}\#(reason),"#
            + #""index":0\#(more)}]\#(counts),"modelVersion":"gemini-2.5-flash","responseId":"r"}"#
    }

    static func text(_ text: String) -> String { #"{"text":"\#(text)"}"# }

    static func call(_ name: String, _ args: String? = nil, id: String? = nil, signature: String? = nil) -> String {
        let id = id.map { #""id":"\#($0)","# } ?? ""
        let args = args.map { #","args":\#($0)"# } ?? ""
        let signature = signature.map { #","thoughtSignature":"\#($0)""# } ?? ""
        return #"{"functionCall":{\#(id)"name":"\#(name)"\#(args)}\#(signature)}"#
    }

    /// 3 tokens in, 2 out.
    static let usage = #"{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5}"#
    static let usageEvent = InferenceEvent.usage(Usage(inputTokens: 3, outputTokens: 2))
    /// While it runs.
    static let running = #"{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4}"#

    static func sse(_ chunks: [String], lineEnd: String = "\n") -> String {
        chunks.map { "data: \($0)\(lineEnd)\(lineEnd)" }.joined()
    }

    /// What the decoder makes of these portions of a body.
    static func decode(
        _ portions: [ArraySlice<UInt8>], type: HTTPResponseHead.MediaType = .eventStream,
        delivery: UpstreamRequest.Delivery = .streamed, messages: [Message] = [], status: Int = 200,
        limits: DecoderLimits = DecoderLimits(), end: ResponseEnd = .complete
    ) -> ([InferenceEvent], UpstreamFault?) {
        var decoder = GeminiResponseDecoder(delivery: delivery, messages: messages, limits: limits)
        var events: [InferenceEvent] = []
        var head = HTTPResponseHead(status: status)
        head.mediaType = type
        do throws(UpstreamFault) {
            _ = try decoder.receive(head)
            for portion in portions { try decoder.receive(Array(portion).span, into: &events) }
            try decoder.end(end, into: &events)
            return (events, nil)
        } catch {
            return (events, error)
        }
    }

    static func decode(
        _ text: String, type: HTTPResponseHead.MediaType = .eventStream,
        delivery: UpstreamRequest.Delivery = .streamed, end: ResponseEnd = .complete
    ) -> ([InferenceEvent], UpstreamFault?) {
        self.decode([Array(text.utf8)[...]], type: type, delivery: delivery, end: end)
    }
}
