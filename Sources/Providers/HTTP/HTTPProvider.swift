package import Inference
package import NIOCore

/// An upstream over HTTP: a wire format bound to an address, its keys and its connections.
///
/// What is the same for all wire formats is here: heads, limits, one attempt for each call.
package final class HTTPProvider<Format: WireFormat>: Provider {
    package let id: ProviderID
    package let format: Format
    private let configuration: EndpointConfiguration
    private let client: HTTPClient
    /// For paths below the base URL, and below the base URL without its `/v1`.
    private let base: HTTPRequestTemplate
    private let native: HTTPRequestTemplate

    /// Opens no connection yet.
    ///
    /// - Parameter group: whose event loops carry the connections.
    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, format: Format, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        let origin = try configuration.origin()
        let fields = try configuration.headerFields(key: format.keyField, format: format.fields)
        self.id = configuration.id
        self.format = format
        self.configuration = configuration
        self.client = HTTPClient(
            origin: origin, group: group, timeouts: configuration.timeouts, limits: configuration.limits,
            tls: try configuration.tls(for: origin))
        self.base = HTTPRequestTemplate(path: origin.path, origin: origin, fields: fields)
        self.native = HTTPRequestTemplate(path: origin.nativePath, origin: origin, fields: fields)
    }

    package func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream {
        if Task.isCancelled { throw UpstreamFault(.cancelled, "the request was cancelled before it was sent") }
        var request = request
        if !self.configuration.isStreamingAllowed { request.delivery = .whole }
        let call = try self.format.call(request)
        let stream = HTTPUpstreamStream(
            self.client.send(
                self.request(call, requestID: request.inference.id),
                decoder: self.format.decoder(for: request, limits: self.decoderLimits),
                timeouts: self.timeouts(firstTokenLimit: request.firstTokenLimit)))
        try await stream.accepted()
        return stream
    }

    package func embed(_ request: EmbeddingRequest) async throws(UpstreamFault) -> EmbeddingAnswer {
        let call = try self.format.embeddingCall(request)
        let body = try await self.body(of: call, requestID: request.id, timeLimit: request.timeLimit)
        do throws(UpstreamFault) {
            return try self.format.embeddings(body.span, for: request)
        } catch {
            throw self.redacted(error)
        }
    }

    package func countTokens(_ request: UpstreamRequest) async throws(UpstreamFault) -> Int? {
        try await self.format.countTokens(request, calling: self)
    }

    /// Closes the connections that idle and takes no more requests; those under way go on.
    package func shutdown() {
        self.client.shutdown()
    }

    /// Requests that the upstream works on, and those that wait until it may.
    package var requestCounts: (underWay: Int, waiting: Int) { self.client.requestCounts }

    private var decoderLimits: DecoderLimits {
        DecoderLimits(
            secret: self.configuration.apiKey, maximumEventBytes: self.configuration.maximumEventBytes,
            maximumBodyBytes: self.configuration.maximumBodyBytes)
    }

    private func request(_ call: WireCall, requestID: String) -> ByteBuffer {
        switch call.base {
        case .url: self.base.request(path: call.path, body: call.body, requestID: requestID)
        case .native: self.native.request(path: call.path, body: call.body, requestID: requestID)
        }
    }

    private func timeouts(firstTokenLimit limit: Duration?) -> HTTPTimeouts? {
        guard let limit else { return nil }
        var timeouts = self.configuration.timeouts
        timeouts.firstTokenOverall = limit
        return timeouts
    }

    private func body(
        of call: WireCall, requestID: String, timeLimit: Duration?
    ) async throws(UpstreamFault) -> [UInt8] {
        if Task.isCancelled { throw UpstreamFault(.cancelled, "the request was cancelled before it was sent") }
        var timeouts = self.configuration.timeouts
        if let timeLimit { timeouts.total = min(timeouts.total, timeLimit) }
        let decoder = BodyDecoder(
            format: self.format, secret: self.configuration.apiKey,
            maximumBytes: self.configuration.maximumBodyBytes)
        let stream = self.client.send(self.request(call, requestID: requestID), decoder: decoder, timeouts: timeouts)
        guard let body = try await stream.next()?.first else {
            throw UpstreamFault(.truncated, "the connection closed in the middle of the answer")
        }
        return body
    }

    private func redacted(_ fault: UpstreamFault) -> UpstreamFault {
        guard let secret = self.configuration.apiKey else { return fault }
        var fault = fault
        fault.message = secret.redact(fault.message)
        return fault
    }
}

extension HTTPProvider: WireCaller {
    package func body(of call: WireCall, requestID: String) async throws(UpstreamFault) -> [UInt8] {
        try await self.body(of: call, requestID: requestID, timeLimit: nil)
    }
}

/// Collects the body of a 2xx response; the wire format says what any other means.
struct BodyDecoder<Format: WireFormat>: ResponseDecoder {
    private let format: Format
    private var collected: CollectedBody
    private(set) var isFinished = false
    var isWaitingForDetails: Bool { false }

    init(format: Format, secret: Secret?, maximumBytes: Int) {
        self.format = format
        self.collected = CollectedBody(secret: secret, maximumBytes: maximumBytes) { head, body, now in
            format.fault(head, body: body, now: now)
        }
    }

    mutating func receive(_ head: HTTPResponseHead) throws(UpstreamFault) -> Bool {
        self.collected.receive(head)
    }

    mutating func receive(_ body: Span<UInt8>, into elements: inout [[UInt8]]) throws(UpstreamFault) {
        try self.collected.append(body)
    }

    mutating func end(_ end: ResponseEnd, into elements: inout [[UInt8]]) throws(UpstreamFault) {
        if case .fault(let fault) = end, self.collected.head.status == 0 { throw fault }
        guard (200..<300).contains(self.collected.head.status) else { throw self.collected.fault() }
        switch end {
        case .fault(let fault): throw fault
        case .cut, .patienceOver:
            throw UpstreamFault(.truncated, "the connection closed in the middle of the answer")
        case .complete: break
        }
        elements.append(self.collected.body)
        self.isFinished = true
    }
}
