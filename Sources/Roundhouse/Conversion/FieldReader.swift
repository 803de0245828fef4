internal import Inference
internal import ModelRegistry
internal import SwiftProtobuf

/// Checks fields of a message and collects what is wrong with them, so that a client learns of all of it at once.
struct FieldReader {
    /// In front of every field's name: `model.`.
    let prefix: String
    private(set) var problems: [FieldProblem] = []

    init(_ prefix: String = "") {
        self.prefix = prefix
    }

    mutating func report(_ field: String, found: String, expected: String) {
        self.problems.append(FieldProblem(self.prefix + field, found: found, expected: expected))
    }

    /// ``problems`` as the registry tells its own: what was found in words, a value in quotes.
    var problemsInWords: [FieldProblem] {
        self.problems.map { FieldProblem($0.field, found: "'\($0.found.prefix(100))'", expected: $0.expected) }
    }

    /// - Throws: ``ServiceError`` that names every field at fault.
    func finish() throws(ServiceError) {
        // What was found is a value as it came: quoted here, unlike what the registry says in words.
        let violations = self.problems.map { FieldViolation($0.field, found: $0.found, expected: $0.expected) }
        guard violations.isEmpty else { throw .invalid(violations) }
    }

    // MARK: - Numbers

    /// A number within a range; one outside is reported and the nearest bound returned.
    mutating func integer(_ value: some BinaryInteger, in range: ClosedRange<Int>, _ field: String) -> Int {
        let number = Int(clamping: value)
        if !range.contains(number) {
            self.report(
                field, found: "\(value)", expected: "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return min(max(number, range.lowerBound), range.upperBound)
    }

    /// As ``integer(_:in:_:)``, where 0 means that nothing is said.
    mutating func optional(_ value: some BinaryInteger, upTo most: Int, _ field: String) -> Int? {
        let number = self.integer(value, in: 0...most, field)
        return number == 0 ? nil : number
    }

    /// 0 to 1.
    mutating func share(_ value: Double, _ field: String) -> Double {
        // NaN is in no range, so it ends up here too.
        if !(0...1).contains(value) { self.report(field, found: "\(value)", expected: "a number from 0 to 1") }
        return value
    }

    mutating func duration(
        _ message: Google_Protobuf_Duration,
        in range: ClosedRange<Duration>,
        _ field: String
    ) -> Duration {
        if let duration = Duration(message), range.contains(duration) { return duration }
        let bounds = "\(DurationText.render(range.lowerBound)) to \(DurationText.render(range.upperBound))"
        self.report(field, found: "\(message.seconds)s \(message.nanos)ns", expected: "a duration from \(bounds)")
        return range.lowerBound
    }

    // MARK: - Texts

    /// A text of at most `most` bytes without control characters.
    mutating func text(_ text: String, upTo most: Int, _ field: String) -> String {
        if text.utf8.count > most || text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            self.report(field, found: text, expected: "at most \(most) bytes without control characters")
        }
        return text
    }

    /// Letters, digits, `-`, `_` and `.`, beginning with a letter or a digit: fit for a file name.
    mutating func fileName(_ text: String, upTo most: Int, _ field: String) -> String {
        let isFit = text.utf8.allSatisfy { $0.isLetterOrDigit || [0x2D, 0x2E, 0x5F].contains($0) }
        if !(1...most).contains(text.utf8.count) || !isFit || text.utf8.first?.isLetterOrDigit != true {
            self.report(
                field,
                found: text,
                expected:
                    "1-\(most) characters of letters, digits, '-', '_' and '.', beginning with a letter or a digit"
            )
        }
        return text
    }

    mutating func absolutePath(_ text: String, _ field: String) -> String {
        if !text.hasPrefix("/") || text.utf8.count > 4096 || text.utf8.contains(0) {
            self.report(field, found: text, expected: "an absolute path of a file on the server's machine")
        }
        return text
    }

    /// 64 hexadecimal digits, made lower case; `nil` when empty.
    mutating func sha256(_ text: String, _ field: String) -> String? {
        guard !text.isEmpty else { return nil }
        let lowered = text.lowercased()
        let isHexadecimal = lowered.utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
        if lowered.utf8.count != 64 || !isHexadecimal {
            self.report(field, found: text, expected: "64 hexadecimal digits, or nothing")
        }
        return lowered
    }

    /// At most 64, each 1-63 bytes; sorted, each once.
    mutating func tags(_ tags: [String], _ field: String) -> [String] {
        if tags.count > 64 { self.report(field, found: "\(tags.count) tags", expected: "at most 64") }
        for (index, tag) in tags.enumerated() {
            let isFit = tag.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            if !(1...63).contains(tag.utf8.count) || !isFit {
                self.report("\(field)[\(index)]", found: tag, expected: "1-63 bytes without control characters")
            }
        }
        return Set(tags).sorted()
    }

    // MARK: - Names

    mutating func modelID(_ text: String, _ field: String) -> ModelID? {
        if let id = ModelID(text) { return id }
        self.report(field, found: text, expected: "a model id (\(ModelID.expectation))")
        return nil
    }

    mutating func providerID(_ text: String, _ field: String) -> ProviderID? {
        if let id = ProviderID(text) { return id }
        self.report(field, found: text, expected: "a provider's name: \(ProviderID.expectation)")
        return nil
    }

    mutating func aliasName(_ text: String, _ field: String) -> String {
        // An alias is written like a provider's name.
        if ProviderID(text) == nil || text == "auto" {
            self.report(field, found: text, expected: "an alias: \(ProviderID.expectation); not 'auto'")
        }
        return text
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }
}
