/// Which versions of HTTP a client speaks over TLS. Without TLS it is HTTP/1.1 always.
package enum HTTPVersionPolicy: String, Sendable, Hashable, CaseIterable {
    /// HTTP/2 where the server chooses it (ALPN), else HTTP/1.1.
    case automatic
    /// For servers whose HTTP/2 cannot be trusted.
    case http1Only = "http1"

    /// What is offered, the preferred first.
    var protocols: [String] {
        switch self {
        case .automatic: [Self.http2, "http/1.1"]
        case .http1Only: ["http/1.1"]
        }
    }

    /// HTTP/2 as ALPN calls it.
    static let http2 = "h2"
}
