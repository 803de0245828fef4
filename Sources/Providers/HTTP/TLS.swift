package import NIOSSL

/// TLS settings of upstreams: system trust roots, at least TLS 1.2, HTTP/1.1 by ALPN.
package enum UpstreamTLS {
    /// Shared by every provider: reading the system's trust roots takes milliseconds and some memory.
    package static let system = Result { try NIOSSLContext(configuration: Self.configuration) }

    /// Trusts the certificate authorities in `caFile` (PEM), and no others.
    package static func trusting(caFile: String) throws -> NIOSSLContext {
        var configuration = Self.configuration
        configuration.trustRoots = .file(caFile)
        return try NIOSSLContext(configuration: configuration)
    }

    private static var configuration: TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        return configuration
    }
}
