extension PathTemplate {
    /// Reads the grammar from left to right.
    struct Parser {
        private let text: String
        private let bytes: [UInt8]
        private var position = 0

        private(set) var segments: [Segment] = []
        private(set) var variables: [Variable] = []
        private(set) var verb: String?

        init(_ text: String) {
            self.text = text
            self.bytes = Array(text.utf8)
        }

        mutating func template() throws(Malformed) {
            guard self.take("/") else { throw self.malformed("'/'") }
            try self.segmentList(inVariable: false)
            if self.take(":") { self.verb = try self.literal() }
            guard self.position == self.bytes.count else { throw self.malformed("'/', ':' or the end") }
            // `**` may stand last alone, or nobody knows where it ends.
            if let index = self.segments.firstIndex(of: .rest), index != self.segments.count - 1 {
                throw self.malformed("'**' at the end alone")
            }
            let names = self.variables.map(\.field)
            guard Set(names).count == names.count else { throw self.malformed("each variable once") }
        }

        private mutating func segmentList(inVariable: Bool) throws(Malformed) {
            repeat {
                if self.take("*") {
                    self.segments.append(self.take("*") ? .rest : .any)
                } else if !inVariable, self.take("{") {
                    try self.variable()
                } else {
                    self.segments.append(.literal(try self.literal()))
                }
            } while self.take("/")
        }

        private mutating func variable() throws(Malformed) {
            var field = [try self.identifier()]
            while self.take(".") { field.append(try self.identifier()) }
            let first = self.segments.count
            if self.take("=") {
                try self.segmentList(inVariable: true)
            } else {
                self.segments.append(.any)
            }
            guard self.take("}") else { throw self.malformed("'}'") }
            self.variables.append(Variable(field: field, segments: first..<self.segments.count))
        }

        private mutating func identifier() throws(Malformed) -> String {
            let start = self.position
            while let byte = self.next, byte.isIdentifier { self.position += 1 }
            guard self.position > start, !self.bytes[start].isDigit else {
                self.position = start
                throw self.malformed("the name of a field")
            }
            return String(decoding: self.bytes[start..<self.position], as: UTF8.self)
        }

        private mutating func literal() throws(Malformed) -> String {
            let start = self.position
            while let byte = self.next, !Self.reserved.contains(byte) { self.position += 1 }
            let raw = String(decoding: self.bytes[start..<self.position], as: UTF8.self)
            guard !raw.isEmpty, let decoded = PercentEncoding.decode(raw) else {
                self.position = start
                throw self.malformed("a literal, '*', '**' or a variable")
            }
            return decoded
        }

        private static let reserved = Set("/:{}=*?# ".utf8)

        private var next: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard self.next == UInt8(ascii: character) else { return false }
            self.position += 1
            return true
        }

        private func malformed(_ expected: String) -> Malformed {
            Malformed(template: self.text, offset: self.position, expected: expected)
        }
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

    fileprivate var isIdentifier: Bool {
        self.isDigit || self == UInt8(ascii: "_")
            || (self | 0x20 >= UInt8(ascii: "a") && self | 0x20 <= UInt8(ascii: "z"))
    }
}
