import Inference

extension ProviderDescription {
    /// - Throws: ``RegistryEditError/invalid(_:)`` with every field that is not what it should be.
    func check() throws(RegistryEditError) {
        var checks = FieldChecks("provider")
        if !PlainName.isValid(self.kind, longest: 63) {
            checks.fail(
                "kind", found: FieldChecks.quoted(self.kind), expected: "a kind such as openai, ollama or custom")
        }
        checks.expect(self.priority, in: 0...1000, "priority")
        if let baseURL {
            self.check(address: baseURL, &checks)
        } else if self.kind == "custom" {
            checks.fail("base_url", found: "nothing", expected: "where it is, such as https://models.example.com/v1")
        }
        switch self.credentials {
        case .environment(let name) where !Self.isVariable(name):
            checks.fail(
                "api_key_environment",
                found: FieldChecks.quoted(name),
                expected: "the name of an environment variable: letters, digits and '_', not beginning with a digit"
            )
        case .file(let path): checks.expect(absolutePath: path, "api_key_file")
        case .environment, nil: break
        }
        try checks.finish()
    }

    private func check(address: String, _ checks: inout FieldChecks) {
        let expected = "an https address, such as https://models.example.com/v1"
        guard let url = HTTPAddress(address) else {
            checks.fail("base_url", found: FieldChecks.quoted(address), expected: expected)
            return
        }
        if url.hasUser {
            // What stands before the @ is a secret more often than not.
            checks.fail("base_url", found: "an address with a user or a key in it", expected: expected)
        } else if !url.isSecure && !url.isThisMachine && !self.allowsInsecure {
            checks.fail(
                "base_url",
                found: FieldChecks.quoted(address),
                expected: "https, since \(url.host) is another machine; allow_insecure = true permits http"
            )
        }
    }

    private static func isVariable(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 255, !first.isDigit else { return false }
        return name.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }
    }
}

/// As much of an address as tells whether a key may be sent to it.
struct HTTPAddress {
    let isSecure: Bool
    let host: String
    let hasUser: Bool

    /// - Returns: `nil` for anything but http and https with a host.
    init?(_ text: String) {
        let lower = text.lowercased()
        guard text.utf8.count <= 2048, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        self.isSecure = lower.hasPrefix("https://")
        guard self.isSecure || lower.hasPrefix("http://") else { return nil }
        let rest = lower.dropFirst(self.isSecure ? 8 : 7)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        self.hasUser = authority.contains("@")
        let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        if place.hasPrefix("[") {
            guard let end = place.firstIndex(of: "]") else { return nil }
            self.host = String(place[place.index(after: place.startIndex)..<end])
        } else {
            self.host = String(place.prefix { $0 != ":" })
        }
        guard !self.host.isEmpty else { return nil }
    }

    var isThisMachine: Bool {
        if self.host == "localhost" || self.host == "::1" { return true }
        let numbers = self.host.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
    }
}
