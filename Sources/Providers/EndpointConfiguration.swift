package import Inference
import NIOSSL

/// How to reach one upstream, whatever wire format it speaks.
package struct EndpointConfiguration: Sendable {
    package var id: ProviderID
    package var kind: ProviderKind
    /// What the paths of the wire format are appended to: for OpenAI's, up to and without `/chat/completions`. `nil` for
    /// the usual address of the kind.
    package var baseURL: String?
    /// Sent where the wire format wants it: see ``KeyField``.
    package var apiKey: Secret?
    /// In place of ``apiKey``: several keys, or keys that change. What talks to one provider shares them.
    package var keys: KeyRing?
    /// Sent with every request, after ours. Values may be secret and are never logged.
    package var extraHeaders: [(name: String, value: Secret)] = []
    /// Lets the base URL be `http` beyond this machine.
    package var allowInsecure = false
    /// Certificate authorities (PEM) to trust in place of the system's.
    package var caFile: String?
    /// False for upstreams that cannot stream: they are asked for the whole answer, whose events then come at once.
    package var isStreamingAllowed = true
    /// Which versions of HTTP are offered to `https` addresses.
    package var httpVersions = HTTPVersionPolicy.automatic
    /// False for servers that close a connection under its second request although they promise to keep it.
    package var keepsConnections = true
    /// Whether to ask for a usage chunk; `nil` for what the kind is known to take.
    package var includesUsage: Bool?
    /// Azure's version of its older addresses, `2024-10-21`; `nil` for `/openai/v1`, which has none.
    package var apiVersion: String?
    package var timeouts = HTTPTimeouts()
    package var limits = HTTPLimits()
    /// Most bytes of one event of a stream.
    package var maximumEventBytes = 1 << 20
    /// Most bytes of an answer that comes whole.
    package var maximumBodyBytes = 32 << 20
    package var userAgent = "roundhouse"

    package init(id: ProviderID, kind: ProviderKind, baseURL: String? = nil, apiKey: Secret? = nil) {
        self.id = id
        self.kind = kind
        self.baseURL = baseURL
        self.apiKey = apiKey
    }

    /// A configuration that cannot work: which field, and what it should be.
    package struct Invalid: Error, Sendable, Hashable, CustomStringConvertible {
        /// As in the configuration file: `base_url`, `api_key`, `api_version`, `extra_headers`, `ca_file`.
        package let field: String
        package let expected: String

        package var description: String { "\(self.field): expected \(self.expected)" }
    }

    /// Where requests go.
    package func origin() throws(Invalid) -> HTTPOrigin {
        guard let url = self.baseURL ?? self.kind.standardBaseURL else {
            throw Invalid(
                field: "base_url", expected: "the address of the server: kind \(self.kind.rawValue) has no usual one")
        }
        let origin: HTTPOrigin
        do throws(HTTPOrigin.InvalidURL) {
            origin = try HTTPOrigin(self.kind == .azureOpenAI ? Self.azureResource(url) : url)
        } catch {
            throw Invalid(field: "base_url", expected: error.expected)
        }
        guard origin.isSecure || origin.isLoopback || self.allowInsecure else {
            throw Invalid(
                field: "base_url",
                expected: "https, since \(origin.host) is not this machine (allow_insecure: true permits http)")
        }
        return origin
    }

    /// The address of the resource: Azure's pages show it with `/openai/v1` behind it, which the paths begin with.
    private static func azureResource(_ url: String) -> String {
        var url = url[...]
        while url.hasSuffix("/") { url.removeLast() }
        for suffix in ["/openai/v1", "/openai"] where url.hasSuffix(suffix) {
            return String(url.dropLast(suffix.count))
        }
        return String(url)
    }

    /// What a connection that closes after each request is good for.
    var usableVersions: HTTPVersionPolicy { self.keepsConnections ? self.httpVersions : .http1Only }

    /// What TLS trusts and offers there; `nil` for `http`.
    func tls(
        for origin: HTTPOrigin, _ versions: HTTPVersionPolicy = .http1Only
    ) throws(Invalid) -> NIOSSLContext? {
        guard origin.isSecure else { return nil }
        do {
            if let file = self.caFile { return try UpstreamTLS.trusting(caFile: file, versions) }
            return try UpstreamTLS.system(versions)
        } catch {
            throw Invalid(field: "ca_file", expected: "certificates in PEM (\(HTTPOrigin.describe(error)))")
        }
    }

    /// The fields of every request, the key's included.
    func headerFields() throws(Invalid) -> [(name: String, value: String)] {
        let field = try self.keyedAttempts(.bearer).field
        let fields = try self.sharedFields()
        guard let field, let key = self.apiKey, !key.isEmpty else { return fields }
        return fields + [field.field(key)]
    }

    /// What puts a key into each request.
    ///
    /// - Parameter field: where the wire format wants it. A field of ``extraHeaders`` takes its place.
    func keyedAttempts(_ field: KeyField) throws(Invalid) -> KeyedAttempts {
        let key = self.apiKey.flatMap { $0.isEmpty ? nil : $0 }
        guard self.keys != nil || key != nil || !self.kind.needsKey else {
            throw Invalid(field: "api_key", expected: "a key: kind \(self.kind.rawValue) does not answer without one")
        }
        if let key, !HTTPField.isValidValue(key.revealed) {
            throw Invalid(field: "api_key", expected: "printable ASCII characters on one line")
        }
        guard !self.extraHeaders.contains(where: { $0.name.lowercased() == field.name }) else {
            return KeyedAttempts(ring: nil, field: nil)
        }
        return KeyedAttempts(ring: self.keys ?? key.map { KeyRing(keys: [$0]) }, field: field)
    }

    /// The fields of every request but the key's.
    ///
    /// - Parameter format: what the wire format itself says of them.
    func sharedFields(
        format: [(name: String, value: String)] = []
    ) throws(Invalid) -> [(name: String, value: String)] {
        var fields = [
            (name: "user-agent", value: self.userAgent),
            (name: "content-type", value: "application/json"),
            (name: "accept", value: "text/event-stream, application/json"),
        ]
        fields += format
        if !self.keepsConnections { fields.append((name: "connection", value: "close")) }
        for field in fields where !HTTPField.isValidValue(field.value) {
            throw Invalid(field: field.name, expected: "printable ASCII characters on one line")
        }
        for header in self.extraHeaders {
            guard HTTPField.isValidName(header.name), HTTPField.isValidValue(header.value.revealed) else {
                throw Invalid(
                    field: "extra_headers", expected: "header names and values of printable ASCII characters")
            }
            guard !Self.reservedFields.contains(header.name.lowercased()) else {
                throw Invalid(field: "extra_headers", expected: "no \(header.name): it belongs to the connection")
            }
            fields.removeAll { $0.name == header.name.lowercased() }
            fields.append((name: header.name.lowercased(), value: header.value.revealed))
        }
        return fields
    }

    private static let reservedFields: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive",
        "expect", "accept-encoding", "x-request-id", "traceparent", "tracestate",
    ]
}

extension EndpointConfiguration {
    /// What the header fields of one's own hold that must not be repeated: their values without a scheme such as `Bearer`.
    /// Short ones, a team's name perhaps, are words that a message may well hold.
    var headerSecrets: [Secret] {
        self.extraHeaders.compactMap { field in
            let value = field.value.revealed
            let secret = value.split(separator: " ").last.map(String.init) ?? value
            return secret.utf8.count < 8 ? nil : Secret(secret)
        }
    }
}
