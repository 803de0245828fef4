/// JSON in the making: an answer as it should be, to be spoilt field by field.
package indirect enum JSONText: Sendable, Hashable {
    /// In order.
    case object([Field])
    case array([JSONText])
    case text(String)
    case integer(Int64)
    case boolean(Bool)
    case null
    /// As it stands, valid or not.
    case raw(String)

    package struct Field: Sendable, Hashable {
        package var name: String
        package var value: JSONText

        package init(_ name: String, _ value: JSONText) {
            self.name = name
            self.value = value
        }
    }

    package static func fields(_ fields: KeyValuePairs<String, JSONText>) -> JSONText {
        .object(fields.map { Field($0.key, $0.value) })
    }

    package static func texts(_ texts: [String]) -> JSONText { .array(texts.map { .text($0) }) }

    /// The same without every field of this name, however deep.
    package func without(_ name: String) -> JSONText { self.mapping(name) { _ in nil } }

    /// The same with another value for every field of this name, however deep.
    package func with(_ name: String, _ value: JSONText) -> JSONText { self.mapping(name) { _ in value } }

    private func mapping(_ name: String, _ change: (JSONText) -> JSONText?) -> JSONText {
        switch self {
        case .object(let fields):
            return .object(
                fields.compactMap { field in
                    guard field.name != name else { return change(field.value).map { Field(name, $0) } }
                    return Field(field.name, field.value.mapping(name, change))
                })
        case .array(let elements): return .array(elements.map { $0.mapping(name, change) })
        case .text, .integer, .boolean, .null, .raw: return self
        }
    }

    /// As it goes over the wire.
    package var encoded: String {
        switch self {
        case .object(let fields):
            "{" + fields.map { "\(Self.quoted($0.name)):\($0.value.encoded)" }.joined(separator: ",") + "}"
        case .array(let elements): "[" + elements.map(\.encoded).joined(separator: ",") + "]"
        case .text(let text): Self.quoted(text)
        case .integer(let number): String(number)
        case .boolean(let flag): flag ? "true" : "false"
        case .null: "null"
        case .raw(let text): text
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case let control where control.value < 0x20:
                quoted += (control.value < 16 ? "\\u000" : "\\u001") + String(control.value % 16, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
