package import Inference
package import NIOCore

/// An upstream over HTTP: a wire format bound to an address, its keys and its connections.
///
/// What is the same for all wire formats is here: heads, limits, and one attempt for each call, which may take as many
/// sendings as there are keys when the upstream refuses some of them before it begins to answer.
package final class HTTPProvider<Format: WireFormat>: Provider {
    package let id: ProviderID
    package let format: Format
    private let configuration: EndpointConfiguration
    private let client: HTTPClient
    private let keyed: KeyedAttempts
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
        let fields = try configuration.sharedFields(format: format.fields)
        self.id = configuration.id
        self.format = format
        self.configuration = configuration
        self.keyed = try configuration.keyedAttempts(format.keyField)
        self.client = HTTPClient(
            origin: origin, group: group, timeouts: configuration.timeouts, limits: configuration.limits,
            tls: try configuration.tls(for: origin, configuration.usableVersions),
            versions: configuration.usableVersions)
        self.base = HTTPRequestTemplate(path: origin.path, origin: origin, fields: fields)
        self.native = HTTPRequestTemplate(path: origin.nativePath, origin: origin, fields: fields)
    }

    package func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream {
        try await self.format.start(request, by: self)
    }

    func send(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream {
        if Task.isCancelled { throw UpstreamFault(.cancelled, "the request was cancelled before it was sent") }
        var request = request
        if !self.configuration.isStreamingAllowed { request.delivery = .whole }
        let call = try self.format.call(request)
        return try await self.keyed.run(for: request.model) { attempt throws(UpstreamFault) in
            try await self.begin(request, call, attempt)
        }
    }

    private func begin(
        _ request: UpstreamRequest, _ call: WireCall, _ attempt: KeyedAttempts.Attempt
    ) async throws(UpstreamFault) -> any UpstreamStream {
        let timeouts = try self.timeouts(after: attempt.elapsed, firstToken: request.firstTokenLimit)
        let response = self.client.send(
            self.request(call, of: Asker(request.inference, model: request.model), key: attempt.key),
            decoder: self.format.decoder(for: request, limits: self.decoderLimits(attempt.secret)),
            timeouts: timeouts)
        let stream = HTTPUpstreamStream(
            response, secrets: self.secrets(attempt), onFault: self.report(attempt, request.model))
        try await stream.accepted()
        return stream
    }

    /// Tells the keys of a refusal that came inside an answer: too late for another key now, not for the next request.
    private func report(_ attempt: KeyedAttempts.Attempt, _ model: String) -> (@Sendable (UpstreamFault) -> Void)? {
        guard let ring = self.keyed.ring, let lease = attempt.lease else { return nil }
        return { ring.report($0, of: lease, for: model) }
    }

    package func embed(_ request: EmbeddingRequest) async throws(UpstreamFault) -> EmbeddingAnswer {
        let call = try self.format.embeddingCall(request)
        return try await self.keyed.run(for: request.model) { attempt throws(UpstreamFault) in
            try await self.answer(
                to: call, of: Asker(request), timeLimit: request.timeLimit, attempt
            ) { body, timing throws(UpstreamFault) in
                var answer = try self.format.embeddings(body.span, for: request)
                answer.timing = timing
                return answer
            }
        }
    }

    package func countTokens(_ request: UpstreamRequest) async throws(UpstreamFault) -> Int? {
        try await self.format.countTokens(
            request, calling: Caller(provider: self, model: request.model, trace: request.inference.trace))
    }

    /// Whose request it is, and which model it is for.
    private struct Asker {
        let id: String
        let model: String
        let trace: TraceContext?

        init(id: String, model: String, trace: TraceContext?) {
            self.id = id
            self.model = model
            self.trace = trace
        }

        init(_ request: InferenceRequest, model: String) {
            self.init(id: request.id, model: model, trace: request.trace)
        }

        init(_ request: EmbeddingRequest) {
            self.init(id: request.id, model: request.model, trace: request.trace)
        }
    }

    private struct Caller: WireCaller {
        let provider: HTTPProvider
        let model: String
        let trace: TraceContext?

        func answer<Answer>(
            to call: WireCall, requestID: String, _ read: ([UInt8]) throws(UpstreamFault) -> Answer
        ) async throws(UpstreamFault) -> Answer {
            try await self.provider.keyed.run(for: self.model) { attempt throws(UpstreamFault) in
                try await self.provider.answer(
                    to: call, of: Asker(id: requestID, model: self.model, trace: self.trace), timeLimit: nil, attempt
                ) { body, _ throws(UpstreamFault) in try read(body) }
            }
        }
    }

    /// Closes the connections that idle and takes no more requests; those under way go on.
    package func shutdown() {
        self.client.shutdown()
    }

    /// Requests that the upstream works on, and those that wait until it may.
    package var requestCounts: (underWay: Int, waiting: Int) { self.client.requestCounts }

    package func waitingCount(of model: String) -> Int { self.client.waitingCount(of: model) }

    private func decoderLimits(_ secret: Secret?) -> DecoderLimits {
        DecoderLimits(
            secret: secret, maximumEventBytes: self.configuration.maximumEventBytes,
            maximumBodyBytes: self.configuration.maximumBodyBytes)
    }

    private func request(
        _ call: WireCall, of asker: Asker, key: (name: String, value: String)?
    ) -> HTTPRequest {
        let template =
            switch call.base {
            case .url: self.base
            case .native: self.native
            }
        var request = template.request(
            path: call.path, body: call.body, requestID: asker.id, trace: asker.trace, key: key)
        request.model = asker.model
        return request
    }

    /// The limits of one sending: what earlier ones took is gone.
    ///
    /// - Throws: ``UpstreamFault/Kind/timedOut(_:)`` when nothing is left.
    private func timeouts(
        after elapsed: Duration, firstToken: Duration? = nil, total: Duration? = nil
    ) throws(UpstreamFault) -> HTTPTimeouts {
        var timeouts = self.configuration.timeouts
        timeouts.firstTokenOverall = firstToken
        timeouts.total = min(timeouts.total, total ?? timeouts.total)
        guard timeouts.total > elapsed else { throw .timedOut(.total, timeouts) }
        guard firstToken ?? timeouts.total > elapsed else { throw .timedOut(.firstToken, timeouts) }
        timeouts.firstTokenOverall = firstToken.map { $0 - elapsed }
        timeouts.total -= elapsed
        return timeouts
    }

    /// - Throws: what the upstream, or `read`, found wrong, without the key.
    private func answer<Answer>(
        to call: WireCall, of asker: Asker, timeLimit: Duration?, _ attempt: KeyedAttempts.Attempt,
        _ read: ([UInt8], UpstreamTiming?) throws(UpstreamFault) -> Answer
    ) async throws(UpstreamFault) -> Answer {
        do throws(UpstreamFault) {
            let (body, timing) = try await self.body(of: call, asker, timeLimit: timeLimit, attempt)
            return try read(body, timing)
        } catch {
            throw error.redacted(self.secrets(attempt))
        }
    }

    private func secrets(_ attempt: KeyedAttempts.Attempt) -> [Secret] {
        self.configuration.headerSecrets + (attempt.secret.map { [$0] } ?? [])
    }

    private func body(
        of call: WireCall, _ asker: Asker, timeLimit: Duration?, _ attempt: KeyedAttempts.Attempt
    ) async throws(UpstreamFault) -> ([UInt8], UpstreamTiming?) {
        if Task.isCancelled { throw UpstreamFault(.cancelled, "the request was cancelled before it was sent") }
        let decoder = BodyDecoder(
            format: self.format, secret: attempt.secret, maximumBytes: self.configuration.maximumBodyBytes)
        let stream = self.client.send(
            self.request(call, of: asker, key: attempt.key), decoder: decoder,
            timeouts: try self.timeouts(after: attempt.elapsed, total: timeLimit))
        guard let body = try await stream.next()?.first else {
            throw UpstreamFault(.truncated, "the connection closed in the middle of the answer")
        }
        return (body, stream.timing)
    }
}

extension WireFormat {
    package func start(
        _ request: UpstreamRequest, by provider: HTTPProvider<Self>
    ) async throws(UpstreamFault) -> any UpstreamStream {
        try await provider.send(request)
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
