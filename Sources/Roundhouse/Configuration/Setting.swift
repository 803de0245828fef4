import Yams

/// One key of the configuration: how it is read, written and explained.
///
/// Decoding, environment names, `config template`, `config show` and the tables of `docs/Configuration.md` all come
/// from the same rows, so none of them can lag behind another.
struct Setting<Root>: Sendable {
    /// The dotted path inside `Root`: `grpc.tls.certificate`, `timeouts.connect`.
    let key: String
    /// What it does, in a sentence or two.
    let summary: String
    /// The rest of the sentence "expected …".
    let expectation: String
    let sample: Sample
    /// The keys of each element, for a list of mappings.
    var elements: [SettingDescription] = []
    let decode: @Sendable (Node, String, inout Root, inout ConfigurationDecoder) -> Void
    /// Reads a variable or flag; `nil` for keys that only a file can set.
    var decodeText: (@Sendable (String, String, inout Root, inout ConfigurationDecoder) -> Void)?
    /// `nil` when there is nothing to show.
    let render: @Sendable (Root) -> YAMLValue?
    /// Takes the value from one configuration into another; `nil` for keys of elements.
    var copy: (@Sendable (Root, inout Root) -> Void)?
    var traits: SettingTraits = []

    /// What the template shows.
    enum Sample: Sendable {
        /// The default.
        case standard
        /// There is no default.
        case example(String)
        case required(String)
        /// Not to be turned on together with the other keys of the template.
        case alternative(String)
    }

    var isRequired: Bool {
        if case .required = self.sample { true } else { false }
    }
}

/// What else there is to know of a key.
struct SettingTraits: OptionSet, Sendable {
    let rawValue: Int

    /// Its value must never be shown.
    static let secret = SettingTraits(rawValue: 1)
    /// Its value names a program, which the server runs.
    static let command = SettingTraits(rawValue: 2)
    /// It holds a mapping whose keys the user chooses.
    static let named = SettingTraits(rawValue: 4)
    /// A new value counts without a restart.
    static let live = SettingTraits(rawValue: 8)
    /// Of an element that is live: it says what is done when the server starts.
    static let start = SettingTraits(rawValue: 16)
}

/// A ``Setting`` without its type, for the template, the docs, and whoever walks a configuration by its keys.
struct SettingDescription: Sendable {
    var key: String
    var summary: String
    var expectation: String
    /// What is in force when the key is not given; `nil` when nothing is.
    var standard: String?
    /// What the template shows.
    var sample: String
    var isRequired: Bool
    var isAlternative: Bool
    /// Whether variables and flags can set it.
    var isScalar: Bool
    var elements: [SettingDescription]
    var traits: SettingTraits

    /// The key that tells one element of a list from the others: the first that it must have.
    var identity: String? { self.elements.first(where: \.isRequired)?.key }
    /// Whether its value is told to nobody: a secret, or a command, which may hold one.
    var isMasked: Bool { !self.traits.isDisjoint(with: [.secret, .command]) }
}

extension Setting {
    /// - Parameter root: The value of which everything is at its default.
    func described(defaults root: Root) -> SettingDescription {
        let standard = self.render(root).map(\.flow)
        let sample =
            switch self.sample {
            case .standard: standard ?? ""
            case .example(let text), .required(let text), .alternative(let text): text
            }
        var isAlternative = false
        if case .alternative = self.sample { isAlternative = true }
        return SettingDescription(
            key: self.key,
            summary: self.summary,
            expectation: self.expectation,
            standard: self.isRequired || self.elements.isEmpty == false ? nil : standard,
            sample: sample,
            isRequired: self.isRequired,
            isAlternative: isAlternative,
            isScalar: self.decodeText != nil,
            elements: self.elements,
            traits: self.traits
        )
    }

    /// The same key, of which a new value counts without a restart.
    var live: Self { self.with(.live) }
    /// The same key, which says what is done when the server starts.
    var atStart: Self { self.with(.start) }

    private func with(_ trait: SettingTraits) -> Self {
        var setting = self
        setting.traits.insert(trait)
        return setting
    }
}

// MARK: - Kinds of rows

