package import Inference

/// One wire format: what it calls things, how it writes a request and reads an answer. Pure: no socket, no clock.
///
/// ``HTTPProvider`` binds one to an address, keys and connections, the same for all of them.
package protocol WireFormat: Sendable {
    /// Makes events of the response to ``call(_:)``.
    associatedtype Decoder: ResponseDecoder where Decoder.Element == InferenceEvent

    /// Where the key stands in a request.
    var keyField: KeyField { get }
    /// Header fields that every request carries, such as `anthropic-version`. Names in lower case.
    var fields: [(name: String, value: String)] { get }

    /// The request for an answer.
    ///
    /// - Throws: ``UpstreamFault/Kind/unsupported``, naming the capability, for what the format cannot carry;
    ///   ``UpstreamFault/Kind/invalidRequest`` for what no JSON can. Nothing was sent then.
    func call(_ request: UpstreamRequest) throws(UpstreamFault) -> WireCall

    /// What reads the response to ``call(_:)``.
    func decoder(for request: UpstreamRequest, limits: DecoderLimits) -> Decoder

    /// The request for vectors.
    ///
    /// - Throws: ``UpstreamFault/Kind/unsupported`` when the format or the server has none.
    func embeddingCall(_ request: EmbeddingRequest) throws(UpstreamFault) -> WireCall

    /// Reads the body of a 2xx response to ``embeddingCall(_:)``.
    ///
    /// - Throws: ``UpstreamFault/Kind/malformed``, naming the field, also when there is not one vector for each input.
    func embeddings(_ body: Span<UInt8>, for request: EmbeddingRequest) throws(UpstreamFault) -> EmbeddingAnswer

    /// Counts input tokens, with as many calls as it takes. `nil`: the upstream cannot tell.
    func countTokens(
        _ request: UpstreamRequest, calling caller: some WireCaller
    ) async throws(UpstreamFault) -> Int?

    /// What a response says that is not 2xx, or that holds an error where an answer was expected.
    ///
    /// - Parameter now: seconds since 1970, for a `Retry-After` that is a date.
    func fault(_ head: HTTPResponseHead, body: Span<UInt8>, now: Int64) -> UpstreamFault

    #if !DECODERS_ALONE
    /// ``HTTPProvider/start(_:)``, compiled for this format: see ``ResponseDecoder``. No format has its own.
    func start(
        _ request: UpstreamRequest, by provider: HTTPProvider<Self>
    ) async throws(UpstreamFault) -> any UpstreamStream
    #endif
}

extension WireFormat {
    package var fields: [(name: String, value: String)] { [] }

    package func embeddingCall(_ request: EmbeddingRequest) throws(UpstreamFault) -> WireCall {
        throw UpstreamFault(.unsupported, "embeddings are not supported here")
    }

    package func embeddings(
        _ body: Span<UInt8>, for request: EmbeddingRequest
    ) throws(UpstreamFault) -> EmbeddingAnswer {
        throw UpstreamFault(.unsupported, "embeddings are not supported here")
    }

    package func countTokens(
        _ request: UpstreamRequest, calling caller: some WireCaller
    ) async throws(UpstreamFault) -> Int? { nil }
}

/// One HTTP request of a wire format: `POST` with a JSON body.
package struct WireCall: Sendable, Hashable {
    /// Where ``path`` begins.
    package enum Base: Sendable, Hashable {
        /// At the base URL: `/chat/completions` is `/v1/chat/completions`.
        case url
        /// At the base URL without its `/v1`: `/api/chat`.
        case native
    }

    package var base: Base
    /// Begins with a slash; escaped where needed; may hold a query.
    package var path: String
    package var body: [UInt8]

    package init(_ base: Base = .url, path: String, body: [UInt8]) {
        self.base = base
        self.path = path
        self.body = body
    }
}

/// Sends calls beside the token path: token counts.
package protocol WireCaller: Sendable {
    /// - Parameter read: makes something of the whole body of a 2xx response. It belongs to the call, so that its faults go
    ///   the way of all others: without the key, and with the next key where they concern one.
    /// - Throws: ``UpstreamFault``.
    func answer<Answer>(
        to call: WireCall, requestID: String, _ read: ([UInt8]) throws(UpstreamFault) -> Answer
    ) async throws(UpstreamFault) -> Answer
}

/// Where a wire format wants the key.
package enum KeyField: Sendable, Hashable {
    /// `authorization: Bearer …`
    case bearer
    /// A field of its own: `x-api-key`, `x-goog-api-key`, `api-key`. In lower case.
    case named(String)

    /// In lower case.
    package var name: String {
        switch self {
        case .bearer: "authorization"
        case .named(let name): name
        }
    }

    package func field(_ key: Secret) -> (name: String, value: String) {
        switch self {
        case .bearer: (name: self.name, value: "Bearer \(key.revealed)")
        case .named(let name): (name: name, value: key.revealed)
        }
    }
}

/// Bounds of what a decoder takes, and what it must not repeat.
package struct DecoderLimits: Sendable {
    /// Taken out of what upstreams say.
    package var secret: Secret?
    /// Most bytes of one event of a stream.
    package var maximumEventBytes: Int
    /// Most bytes of an answer that comes whole.
    package var maximumBodyBytes: Int

    package init(secret: Secret? = nil, maximumEventBytes: Int = 1 << 20, maximumBodyBytes: Int = 32 << 20) {
        self.secret = secret
        self.maximumEventBytes = maximumEventBytes
        self.maximumBodyBytes = maximumBodyBytes
    }
}
