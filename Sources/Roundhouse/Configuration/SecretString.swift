/// A text that no log, error, dump or debugger shows: printing one in any way gives `[redacted]`.
///
/// The text itself comes out of ``expose()`` only, so that every place where a secret leaves can be found by name.
public struct SecretString: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let text: String

    public init(_ text: String) {
        self.text = text
    }

    /// The secret. For the header that carries it, and nothing else.
    public func expose() -> String { self.text }

    static let redacted = "[redacted]"

    public var description: String { Self.redacted }
    public var debugDescription: String { Self.redacted }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// `${NAME}` and `${NAME:-default}` in secrets; `$${` stands for `${` itself.
enum SecretExpansion {
    /// Why a text could not be expanded. Neither part holds any of the secret's text, only names of variables.
    struct Failure: Error {
        var found: String
        var expected: String
    }

    /// Replaces each reference in `text` by the variable's value, and tells which variables were asked for.
    static func expand(
        _ text: String,
        environment: [String: String]
    ) -> Result<(value: String, variables: Set<String>), Failure> {
        var value = ""
        var variables: Set<String> = []
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            value += rest[..<dollar]
            rest = rest[dollar...]
            if rest.hasPrefix("$${") {
                value += "${"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${") {
                guard let end = rest.firstIndex(of: "}") else {
                    return .failure(Failure(found: "'${' without '}'", expected: Self.syntax))
                }
                switch Self.resolve(rest[..<end].dropFirst(2), environment: environment) {
                case .failure(let failure): return .failure(failure)
                case .success(let reference):
                    variables.insert(reference.name)
                    value += reference.value
                }
                rest = rest[end...].dropFirst()
            } else {
                value += "$"
                rest = rest.dropFirst()
            }
        }
        return .success((value + rest, variables))
    }

    static let syntax = "${NAME}, ${NAME:-default}, or $${ for a '${' that is meant literally"

    private static func resolve(
        _ reference: Substring,
        environment: [String: String]
    ) -> Result<(name: String, value: String), Failure> {
        let name = String(reference.prefix { $0 != ":" })
        let tail = reference.dropFirst(name.count)
        let fallback = tail.hasPrefix(":-") ? String(tail.dropFirst(2)) : nil
        guard Self.isVariableName(name), tail.isEmpty || fallback != nil else {
            // The text may be a piece of the secret, so it is not quoted.
            return .failure(Failure(found: "'${…}' without the name of a variable", expected: Self.syntax))
        }
        if let value = environment[name], !value.isEmpty {
            return .success((name, value))
        }
        if let fallback {
            return .success((name, fallback))
        }
        return .failure(
            Failure(
                found: "'${\(name)}'",
                expected: "the environment variable \(name) to be set and not empty, or a default: ${\(name):-…}"
            )
        )
    }

    static func isVariableName(_ text: String) -> Bool {
        guard let first = text.utf8.first, first == UInt8(ascii: "_") || Self.isLetter(first) else { return false }
        return text.utf8.allSatisfy {
            Self.isLetter($0) || $0 == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
