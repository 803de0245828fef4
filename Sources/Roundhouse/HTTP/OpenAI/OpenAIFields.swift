internal import Hummingbird
internal import Inference

/// Reads values of a request's JSON and collects what is wrong with them, so that a client learns of all of it at once.
///
/// What a field may hold is checked by ``RequestReader``, as it is for gRPC. Paths are made only of what is wrong.
struct OpenAIFields {
    /// The checks that every door shares, and everything that was found wrong.
    var checks = RequestReader()
    /// In front of every path: the name of a header that holds JSON.
    var prefix = ""
    /// What is wrong with the first field at fault, by OpenAI's names.
    private(set) var code = Code.invalidValue
    /// Paths of what was not understood and is not passed on either, at most ``mostIgnored``.
    private(set) var ignored: [String] = []

    static let mostIgnored = 16

    /// As OpenAI names them in `error.code`.
    enum Code: String, Sendable, Hashable {
        case invalidValue = "invalid_value"
        case invalidType = "invalid_type"
        case missing = "missing_required_parameter"
        case unknown = "unknown_parameter"
        case unsupportedValue = "unsupported_value"
        case unsupported = "unsupported_parameter"
    }

    // MARK: - What is wrong

    mutating func report(_ field: String, _ description: String, _ code: Code) {
        if self.checks.violations.isEmpty { self.code = code }
        self.checks.report(FieldViolation(field, description))
    }

    mutating func report(_ value: JSONValue, _ description: String, _ code: Code) {
        self.report(self.path(value), description, code)
    }

    /// It is of another kind than it should be.
    mutating func wrongType(_ value: JSONValue, expected: String) {
        self.report(value, "is \(value.kind.name); expected \(expected)", .invalidType)
    }

    mutating func ignore(_ value: JSONValue) {
        if self.ignored.count < Self.mostIgnored { self.ignored.append(self.path(value)) }
    }

    mutating func ignore(_ name: String) {
        if self.ignored.count < Self.mostIgnored { self.ignored.append(name) }
    }

    func path(_ value: JSONValue) -> String { Self.path(value, self.prefix) }

    static func path(_ value: JSONValue, _ prefix: String) -> String {
        let path = value.path
        guard !prefix.isEmpty else { return path }
        return path.isEmpty || path.hasPrefix("[") ? prefix + path : "\(prefix).\(path)"
    }

    /// - Throws: ``OpenAIError`` that names every field at fault.
    func finish() throws(OpenAIError) {
        guard self.checks.violations.isEmpty else {
            throw OpenAIError(violations: self.checks.violations, code: self.code.rawValue)
        }
    }

    // MARK: - Values
    // What is absent or null is nil, and so is what is of another kind, which is told.

    mutating func string(_ value: JSONValue?) -> String? {
        guard let value, !value.isNull else { return nil }
        if let string = value.string { return string }
        self.wrongType(value, expected: "a string")
        return nil
    }

    mutating func boolean(_ value: JSONValue?) -> Bool? {
        guard let value, !value.isNull else { return nil }
        if let boolean = value.boolean { return boolean }
        self.wrongType(value, expected: "true or false")
        return nil
    }

    mutating func number(_ value: JSONValue?) -> Double? {
        guard let value, !value.isNull else { return nil }
        if let number = value.number { return number }
        self.wrongType(value, expected: "a number")
        return nil
    }

    mutating func number(_ value: JSONValue?, in range: ClosedRange<Double>) -> Double? {
        guard let value, let number = self.number(value) else { return nil }
        let prefix = self.prefix
        return self.checks.number(number, in: range, field: Self.path(value, prefix))
    }

    mutating func integer(_ value: JSONValue?) -> Int64? {
        guard let value, !value.isNull else { return nil }
        if let integer = value.integer { return integer }
        if value.kind == .number {
            self.report(value, "is '\(value.raw.prefix(40))'; expected a whole number of 64 bits", .invalidType)
        } else {
            self.wrongType(value, expected: "a whole number")
        }
        return nil
    }

