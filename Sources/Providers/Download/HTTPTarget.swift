/// A server, and what is asked of it: the path with the query, as it goes into the request line.
package struct HTTPTarget: Sendable, Hashable {
    package let origin: HTTPOrigin
    /// Begins with a slash.
    package let path: String

    /// - Throws: ``HTTPOrigin/InvalidURL``, as ``HTTPOrigin`` does; a query is allowed, a fragment is left out.
    package init(_ url: String) throws(HTTPOrigin.InvalidURL) {
        let schemeEnd = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        let authorityEnd = url[schemeEnd...].firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? url.endIndex
        let origin = try HTTPOrigin(String(url[..<authorityEnd]))
        try self.init(origin, Self.withoutFragment(url[authorityEnd...]))
    }

    private init(_ origin: HTTPOrigin, _ path: Substring) throws(HTTPOrigin.InvalidURL) {
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw HTTPOrigin.InvalidURL(url: "", expected: "a URL of ASCII characters without spaces")
        }
        self.origin = origin
        self.path = path.hasPrefix("/") ? String(path) : "/\(path)"
    }

    /// Where `location` leads from here (RFC 3986 §5.2).
    package func following(_ location: String) throws(HTTPOrigin.InvalidURL) -> HTTPTarget {
        let lowered = location.lowercased()
        if lowered.hasPrefix("http://") || lowered.hasPrefix("https://") { return try HTTPTarget(location) }
        if location.hasPrefix("//") {
            return try HTTPTarget((self.origin.isSecure ? "https:" : "http:") + location)
        }
        guard !Self.hasScheme(location) else {
            throw HTTPOrigin.InvalidURL(url: location, expected: "a URL that begins with http:// or https://")
        }
        let reference = Self.withoutFragment(location[...])
        if reference.hasPrefix("/") { return try HTTPTarget(self.origin, Self.resolved(reference)[...]) }
        let ownPath = self.path.prefix { $0 != "?" }
        if reference.hasPrefix("?") { return try HTTPTarget(self.origin, ownPath + reference) }
        guard !reference.isEmpty else { return self }
        let folder = ownPath[...(ownPath.lastIndex(of: "/") ?? ownPath.startIndex)]
        return try HTTPTarget(self.origin, Self.resolved(folder + reference)[...])
    }

    private static func hasScheme(_ text: String) -> Bool {
        let head = text.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return head.contains(":")
    }

    private static func withoutFragment(_ text: Substring) -> Substring { text.prefix { $0 != "#" } }

    /// Without `.` and `..` in the path.
    private static func resolved(_ text: Substring) -> String {
        let path = text.prefix { $0 != "?" }
        var kept: [Substring] = []
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for part in parts {
            switch part {
            case ".": continue
            case "..": _ = kept.popLast()
            default: kept.append(part)
            }
        }
        // A path that ends with a dot segment is a folder.
        if parts.last == "." || parts.last == ".." { kept.append("") }
        return "/" + kept.joined(separator: "/") + text[path.endIndex...]
    }

    package var isEncrypted: Bool { self.origin.isSecure }
}
