import FoundationEssentials
import Inference

/// A whole answer with a 2xx status.
struct JSONAnswer: Sendable {
    var head: HTTPResponseHead
    var body: [UInt8]

    /// - Parameter errors: what an `error` in the place of an answer means.
    /// - Throws: ``UpstreamFault/Kind/malformed`` naming the field that departs from `Answer`; the upstream's own words
    ///   when it put an `error` in the place of an answer.
    func decode<Answer: Decodable>(_ type: Answer.Type, errors: JSONErrors) throws(UpstreamFault) -> Answer {
        if case .other(let name) = self.head.mediaType, !name.lowercased().contains("json") {
            throw UpstreamFault(.malformed, "expected application/json, got \(name)", httpStatus: self.head.status)
        }
        do {
            return try JSONDecoder().decode(type, from: Data(self.body))
        } catch let error as DecodingError {
            throw self.fault(for: error, errors)
        } catch {
            throw UpstreamFault(.malformed, "\(error)", httpStatus: self.head.status)
        }
    }

    private func fault(for error: DecodingError, _ errors: JSONErrors) -> UpstreamFault {
        if self.statesError { return errors.stated(self.body.span) }
        return UpstreamFault(
            .malformed, JSONDeparture.describe(error) ?? "expected JSON, got: \(self.body.span.excerpt)",
            httpStatus: self.head.status)
    }

    /// An `error` in a 200.
    private var statesError: Bool {
        struct Probe: Decodable {
            var error: Anything?
        }
        struct Anything: Decodable {
            init(from decoder: any Decoder) {}
        }
        return (try? JSONDecoder().decode(Probe.self, from: Data(self.body)))?.error != nil
    }
}

/// Collects a body, however it is framed.
struct JSONAnswerDecoder: ResponseDecoder {
    var collected: CollectedBody
    private(set) var isFinished = false
    var isWaitingForDetails: Bool { false }

    init(collected: CollectedBody) {
        self.collected = collected
    }

    mutating func receive(_ head: HTTPResponseHead) throws(UpstreamFault) -> Bool {
        self.collected.receive(head)
    }

    mutating func receive(_ body: Span<UInt8>, into elements: inout [JSONAnswer]) throws(UpstreamFault) {
        try self.collected.append(body)
    }

    mutating func end(_ end: ResponseEnd, into elements: inout [JSONAnswer]) throws(UpstreamFault) {
        if case .fault(let fault) = end, self.collected.head.status == 0 { throw fault }
        guard (200..<300).contains(self.collected.head.status) else { throw self.collected.fault() }
        switch end {
        case .fault(let fault): throw fault
        case .cut, .patienceOver:
            throw UpstreamFault(.truncated, "the connection closed in the middle of the answer")
        case .complete: break
        }
        elements.append(JSONAnswer(head: self.collected.head, body: self.collected.body))
        self.isFinished = true
    }
}

/// Says where an answer departs from its documented format.
enum JSONDeparture {
    /// `models[3].size: expected a whole number`; `nil` when the text is not JSON at all.
    static func describe(_ error: DecodingError) -> String? {
        switch error {
        case .keyNotFound(let key, let context):
            "\(self.path(context.codingPath + [key])): missing, though the format promises it"
        case .valueNotFound(let type, let context):
            "\(self.path(context.codingPath)): expected \(self.name(type)), got null"
        case .typeMismatch(let type, let context):
            "\(self.path(context.codingPath)): expected \(self.name(type))"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty ? nil : "\(self.path(context.codingPath)): \(context.debugDescription)"
        @unknown default: "\(error)"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        var path = ""
        for key in keys {
            if let place = key.intValue {
                path += "[\(place)]"
            } else {
                path += (path.isEmpty ? "" : ".") + String(key.stringValue.prefix(80))
            }
        }
        return path.isEmpty ? "the answer" : path
    }

    private static func name(_ type: Any.Type) -> String {
        switch type {
        case is String.Type: "text"
        case is Bool.Type: "true or false"
        case is Int.Type, is Int32.Type, is Int64.Type: "a whole number"
        case is Double.Type: "a number"
        default:
            switch String(describing: type) {
            case let name where name.hasPrefix("Array"): "a list"
            case let name where name.hasPrefix("Dictionary"): "an object"
            default: "another type"
            }
        }
    }
}

/// A field that must be there and may be `null`.
struct Nullable<Value: Decodable>: Decodable {
    let value: Value?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self.value = container.decodeNil() ? nil : try container.decode(Value.self)
    }
}

extension Nullable: Sendable where Value: Sendable {}

/// A number that must be whole. `JSONDecoder` says of 1.5 and 1e99 in the place of an integer that they are no JSON,
/// without saying where.
struct WholeNumber: Decodable, Sendable, Hashable {
    let value: Int64

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            self.value = try container.decode(Int64.self)
        } catch DecodingError.valueNotFound(let type, let context) {
            throw DecodingError.valueNotFound(type, context)
        } catch {
            throw DecodingError.typeMismatch(
                Int64.self, DecodingError.Context(codingPath: decoder.codingPath, debugDescription: ""))
        }
    }

    var count: Int { Int(self.value) }
}

extension DecodingError {
    /// A value that is none of those that the format lists.
    static func unexpected(_ value: String, expected: String, at path: [any CodingKey]) -> DecodingError {
        .dataCorrupted(
            Context(codingPath: path, debugDescription: "expected \(expected), got \"\(value.prefix(80))\""))
    }
}