    mutating func integer(_ value: JSONValue?, in range: ClosedRange<Int>) -> Int? {
        guard let value, let integer = self.integer(value) else { return nil }
        let number = Int(integer)
        if !range.contains(number) {
            self.report(
                value, "is '\(integer)'; expected a whole number from \(range.lowerBound) to \(range.upperBound)",
                .invalidValue)
        }
        return number
    }

    /// 1 to what gRPC's fields hold.
    mutating func count(_ value: JSONValue?) -> Int? { self.integer(value, in: 1...Int(Int32.max)) }

    /// An object whose keys stand in it once each; `nil` also for null.
    mutating func object(_ value: JSONValue?) -> JSONValue? {
        guard let value, !value.isNull else { return nil }
        guard value.kind == .object else {
            self.wrongType(value, expected: "an object")
            return nil
        }
        self.checkKeys(value)
        return value
    }

    /// Readers do not agree on which of two counts.
    mutating func checkKeys(_ value: JSONValue) {
        guard let key = value.doubleKey else { return }
        self.report(key, "stands twice, the second time at byte \(key.offset)", .invalidValue)
    }

    mutating func array(_ value: JSONValue?) -> JSONValue? {
        guard let value, !value.isNull else { return nil }
        guard value.kind == .array else {
            self.wrongType(value, expected: "an array")
            return nil
        }
        return value
    }

    /// Of an array; none of anything else.
    mutating func elements(_ value: JSONValue?) -> [JSONValue] {
        self.array(value).map { Array($0.elements) } ?? []
    }

    /// Of strings alone.
    mutating func strings(_ value: JSONValue?) -> [String] {
        guard let array = self.array(value) else { return [] }
        return array.elements.compactMap { element in
            if let string = element.string { return string }
            self.wrongType(element, expected: "a string")
            return nil
        }
    }

    mutating func strings(_ value: JSONValue?, orOne: Bool) -> [String] {
        if orOne, let string = value?.string { return [string] }
        if orOne, let value, value.kind != .array, !value.isNull {
            self.wrongType(value, expected: "a string or an array of strings")
            return []
        }
        return self.strings(value)
    }

    /// An object of strings.
    mutating func labels(_ value: JSONValue?) -> [String: String] {
        guard let value, let object = self.object(value) else { return [:] }
        var labels: [String: String] = [:]
        for member in object.members {
            guard let label = member.value.string else {
                self.wrongType(member.value, expected: "a string")
                continue
            }
            labels[member.key.string ?? ""] = label
        }
        let prefix = self.prefix
        return self.checks.metadata(labels, field: Self.path(value, prefix))
    }

    /// One of the names of an enumeration.
    mutating func name<Value: RawRepresentable<String> & CaseIterable>(
        _ value: JSONValue?, as type: Value.Type
    ) -> Value? {
        guard let value, let name = self.string(value) else { return nil }
        let prefix = self.prefix
        return self.checks.named(name, as: type, field: Self.path(value, prefix))
    }

    /// Tells of members that mean nothing here, and are not passed on.
    mutating func ignoreOthers(of object: JSONValue, but known: Set<String>) {
        for member in object.members where !known.contains(member.key.string ?? "") && !member.value.isNull {
            self.ignore(member.value)
        }
    }
}

extension JSONNode.Kind {
    /// For people.
    var name: String {
        switch self {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .true, .false: "a boolean"
        case .null: "null"
        }
    }
}

extension OpenAIError {
    /// - Parameter violations: never empty; the first is the one that `param` names.
    init(violations: [FieldViolation], code: String) {
        let shown = violations.prefix(8).map { "\($0.field.isEmpty ? "the body" : $0.field) \($0.description)" }
        let rest = violations.count - shown.count
        self.init(
            status: .badRequest, type: Self.invalidRequest, code: code,
            message: shown.joined(separator: "; ") + (rest > 0 ? "; and \(rest) more" : ""),
            param: violations.first.flatMap { $0.field.isEmpty ? nil : $0.field })
    }
}
