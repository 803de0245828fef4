/// Whether an address leads to this machine.
enum LoopbackHost {
    /// - Parameter url: such as `http://127.0.0.1:8080/v1`. What is no such address leads nowhere near.
    static func isHost(of url: String) -> Bool {
        guard let scheme = url.firstRange(of: "://") else { return false }
        var authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        if authority.hasPrefix("[") {
            let address = authority.dropFirst().prefix { $0 != "]" }
            return address == "::1" || address == "0:0:0:0:0:0:0:1"
        }
        let host = authority.prefix { $0 != ":" }.lowercased()
        return host == "localhost" || host.hasSuffix(".localhost") || self.isLoopbackIPv4(host)
    }

    private static func isLoopbackIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
