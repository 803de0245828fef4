enum Digits {
    /// Whether `text` is `0`…`9` only, and short enough that it cannot overflow when multiplied by a unit.
    static func isNumber(_ text: some StringProtocol) -> Bool {
        (1...12).contains(text.utf8.count)
            && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

/// `500ms`, `30s`, `5m`, `1h`, `30d`.
enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let name = text.dropFirst(digits.count)
        guard Digits.isNumber(digits), let count = Int64(digits),
            let unit = Self.units.first(where: { $0.name == name })
        else { return nil }
        let (milliseconds, overflows) = count.multipliedReportingOverflow(by: unit.milliseconds)
        return overflows ? nil : .milliseconds(milliseconds)
    }

    /// In the largest unit that says it without a fraction; parts of a millisecond are dropped.
    static func render(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        guard milliseconds != 0 else { return "0s" }
        for unit in Self.units where milliseconds % unit.milliseconds == 0 {
            return "\(milliseconds / unit.milliseconds)\(unit.name)"
        }
        return "\(milliseconds)ms"
    }
}

/// `32MiB`, `64KiB`, `1GiB`, `10GB` or a plain number of bytes. `KiB` and so on count by 1024, `KB` and so on by 1000.
enum ByteSize {
    private static let units: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("TB", 1_000_000_000_000), ("GiB", 1 << 30), ("GB", 1_000_000_000), ("MiB", 1 << 20),
        ("MB", 1_000_000), ("KiB", 1 << 10), ("KB", 1000), ("", 1),
    ]

    static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let name = text.dropFirst(digits.count)
        guard Digits.isNumber(digits), let count = Int(digits),
            let unit = Self.units.first(where: { $0.name == name })
        else { return nil }
        let (bytes, overflows) = count.multipliedReportingOverflow(by: unit.bytes)
        return overflows ? nil : bytes
    }

    /// In the largest unit that says it without a fraction.
    static func render(_ bytes: Int) -> String {
        guard bytes != 0 else { return "0" }
        for unit in Self.units where bytes % unit.bytes == 0 {
            return "\(bytes / unit.bytes)\(unit.name)"
        }
        return "\(bytes)"
    }
}

/// The address of a provider: `http` or `https`, a host, perhaps a port and a path, and nothing else.
struct EndpointURL: Sendable, Hashable {
    /// The URL without slashes at its end.
    var text: String
    /// Without brackets.
    var host: String
    var isEncrypted: Bool

    static let expectation = "a URL such as https://api.example.com/v1"

    /// Whether requests stay on this machine.
    var isLoopback: Bool {
        let host = self.host.lowercased()
        return host == "localhost" || host.hasSuffix(".localhost") || host == "::1"
            || (host.hasPrefix("127.") && ListenAddress.isIPv4(host))
    }

    static func parse(_ text: String) -> Result<EndpointURL, ScalarMismatch> {
        let lowered = text.lowercased()
        guard let scheme = ["https://", "http://"].first(where: { lowered.hasPrefix($0) }) else {
            // The text may hold a password even so.
            let found = text.utf8.contains(UInt8(ascii: "@")) ? "a text that is no such URL" : nil
            return .failure(ScalarMismatch(found: found))
        }
        // User names and queries are where credentials hide, so such a URL is not quoted.
        if text.utf8.contains(UInt8(ascii: "@")) {
            return .failure(
                ScalarMismatch(found: "a URL with a user name", expected: "a URL without one; keys belong in api_key")
            )
        }
        if text.utf8.contains(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) {
            return .failure(
                ScalarMismatch(found: "a URL with a query or fragment", expected: "a URL that ends with its path")
            )
        }
        var rest = text.dropFirst(scheme.count)
        while rest.hasSuffix("/") { rest = rest.dropLast() }
        let authority = rest.prefix { $0 != "/" }
        guard rest.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), let host = Self.host(of: authority) else {
            return .failure(ScalarMismatch())
        }
        return .success(EndpointURL(text: scheme + rest, host: host, isEncrypted: scheme == "https://"))
    }

    /// The host of `host`, `host:port`, `[ipv6]` or `[ipv6]:port`; `nil` when it is none of them.
    private static func host(of authority: Substring) -> String? {
        var host = authority
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            let port = authority[authority.index(after: colon)...]
            guard Digits.isNumber(port), let number = Int(port), (1...65_535).contains(number) else { return nil }
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let inner = String(host.dropFirst().dropLast())
            return ListenAddress.isIPv6(inner) ? inner : nil
        }
        let isName = host.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || [0x2D, 0x2E, 0x5F].contains($0)
        }
        return isName && !host.isEmpty && !host.hasPrefix(".") && !host.hasPrefix("-") ? String(host) : nil
    }
}
