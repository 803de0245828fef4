/// Where a server listens, or what a client connects to.
public enum Address: Sendable, Hashable {
    /// A host name or an IP address, and a TCP port. Port 0 lets the system choose one when listening.
    case hostPort(host: String, port: Int)
    /// The path of a UNIX-domain socket.
    case unixDomainSocket(path: String)

    /// Reads `127.0.0.1:50051`, `[::1]:50051`, `localhost:50051`, `unix:/path` and `unix:///path`.
    ///
    /// - Throws: ``AddressError`` that says what is wrong with the text.
    public init(parsing text: String) throws(AddressError) {
        if text.hasPrefix("unix:") {
            var path = text.dropFirst("unix:".count)
            if path.hasPrefix("///") { path = path.dropFirst(2) }
            guard !path.isEmpty else { throw AddressError(text: text, reason: "the path is missing") }
            self = .unixDomainSocket(path: String(path))
            return
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw AddressError(text: text, reason: "the port is missing")
        }
        guard let port = UInt16(text[text.index(after: colon)...]) else {
            throw AddressError(text: text, reason: "the port must be a number from 0 to 65535")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw AddressError(text: text, reason: "an IPv6 address must stand in brackets, as in [::1]:50051")
        }
        guard !host.isEmpty else {
            throw AddressError(
                text: text, reason: "the host is missing; 127.0.0.1 is this machine, 0.0.0.0 all interfaces")
        }
        self = .hostPort(host: String(host), port: Int(port))
    }

    /// Whether only this machine can reach it: a loopback address, `localhost` or a UNIX-domain socket.
    public var isLocal: Bool {
        switch self {
        case .unixDomainSocket: true
        case .hostPort(let host, _): host == "localhost" || host == "::1" || host.hasPrefix("127.")
        }
    }
}

extension Address: CustomStringConvertible {
    /// The form that ``init(parsing:)`` reads.
    public var description: String {
        switch self {
        case .hostPort(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unixDomainSocket(let path): "unix:\(path)"
        }
    }

    /// The form in which gRPC names peers: `ipv4:127.0.0.1:50051`, `unix:/path`.
    var peerName: String {
        switch self {
        case .hostPort(let host, _): host.contains(":") ? "ipv6:\(self)" : "ipv4:\(self)"
        case .unixDomainSocket: "\(self)"
        }
    }
}

/// A text that is no address.
public struct AddressError: Error, Hashable, CustomStringConvertible {
    /// What was read.
    public let text: String
    /// What is wrong with it.
    public let reason: String

    public var description: String {
        "\"\(self.text)\" is no address: \(self.reason). Expected HOST:PORT or unix:PATH."
    }
}
