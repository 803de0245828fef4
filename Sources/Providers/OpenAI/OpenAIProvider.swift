package import Inference
package import NIOCore

/// Every upstream that speaks OpenAI's chat completions: OpenAI, OpenRouter, LM Studio, vLLM, llama.cpp, Ollama's `/v1`
/// and whatever else does.
package final class OpenAIProvider: Provider {
    package let id: ProviderID
    private let configuration: EndpointConfiguration
    private let dialect: OpenAIDialect
    private let client: HTTPClient
    private let encoder: OpenAIEncoder
    private let completions: HTTPRequestTemplate
    private let applyTemplate: HTTPRequestTemplate
    private let tokenize: HTTPRequestTemplate

    /// Opens no connection yet.
    ///
    /// - Parameter group: whose event loops carry the connections.
    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        let origin = try configuration.origin()
        let fields = try configuration.headerFields()
        self.id = configuration.id
        self.configuration = configuration
        self.dialect = configuration.dialect
        self.client = HTTPClient(
            origin: origin, group: group, timeouts: configuration.timeouts, limits: configuration.limits,
            tls: try configuration.tls(for: origin))
        self.encoder = OpenAIEncoder(dialect: self.dialect)
        self.completions = HTTPRequestTemplate(path: origin.path + "/chat/completions", origin: origin, fields: fields)
        let root = origin.nativePath
        self.applyTemplate = HTTPRequestTemplate(path: root + "/apply-template", origin: origin, fields: fields)
        self.tokenize = HTTPRequestTemplate(path: root + "/tokenize", origin: origin, fields: fields)
    }

    /// A llama.cpp server that we started ourselves on a loopback port.
    package convenience init(
        localEngine id: ProviderID, port: Int, key: Secret?, timeouts: HTTPTimeouts = HTTPTimeouts(),
        limits: HTTPLimits = HTTPLimits(),
        group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        var configuration = EndpointConfiguration(
            id: id, kind: .llamaCpp, baseURL: "http://127.0.0.1:\(port)/v1", apiKey: key)
        configuration.timeouts = timeouts
        configuration.limits = limits
        // Its server (cpp-httplib in the wheel of 2026.10) says keep-alive and closes every connection under its second
        // request: each request would cost a failed one.
        configuration.keepsConnections = false
        try self.init(configuration, group: group)
    }

    package func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream {
        if Task.isCancelled { throw UpstreamFault(.cancelled, "the request was cancelled before it was sent") }
        var request = request
        if !self.configuration.isStreamingAllowed { request.delivery = .whole }
        let body = try self.encoder.encode(request)
        let decoder = OpenAIResponseDecoder(
            delivery: request.delivery, secret: self.configuration.apiKey,
            maximumEventBytes: self.configuration.maximumEventBytes,
            maximumBodyBytes: self.configuration.maximumBodyBytes)
        let stream = HTTPUpstreamStream(
            self.client.send(
                self.completions.request(body: body, requestID: request.inference.id), decoder: decoder))
        try await stream.accepted()
        return stream
    }

    package func countTokens(_ request: UpstreamRequest) async throws(UpstreamFault) -> Int? {
        let messages = request.inference.messages
        switch self.dialect.tokenizer {
        case .none: return nil
        case .vllm:
            let body = self.encoder.encodeMessages(messages, model: request.model)
            return try await self.ask(self.tokenize, body, request).tokens
        case .llamaCpp:
            let rendered = try await self.ask(
                self.applyTemplate, self.encoder.encodeMessages(messages, model: nil), request)
            guard let prompt = rendered.prompt else {
                throw UpstreamFault(.malformed, "expected a prompt from /apply-template")
            }
            var json = JSONWriter()
            json.object { json in
                json.string("content", prompt)
                // As the chat endpoint does it with the same prompt.
                json.boolean("add_special", true)
                json.boolean("parse_special", true)
            }
            return try await self.ask(self.tokenize, json.bytes, request).tokens
        }
    }

    private func ask(
        _ template: HTTPRequestTemplate, _ body: [UInt8], _ request: UpstreamRequest
    ) async throws(UpstreamFault) -> Tokenization {
        let decoder = TokenizationDecoder(
            secret: self.configuration.apiKey, maximumBodyBytes: self.configuration.maximumBodyBytes)
        let stream = self.client.send(
            template.request(body: body, requestID: request.inference.id), decoder: decoder)
        return try await stream.next()?.first ?? Tokenization()
    }

    /// Closes the connections that idle and takes no more requests; those under way go on.
    package func shutdown() {
        self.client.shutdown()
    }
}
