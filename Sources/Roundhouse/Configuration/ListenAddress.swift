import Glibc

/// Where a server listens: `127.0.0.1:50051`, `[::1]:50051`, `localhost:50051`, `unix:/run/roundhouse.sock`.
public enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// `host` is an IPv4 or IPv6 address without brackets, or `localhost`; `port` 0 picks a free one.
    case tcp(host: String, port: Int)
    /// A UNIX-domain socket, at most 107 bytes of absolute path.
    case unix(path: String)

    public static let standard = ListenAddress.tcp(host: "127.0.0.1", port: 50051)

    /// What a valid address looks like, for error messages.
    public static let expectation = "IPV4:PORT, [IPV6]:PORT, localhost:PORT (port 0...65535) or unix:PATH"

    /// - Returns: `nil` when `text` is not ``expectation``, or the path of a socket is longer than the system allows.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            var path = text.dropFirst("unix:".count)
            // gRPC also writes unix:///run/a.sock.
            if path.hasPrefix("///") { path = path.dropFirst(2) }
            guard path.hasPrefix("/"), path.utf8.count <= Self.longestSocketPath else { return nil }
            self = .unix(path: String(path))
            return
        }
        guard let colon = text.lastIndex(of: ":"),
            let port = Self.port(text[text.index(after: colon)...])
        else { return nil }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            let inner = String(host.dropFirst().dropLast())
            guard Self.isIPv6(inner) else { return nil }
            self = .tcp(host: inner, port: port)
        } else {
            guard host == "localhost" || Self.isIPv4(String(host)) else { return nil }
            self = .tcp(host: String(host), port: port)
        }
    }

    /// As it is written in the configuration, and as gRPC understands it.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Whether only programs on this machine can reach it.
    public var isLoopback: Bool {
        switch self {
        case .tcp(let host, _): host == "localhost" || host.hasPrefix("127.") || host == "::1"
        case .unix: true
        }
    }

    /// `sizeof(sockaddr_un.sun_path)` without the terminating zero.
    static let longestSocketPath = 107

    private static func port(_ text: Substring) -> Int? {
        guard (1...5).contains(text.utf8.count),
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = Int(text), port <= 65_535
        else { return nil }
        return port
    }

    static func isIPv4(_ text: String) -> Bool {
        var address = in_addr()
        return unsafe inet_pton(AF_INET, text, &address) == 1
    }

    static func isIPv6(_ text: String) -> Bool {
        var address = in6_addr()
        return unsafe inet_pton(AF_INET6, text, &address) == 1
    }
}
