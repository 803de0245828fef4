/// A model file to install.
package struct ModelInstallRequest: Sendable, Hashable {
    package enum Source: Sendable, Hashable {
        /// A file on this machine; absolute. It is copied, never moved.
        case path(String)
        /// An https address, or http to this machine.
        case url(String)
        /// The file is made here.
        case recipe(ModelRecipe)
    }

    /// ``ModelID/name`` of a local model: 1-128 characters of letters, digits, `-`, `_` and `.`, not beginning with `.`.
    package var name: String
    package var source: Source
    /// 64 hexadecimal digits; `nil` checks nothing.
    package var sha256: String?
    /// As ``name``, at most 64 characters; `nil`: the first 12 digits of the file's SHA-256.
    package var version: String?

    package init(name: String, source: Source, sha256: String? = nil, version: String? = nil) {
        self.name = name
        self.source = source
        self.sha256 = sha256
        self.version = version
    }

    /// The same in the form that is compared: the checksum in lower case, empty fields as if not given.
    ///
    /// - Throws: ``ModelInstallError/Kind/invalidRequest`` with the field, its value and what was expected.
    func validated() throws(ModelInstallError) -> ModelInstallRequest {
        var request = self
        if request.sha256?.isEmpty == true { request.sha256 = nil }
        if request.version?.isEmpty == true { request.version = nil }
        request.sha256 = request.sha256?.lowercased()
        try Self.check(self.name, "name", longest: 128)
        if let version = request.version { try Self.check(version, "version", longest: 64) }
        if let sum = request.sha256, sum.utf8.count != 64 || !sum.utf8.allSatisfy(Self.isHexadecimal) {
            throw ModelInstallError(
                .invalidRequest, "sha256 '\(sum.prefix(80))' is not 64 hexadecimal digits", field: "sha256")
        }
        switch self.source {
        case .path(let path):
            guard path.hasPrefix("/"), !path.utf8.contains(0) else {
                throw ModelInstallError(
                    .invalidRequest, "path '\(path.prefix(200))' is not absolute: it must begin with '/'", field: "path"
                )
            }
        case .url(let url):
            try ModelURL.check(url)
        case .recipe(let recipe):
            // What it makes is known: a file that is there is found before anything is fetched.
            request.sha256 = request.sha256 ?? recipe.sha256
            guard request.sha256 == recipe.sha256 else {
                throw ModelInstallError(
                    .invalidRequest,
                    "sha256 '\(request.sha256 ?? "")' is not that of the file that is made, \(recipe.sha256)",
                    field: "sha256"
                )
            }
        }
        return request
    }

    private static func check(_ text: String, _ field: String, longest: Int) throws(ModelInstallError) {
        let isFit =
            (1...longest).contains(text.utf8.count) && !text.hasPrefix(".") && text.utf8.allSatisfy(Self.isNameByte)
        guard !isFit else { return }
        throw ModelInstallError(
            .invalidRequest,
            """
            \(field) '\(text.prefix(200))' must be 1-\(longest) letters, digits, '-', '_' or '.', \
            and not begin with '.'
            """,
            field: field
        )
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
    }
}

/// Addresses that models may be fetched from.
package enum ModelURL {
    /// Accepts https with any host and http with a loopback host, both without user and password.
    ///
    /// - Throws: ``ModelInstallError/Kind/invalidRequest``.
    package static func check(_ url: String) throws(ModelInstallError) {
        func refuse(_ why: String) -> ModelInstallError {
            ModelInstallError(.invalidRequest, "url '\(Self.printable(url))' \(why)", field: "url")
        }
        guard (9...8192).contains(url.utf8.count), url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            let colon = url.firstRange(of: "://")
        else { throw refuse("is not an address: 'https://host/path' is expected") }
        let scheme = url[..<colon.lowerBound].lowercased()
        let authority = url[colon.upperBound...].prefix { !"/?#".contains($0) }
        guard !authority.isEmpty, !authority.hasPrefix(":") else { throw refuse("names no host") }
        guard !authority.contains("@") else {
            throw refuse("holds a user or a password: what is needed to fetch it must not stand in an address")
        }
        switch scheme {
        case "https": return
        case "http":
            guard Self.isLoopback(Self.host(authority)) else {
                throw refuse(
                    "is http to another machine: https is expected, so that nobody changes the file on its way")
            }
        default: throw refuse("has the scheme '\(scheme)': https is expected")
        }
    }

    /// Without the query, which may be a signature, the fragment, and what stands before an `@`.
    package static func printable(_ url: String) -> String {
        let address = url.prefix { $0 != "?" && $0 != "#" }.prefix(500)
        guard let colon = address.firstRange(of: "://") else { return String(address) }
        let authority = address[colon.upperBound...].prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@") else { return String(address) }
        return "\(address[..<colon.upperBound])\(address[address.index(after: at)...])"
    }

    private static func host(_ authority: Substring) -> Substring {
        if authority.hasPrefix("[") { return authority.dropFirst().prefix { $0 != "]" } }
        return authority.prefix { $0 != ":" }
    }

    private static func isLoopback(_ host: Substring) -> Bool {
        if host.lowercased() == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

/// What an installation is doing.
package enum ModelInstallProgress: Sendable, Hashable {
    /// Looking at the source, its size and the disk's free space.
    case checking
    /// Copying or downloading.
    ///
    /// - Parameters:
    ///   - received: Bytes that are there, the resumed ones included.
    ///   - total: `nil` when the upstream does not say.
    ///   - resumed: Bytes that were there from an interrupted attempt.
    case transferring(received: Int64, total: Int64?, resumed: Int64)
    /// Making the file of what was downloaded, by a recipe; in bytes of the file.
    case converting(done: Int64, total: Int64)
    /// Computing the checksum of what came; then the header is read.
    case verifying(checked: Int64, total: Int64)
}

/// A model file that is in the models folder.
package struct InstalledModel: Sendable, Hashable {
    package var name: String
    package var version: String
    /// Absolute.
    package var path: String
    /// In lower-case hexadecimal.
    package var sha256: String
    package var sizeBytes: Int64
    /// What its header says.
    package var header: GGUFHeader
    /// Whether the very file was there before.
    package var wasPresent: Bool
}