extension Setting {
    /// A key with one value.
    static func scalar<Value>(
        _ key: String,
        _ path: any WritableKeyPath<Root, Value> & Sendable,
        _ codec: ScalarCodec<Value>,
        sample: Sample = .standard,
        _ summary: String
    ) -> Self {
        Self(
            key: key,
            summary: summary,
            expectation: codec.expectation,
            sample: sample,
            decode: { node, name, root, decoder in
                if let value = decoder.scalar(node, at: name, codec) { root[keyPath: path] = value }
            },
            decodeText: { text, name, root, decoder in
                if let value = decoder.read(text, at: name, codec) { root[keyPath: path] = value }
            },
            render: { codec.written($0[keyPath: path]) },
            copy: { $1[keyPath: path] = $0[keyPath: path] },
            traits: codec.traits
        )
    }

    /// A key that may be left out, with one value.
    static func optional<Value>(
        _ key: String,
        _ path: any WritableKeyPath<Root, Value?> & Sendable,
        _ codec: ScalarCodec<Value>,
        sample: Sample,
        _ summary: String
    ) -> Self {
        Self(
            key: key,
            summary: summary,
            expectation: codec.expectation,
            sample: sample,
            decode: { node, name, root, decoder in
                if let value = decoder.scalar(node, at: name, codec) { root[keyPath: path] = value }
            },
            decodeText: { text, name, root, decoder in
                if let value = decoder.read(text, at: name, codec) { root[keyPath: path] = value }
            },
            render: { root in root[keyPath: path].map(codec.written) },
            copy: { $1[keyPath: path] = $0[keyPath: path] },
            traits: codec.traits
        )
    }

    /// A list of single values without repetition.
    static func list<Value: Hashable & SendableMetatype>(
        _ key: String,
        _ path: any WritableKeyPath<Root, [Value]> & Sendable,
        _ codec: ScalarCodec<Value>,
        _ summary: String
    ) -> Self {
        let expectation = "a list of \(codec.expectation)"
        return Self(
            key: key,
            summary: summary,
            expectation: expectation,
            sample: .standard,
            decode: { node, name, root, decoder in
                guard let values = decoder.list(node, at: name, codec, expected: expectation) else { return }
                root[keyPath: path] = values
            },
            render: { root in .list(root[keyPath: path].map(codec.written)) },
            copy: { $1[keyPath: path] = $0[keyPath: path] },
            traits: codec.traits
        )
    }

    /// A list of single values that may be left out.
    static func optionalList<Value: Hashable & SendableMetatype>(
        _ key: String,
        _ path: any WritableKeyPath<Root, [Value]?> & Sendable,
        _ codec: ScalarCodec<Value>,
        sample: Sample,
        _ summary: String
    ) -> Self {
        let expectation = "a list of \(codec.expectation)"
        return Self(
            key: key,
            summary: summary,
            expectation: expectation,
            sample: sample,
            decode: { node, name, root, decoder in
                guard let values = decoder.list(node, at: name, codec, expected: expectation) else { return }
                root[keyPath: path] = values
            },
            render: { root in root[keyPath: path].map { .list($0.map(codec.written)) } },
            copy: { $1[keyPath: path] = $0[keyPath: path] },
            traits: codec.traits
        )
    }

    /// A list of mappings, each read with a table of its own.
    static func elements<Element>(
        _ key: String,
        _ path: any WritableKeyPath<Root, [Element]> & Sendable,
        of table: [Setting<Element>],
        prototype: @escaping @Sendable () -> Element,
        isRequired: Bool = false,
        _ summary: String
    ) -> Self {
        let keys = table.filter(\.isRequired).map(\.key).joined(separator: ", ")
        let expectation = "a list of mappings with the keys \(keys) at least"
        return Self(
            key: key,
            summary: summary,
            expectation: expectation,
            sample: isRequired ? .required("") : .standard,
            elements: table.map { $0.described(defaults: prototype()) },
            decode: { node, name, root, decoder in
                guard let nodes = decoder.sequence(node, at: name, expected: expectation) else { return }
                for (index, node) in nodes.enumerated() {
                    var element = prototype()
                    decoder.mapping(node, at: "\(name)[\(index)]", table, into: &element)
                    root[keyPath: path].append(element)
                }
            },
            render: { root in .list(root[keyPath: path].map { table.rendered($0) }) },
            copy: { $1[keyPath: path] = $0[keyPath: path] }
        )
    }
}
