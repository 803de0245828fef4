import Inference

/// How one kind of value is written in YAML, in a variable or after a flag.
struct ScalarCodec<Value>: Sendable {
    /// What a valid text looks like: the rest of the sentence "expected …".
    let expectation: String
    /// Whether the text must never be shown.
    var isSecret = false
    /// Whether the text names a program.
    var isCommand = false
    /// Reads the text.
    let parse: @Sendable (String, ScalarContext) -> Result<Value, ScalarMismatch>
    /// Writes the value so that ``parse`` reads the same again, secrets aside.
    let render: @Sendable (Value) -> String

    /// The value on its way into YAML, of a secret no more than that it is one.
    func written(_ value: Value) -> YAMLValue {
        if let secret = value as? SecretString { return .secret(secret) }
        return .text(self.render(value))
    }

    var traits: SettingTraits { self.isSecret ? .secret : self.isCommand ? .command : [] }
}

/// What reading a value may depend on.
struct ScalarContext: Sendable {
    /// What relative paths start from: the file's directory for values in a file, else the working directory.
    var directory: String
    var environment: [String: String]
}

/// A text that is not what its key takes.
struct ScalarMismatch: Error {
    /// What stands after "found", when that is not the text in quotes.
    var found: String?
    /// What stands after "expected", when the codec's own expectation does not say it best.
    var expected: String?
}

// MARK: - Numbers, switches, choices

extension ScalarCodec where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self(expectation: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text, _ in
            guard Digits.isNumber(text), let value = Int(text), range.contains(value) else {
                return .failure(ScalarMismatch())
            }
            return .success(value)
        } render: {
            String($0)
        }
    }

    /// Bytes: `32MiB`, `64KiB`, `1GiB` or a plain number.
    static func size(_ range: ClosedRange<Int>) -> Self {
        let bounds = "from \(ByteSize.render(range.lowerBound)) to \(ByteSize.render(range.upperBound))"
        return Self(expectation: "a size such as 64KiB, 32MiB or 1GiB, or a number of bytes, \(bounds)") { text, _ in
            guard let value = ByteSize.parse(text), range.contains(value) else { return .failure(ScalarMismatch()) }
            return .success(value)
        } render: {
            ByteSize.render($0)
        }
    }
}

extension ScalarCodec where Value == Bool {
    static let bool = Self(expectation: "true or false") { text, _ in
        switch text {
        case "true": .success(true)
        case "false": .success(false)
        default: .failure(ScalarMismatch())
        }
    } render: {
        $0 ? "true" : "false"
    }
}

extension ScalarCodec where Value == Duration {
    static func duration(_ range: ClosedRange<Duration>) -> Self {
        let bounds = "from \(DurationText.render(range.lowerBound)) to \(DurationText.render(range.upperBound))"
        return Self(expectation: "a duration such as 500ms, 30s, 5m, 1h or 30d, \(bounds)") { text, _ in
            guard let value = DurationText.parse(text), range.contains(value) else {
                return .failure(ScalarMismatch())
            }
            return .success(value)
        } render: {
            DurationText.render($0)
        }
    }
}

extension ScalarCodec where Value: CaseIterable & RawRepresentable & Sendable, Value.RawValue == String {
    /// One of a fixed list of words.
    static var choice: Self {
        let names = Value.allCases.map(\.rawValue)
        let expectation = Quoting.alternatives(names)
        return Self(expectation: expectation) { text, _ in
            if let value = Value(rawValue: text) { return .success(value) }
            let hint = Quoting.nearest(to: text, among: names).map { " (did you mean \($0)?)" } ?? ""
            return .failure(ScalarMismatch(expected: expectation + hint))
        } render: {
            $0.rawValue
        }
    }
}

// MARK: - Names and texts

extension ScalarCodec where Value == String {
    /// A text for people.
    static let text = Self(expectation: "a text of 1 to 200 characters on one line") { text, _ in
        let isFit =
            (1...200).contains(text.count) && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        return isFit ? .success(text) : .failure(ScalarMismatch())
    } render: {
        $0
    }

    /// A line for a shell.
    static let command = Self(expectation: "a command of 1 to 4096 characters on one line", isCommand: true) {
        text, _ in
        let isFit =
            (1...4096).contains(text.count) && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        return isFit ? .success(text) : .failure(ScalarMismatch())
    } render: {
        $0
    }

