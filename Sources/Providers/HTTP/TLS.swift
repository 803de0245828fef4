package import NIOSSL

/// TLS settings of upstreams: system trust roots, at least TLS 1.2, the version of HTTP by ALPN.
package enum UpstreamTLS {
    /// Shared by every provider: reading the system's trust roots takes milliseconds and some memory.
    package static func system(_ versions: HTTPVersionPolicy = .http1Only) throws -> NIOSSLContext {
        switch versions {
        case .automatic: try Self.automatic.get()
        case .http1Only: try Self.http1Only.get()
        }
    }

    private static let automatic = Result { try NIOSSLContext(configuration: Self.configuration(.automatic)) }
    private static let http1Only = Result { try NIOSSLContext(configuration: Self.configuration(.http1Only)) }

    /// Trusts the certificate authorities in `caFile` (PEM), and no others.
    package static func trusting(
        caFile: String, _ versions: HTTPVersionPolicy = .http1Only
    ) throws -> NIOSSLContext {
        var configuration = Self.configuration(versions)
        configuration.trustRoots = .file(caFile)
        return try NIOSSLContext(configuration: configuration)
    }

    private static func configuration(_ versions: HTTPVersionPolicy) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = versions.protocols
        return configuration
    }
}
