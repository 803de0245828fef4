import Inference
import ModelRegistry
import Yams

// Rows for the two mappings whose keys the user chooses.

extension Setting where Root == RoundhouseConfiguration {
    static func aliases(
        _ key: String,
        _ path: any WritableKeyPath<Root, [RoundhouseConfiguration.Alias]> & Sendable,
        _ summary: String
    ) -> Self {
        let expectation = "a mapping from names to a model, a list of models, or a mapping with targets and mode"
        return Self(
            key: key,
            summary: summary,
            expectation: expectation,
            sample: .example("{ default: local/small, fast: [openai/gpt-4o-mini, local/small] }"),
            decode: { node, name, root, decoder in
                for (alias, value) in decoder.pairs(node, at: name, expected: expectation) {
                    let form = decoder.aliasForm(value, at: "\(name).\(alias)")
                    guard decoder.isAliasName(alias, at: "\(name).\(alias)"), let form else { continue }
                    root[keyPath: path].append(
                        RoundhouseConfiguration.Alias(
                            name: alias, weightedTargets: form.weightedTargets, mode: form.mode ?? .ordered)
                    )
                }
            },
            render: { root in
                .map(
                    root[keyPath: path].map { alias in
                        let targets = alias.targets.map { YAMLValue.text($0.description) }
                        switch alias.mode {
                        case .ordered: return (alias.name, targets.count == 1 ? targets[0] : .list(targets))
                        case .weighted: return (alias.name, AliasForm.table.rendered(AliasForm(alias)))
                        }
                    }
                )
            },
            copy: { $1[keyPath: path] = $0[keyPath: path] },
            traits: .named
        )
    }
}

extension Setting where Root == RoundhouseConfiguration.Provider {
    static func headers(
        _ key: String,
        _ path: any WritableKeyPath<Root, [RoundhouseConfiguration.Header]> & Sendable,
        _ summary: String
    ) -> Self {
        let expectation = "a mapping from header names to texts"
        return Self(
            key: key,
            summary: summary,
            expectation: expectation,
            sample: .example("{ X-Title: my-app }"),
            decode: { node, name, root, decoder in
                for (header, value) in decoder.pairs(node, at: name, expected: expectation) {
                    let full = "\(name).\(header)"
                    let text = decoder.scalar(value, at: full, ScalarCodec.secret(allowingSpaces: true))
                    let known = root[keyPath: path].map(\.name)
                    guard decoder.isHeaderName(header, at: full, known: known), let text else { continue }
                    root[keyPath: path].append(RoundhouseConfiguration.Header(name: header, value: text))
                }
            },
            render: { root in
                .map(root[keyPath: path].map { ($0.name, .secret($0.value)) })
            },
            copy: { $1[keyPath: path] = $0[keyPath: path] },
            traits: [.named, .secret]
        )
    }
}

extension ConfigurationDecoder {
    fileprivate mutating func isAliasName(_ name: String, at path: String) -> Bool {
        if name == "auto" {
            self.report(path, found: "'auto' as an alias", expected: "another name: 'auto' lets the router choose")
            return false
        }
        if case .alias = InferenceRequest.Target(name) { return true }
        self.report(path, found: "\(Quoting.quote(name)) as an alias", expected: ProviderID.expectation)
        return false
    }

    fileprivate mutating func isHeaderName(_ name: String, at path: String, known: [String]) -> Bool {
        let lowered = name.lowercased()
        if known.contains(where: { $0.lowercased() == lowered }) {
            self.report(path, "given twice, expected once (upper and lower case are the same in headers)")
            return false
        }
        if Self.ownHeaders.contains(lowered) {
            self.report(path, found: "\(Quoting.quote(name))", expected: "a header that Roundhouse does not set itself")
            return false
        }
        guard !name.isEmpty, name.utf8.allSatisfy(Self.isTokenByte) else {
            self.report(
                path, found: "\(Quoting.quote(name)) as a header", expected: "letters, digits and !#$%&'*+-.^_`|~")
            return false
        }
        return true
    }

    /// What the HTTP client writes by itself, and what would break its framing.
    private static let ownHeaders: Set<String> = [
        "accept", "accept-encoding", "connection", "content-length", "content-type", "expect", "host", "keep-alive",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-request-id",
    ]

    /// RFC 9110 section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
