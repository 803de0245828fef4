import Inference
import NIOCore
import NIOPosix
import Providers
import TestSupport

/// Requests, configurations and chunks that the tests share.
enum Fixture {
    static var group: MultiThreadedEventLoopGroup { .singleton }

    static func provider(
        _ url: String, kind: ProviderKind = .custom, key: String? = nil,
        _ adjust: (inout EndpointConfiguration) -> Void = { _ in }
    ) throws -> OpenAIProvider {
        var configuration = EndpointConfiguration(
            id: .local, kind: kind, baseURL: url, apiKey: key.map { Secret($0) })
        adjust(&configuration)
        return try OpenAIProvider(configuration, group: Self.group)
    }

    static func request(
        _ text: String = "hi", delivery: UpstreamRequest.Delivery = .streamed,
        sampling: SamplingParameters = SamplingParameters(), id: String = "request-1"
    ) -> UpstreamRequest {
        UpstreamRequest(
            inference: InferenceRequest(id: id, messages: [Message(.user, text)], sampling: sampling),
            model: "tiny", delivery: delivery)
    }

    static func content(_ text: String) -> String {
        #"{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"\#(text)"},"#
            + #""finish_reason":null}],"usage":null}"#
    }

    static func finish(_ reason: String = "stop") -> String {
        #"{"choices":[{"index":0,"delta":{},"finish_reason":"\#(reason)"}]}"#
    }

    static func usage(_ input: Int = 3, _ output: Int = 2) -> String {
        #"{"choices":[],"usage":{"prompt_tokens":\#(input),"completion_tokens":\#(output)}}"#
    }

    static let whole = #"""
        {"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",
        "content":"Paris."},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}
        """#
}

extension UpstreamStream {
    /// Everything up to the end.
    func collect() async throws(UpstreamFault) -> [InferenceEvent] {
        var events: [InferenceEvent] = []
        while let batch = try await self.next() { events += batch }
        return events
    }
}

/// The fault that `body` throws.
func fault(_ body: () async throws -> Void) async -> UpstreamFault? {
    do {
        try await body()
        return nil
    } catch {
        return error as? UpstreamFault
    }
}
