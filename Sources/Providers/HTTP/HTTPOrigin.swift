import Glibc
import Inference
import NIOCore
import NIOPosix
import NIOSSL

/// Where an upstream listens, and the path that its URLs begin with.
package struct HTTPOrigin: Sendable, Hashable, CustomStringConvertible {
    package let isSecure: Bool
    /// A name or a literal address, without brackets.
    package let host: String
    package let port: Int
    /// `/v1`; empty, or beginning with a slash and not ending with one.
    package let path: String

    /// - Throws: ``InvalidURL`` when `url` is not `http://` or `https://`, a host, perhaps a port, perhaps a path.
    package init(_ url: String) throws(InvalidURL) {
        let scheme: String
        if url.lowercased().hasPrefix("https://") {
            scheme = "https://"
        } else if url.lowercased().hasPrefix("http://") {
            scheme = "http://"
        } else {
            throw InvalidURL(url: url, expected: "a URL that begins with http:// or https://")
        }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw InvalidURL(url: url, expected: "a URL of ASCII characters without spaces")
        }
        let rest = url.dropFirst(scheme.count)
        guard !rest.contains(where: { $0 == "?" || $0 == "#" }) else {
            throw InvalidURL(url: url, expected: "a URL without a query and a fragment")
        }
        let authority = rest.prefix { $0 != "/" }
        guard !authority.contains("@") else {
            throw InvalidURL(url: url, expected: "a URL without a user name; a key has a field of its own")
        }
        var path = String(rest.dropFirst(authority.count))
        while path.hasSuffix("/") { path.removeLast() }
        self.isSecure = scheme == "https://"
        self.path = path
        (self.host, self.port) = try Self.split(authority, url: url, standardPort: self.isSecure ? 443 : 80)
    }

    private static func split(
        _ authority: Substring, url: String, standardPort: Int
    ) throws(InvalidURL) -> (String, Int) {
        var host = authority
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else {
                throw InvalidURL(url: url, expected: "a ']' after the IPv6 address")
            }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let rest = authority[authority.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else {
                throw InvalidURL(url: url, expected: "a port after the IPv6 address")
            }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            portText = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty else { throw InvalidURL(url: url, expected: "a host") }
        guard let portText else { return (host.lowercased(), standardPort) }
        guard let port = Int(portText), (1...65535).contains(port) else {
            throw InvalidURL(url: url, expected: "a port between 1 and 65535")
        }
        return (host.lowercased(), port)
    }

    /// A URL that cannot be used, and what one that can looks like. The URL is not part of it: it may hold a secret.
    package struct InvalidURL: Error, Sendable, Hashable, CustomStringConvertible {
        package let expected: String

        init(url _: String, expected: String) {
            self.expected = expected
        }

        package var description: String { "expected \(self.expected)" }
    }

    package var description: String {
        let name = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "\(self.isSecure ? "https" : "http")://\(name):\(self.port)"
    }

    /// The value of the `host` field.
    package var hostField: String {
        let name = self.host.contains(":") ? "[\(self.host)]" : self.host
        return self.port == (self.isSecure ? 443 : 80) ? name : "\(name):\(self.port)"
    }

    /// The path without `/v1`: servers that speak OpenAI's format there have their own API beside it.
    var nativePath: String { self.path.hasSuffix("/v1") ? String(self.path.dropLast(3)) : self.path }

    /// Whether both are the same scheme, host and port.
    func isSameServer(as other: HTTPOrigin) -> Bool {
        self.isSecure == other.isSecure && self.host == other.host && self.port == other.port
    }

    /// The name that TLS asks for; an address has none.
    var serverName: String? {
        (try? SocketAddress(ipAddress: self.host, port: 1)) == nil ? self.host : nil
    }

    /// Whether what is sent there stays on this machine.
    package var isLoopback: Bool {
        if self.host == "localhost" || self.host.hasSuffix(".localhost") || self.host == "::1" { return true }
        return self.host.hasPrefix("127.") && self.serverName == nil
    }

    // MARK: - What went wrong

    /// A failure to connect, in words.
    func connectFault(_ error: (any Error)?) -> UpstreamFault {
        guard let error else { return UpstreamFault(.unreachable, "\(self) closed the connection at once") }
        if case ChannelError.connectTimeout(let limit)? = error as? ChannelError {
            let milliseconds = limit.nanoseconds / 1_000_000
            return UpstreamFault(.timedOut(.connect), "no connection to \(self) within \(milliseconds) ms")
        }
        return UpstreamFault(.unreachable, "cannot connect to \(self): \(Self.describe(error))")
    }

    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return Self.describe(first.error) }
            return "the name '\(error.host)' was not found"
        case let error as IOError:
            return unsafe String(cString: strerror(error.errnoCode)).lowercased()
        case let error as NIOSSLError:
            let text = String(describing: error)
            return text.contains("CERTIFICATE_VERIFY_FAILED")
                ? "its certificate is not trusted (a certificate authority of your own goes into ca_file)"
                : "TLS failed: \(text.prefix(200))"
        case is ChannelError: return "the connection was closed"
        default: return String(String(describing: error).prefix(200))
        }
    }
}
