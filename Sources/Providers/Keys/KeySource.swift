import FoundationEssentials

/// Where keys come from.
package struct KeySource: Sendable {
    /// For people, without anything secret: `the environment variable OPENAI_API_KEY`, `the command op`.
    package let name: String
    /// The age at which the keys are loaded anew; `nil`: never by age.
    package let lifetime: Duration?
    /// Whether loading again may bring other keys: then a rejected key is a reason to.
    package let isChangeable: Bool
    /// Runs on a thread that may block, for at most ``KeyRing/timeLimit``; then its task is cancelled, which it must heed.
    let load: @Sendable () async throws -> [Secret]

    package init(
        name: String, lifetime: Duration? = nil, isChangeable: Bool = true,
        load: @escaping @Sendable () async throws -> [Secret]
    ) {
        self.name = name
        self.lifetime = lifetime
        self.isChangeable = isChangeable
        self.load = load
    }

    /// Keys from the configuration itself.
    package static func fixed(_ keys: [Secret]) -> KeySource {
        KeySource(name: "the configuration", isChangeable: false) { keys }
    }

    /// An environment variable; commas separate several keys.
    package static func environment(_ variable: String, in environment: [String: String]) -> KeySource {
        let value = environment[variable]
        return KeySource(name: "the environment variable \(variable)", isChangeable: false) {
            guard let value else { throw Unusable("is not set") }
            return try Self.keys(value.split(separator: ","))
        }
    }

    /// A file with a key on each line. Empty lines and lines that begin with `#` are skipped. It is read again when a key
    /// is rejected, so that a key can be changed without a restart.
    package static func file(_ path: String) -> KeySource {
        KeySource(name: "the file \(path)") {
            let data: Data
            do {
                data = try Data(contentsOf: URL(filePath: path))
            } catch {
                throw Unusable("cannot be read")
            }
            guard data.count <= Self.maximumBytes else { throw Unusable("is longer than \(Self.maximumBytes) bytes") }
            return try Self.keys(Self.lines(String(decoding: data, as: UTF8.self)))
        }
    }

    /// A program, each line of whose output is a key, as in a file.
    ///
    /// - Parameters:
    ///   - program: named in messages; its arguments are not, since they may be secret.
    ///   - lifetime: runs the program again when the key is that old.
    ///   - run: runs it and returns what it wrote to its standard output.
    package static func command(
        _ program: String, lifetime: Duration = .seconds(900), run: @escaping @Sendable () async throws -> String
    ) -> KeySource {
        KeySource(name: "the command \(program)", lifetime: lifetime) {
            try Self.keys(Self.lines(try await run()))
        }
    }

    /// A source that has no usable key, as the rest of a sentence that begins with ``name``.
    package struct Unusable: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) {
            self.description = description
        }
    }

    /// More than any number of keys needs.
    private static let maximumBytes = 64 * 1024

    private static func lines(_ text: String) -> [Substring] {
        text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }
    }

    private static func keys(_ texts: some Sequence<Substring>) throws(Unusable) -> [Secret] {
        var keys: [Secret] = []
        for text in texts {
            let bytes = text.utf8.drop { $0 == 0x20 || $0 == 0x09 }
            guard let end = bytes.lastIndex(where: { $0 != 0x20 && $0 != 0x09 }) else { continue }
            let key = String(text[bytes.startIndex...end])
            guard HTTPField.isValidValue(key) else { throw Unusable("holds what cannot be a key") }
            keys.append(Secret(key))
        }
        guard !keys.isEmpty else { throw Unusable("holds no key") }
        return keys
    }
}
