/// One route of a `google.api.http` annotation, as it is written there.
struct HTTPRule: Sendable, Hashable {
    /// What of a request becomes a message's field, and how.
    enum Body: Sendable, Hashable {
        /// There is no body; what the path does not say is in the query.
        case none
        /// The body is the whole message, less what the path says.
        case all
        /// The body is this field; the rest is in the query.
        case field(String)
    }

    /// `GET`.
    var method = ""
    /// `/api/v1/models/{model=**}:load`.
    var path = ""
    var body = Body.none
    /// The answer is this field of the message; `nil` for all of it.
    var responseBody: String?

    /// The number of the extension `google.api.http` of `google.protobuf.MethodOptions`.
    static let extensionNumber = 72_295_728

    /// Reads an annotation and its additional bindings, the annotation itself first.
    ///
    /// The numbers are those of google/api/http.proto.
    static func all(
        at range: Range<Int>, of parent: WireReader
    ) throws(WireReader.Malformed) -> [HTTPRule] {
        var rule = HTTPRule()
        var additional: [HTTPRule] = []
        var reader = WireReader(parent.bytes, at: range)
        while let field = try reader.next() {
            guard case .range(let value) = field.value else { continue }
            switch field.number {
            case 2: (rule.method, rule.path) = ("GET", reader.string(at: value))
            case 3: (rule.method, rule.path) = ("PUT", reader.string(at: value))
            case 4: (rule.method, rule.path) = ("POST", reader.string(at: value))
            case 5: (rule.method, rule.path) = ("DELETE", reader.string(at: value))
            case 6: (rule.method, rule.path) = ("PATCH", reader.string(at: value))
            case 7:
                switch reader.string(at: value) {
                case "": rule.body = .none
                case "*": rule.body = .all
                case let name: rule.body = .field(name)
                }
            case 8: (rule.method, rule.path) = try Self.custom(at: value, of: reader)
            case 11: additional += try Self.all(at: value, of: reader)
            case 12:
                let name = reader.string(at: value)
                rule.responseBody = name.isEmpty ? nil : name
            default: break
            }
        }
        return [rule] + additional
    }

    private static func custom(
        at range: Range<Int>, of parent: WireReader
    ) throws(WireReader.Malformed) -> (method: String, path: String) {
        var (method, path) = ("", "")
        var reader = WireReader(parent.bytes, at: range)
        while let field = try reader.next() {
            guard case .range(let value) = field.value else { continue }
            switch field.number {
            case 1: method = reader.string(at: value)
            case 2: path = reader.string(at: value)
            default: break
            }
        }
        return (method, path)
    }
}