    /// Azure's `api-version`.
    static let apiVersion = Self(expectation: "a date such as '2024-10-21', perhaps with -preview") { text, _ in
        let isFit =
            (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E: true
                default: false
                }
            }
        return isFit ? .success(text) : .failure(ScalarMismatch())
    } render: {
        $0
    }

    /// The part of a ``ModelID`` after the slash.
    static let modelName = Self(expectation: "1-255 characters without white space") { text, _ in
        ModelID(provider: .local, name: text) == nil ? .failure(ScalarMismatch()) : .success(text)
    } render: {
        $0
    }

    /// A path. A relative one becomes absolute, `~/` the home directory.
    static let path = Self(expectation: "a path") { text, context in
        guard !text.isEmpty, !text.utf8.contains(0) else { return .failure(ScalarMismatch()) }
        return .success(Paths.absolute(text, from: context.directory, home: context.environment["HOME"]))
    } render: {
        $0
    }

    /// Where a provider is. Slashes at the end are dropped.
    static let baseURL = Self(expectation: EndpointURL.expectation) { text, _ in
        switch EndpointURL.parse(text) {
        case .success(let url): .success(url.text)
        case .failure(let mismatch): .failure(mismatch)
        }
    } render: {
        $0
    }
}

extension ScalarCodec where Value == ListenAddress {
    static let address = Self(expectation: ListenAddress.expectation) { text, context in
        var text = text
        if text.hasPrefix("unix:"), !text.hasPrefix("unix:/"), text != "unix:" {
            let path = String(text.dropFirst("unix:".count))
            text = "unix:" + Paths.absolute(path, from: context.directory, home: context.environment["HOME"])
        }
        if let address = ListenAddress(text) { return .success(address) }
        if text.hasPrefix("unix:"), text.utf8.count > ListenAddress.longestSocketPath {
            return .failure(
                ScalarMismatch(expected: "unix:PATH with at most \(ListenAddress.longestSocketPath) bytes of path")
            )
        }
        return .failure(ScalarMismatch())
    } render: {
        $0.description
    }
}

extension ScalarCodec where Value == ListenAddress? {
    /// Where HTTP is served; `nil` for nowhere.
    static let httpAddress = Self(expectation: "IPV4:PORT, [IPV6]:PORT, localhost:PORT (port 0...65535) or off") {
        text, _ in
        if text == "off" { return .success(nil) }
        guard case .tcp(let host, let port) = ListenAddress(text) else { return .failure(ScalarMismatch()) }
        return .success(.tcp(host: host, port: port))
    } render: {
        $0?.description ?? "off"
    }
}

extension ScalarCodec where Value == ProviderID {
    static let providerID = Self(expectation: ProviderID.expectation) { text, _ in
        guard let id = ProviderID(text) else { return .failure(ScalarMismatch()) }
        guard id != .local else {
            return .failure(ScalarMismatch(expected: "another name: 'local' stands for the models that run here"))
        }
        return .success(id)
    } render: {
        $0.rawValue
    }
}

extension ScalarCodec where Value == ModelID {
    static let modelID = Self(expectation: "a model as \(ModelID.expectation)") { text, _ in
        ModelID(text).map { .success($0) } ?? .failure(ScalarMismatch())
    } render: {
        $0.description
    }
}

extension ScalarCodec where Value == SecretString {
    /// A text in which `${NAME}` stands for an environment variable.
    ///
    /// `allowingSpaces`: header values may hold spaces, keys may not.
    static func secret(allowingSpaces: Bool) -> Self {
        let characters = allowingSpaces ? "printable ASCII characters" : "printable ASCII characters without spaces"
        return Self(expectation: "\(characters), or ${NAME} for an environment variable", isSecret: true) {
            text, context in
            switch SecretExpansion.expand(text, environment: context.environment) {
            case .failure(let failure):
                return .failure(ScalarMismatch(found: failure.found, expected: failure.expected))
            case .success(let expanded):
                return Self.check(expanded.value, characters: characters, allowingSpaces: allowingSpaces)
            }
        } render: { _ in
            SecretString.redacted
        }
    }

    /// What a header can carry, so that a key with a line break cannot smuggle in another header.
    static func check(
        _ value: String,
        characters: String,
        allowingSpaces: Bool
    ) -> Result<SecretString, ScalarMismatch> {
        guard !value.isEmpty else {
            return .failure(ScalarMismatch(found: "an empty value", expected: characters))
        }
        let lowest: UInt8 = allowingSpaces ? 0x20 : 0x21
        guard value.utf8.allSatisfy({ (lowest...0x7E).contains($0) }) else {
            return .failure(ScalarMismatch(found: "a value with other characters", expected: characters))
        }
        return .success(SecretString(value))
    }
}
