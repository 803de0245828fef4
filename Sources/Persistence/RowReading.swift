import FoundationEssentials
import GRDB
import Inference

/// A row that this version cannot make sense of: damaged, or written by a later version.
struct UnreadableRow: Error, CustomStringConvertible {
    /// Without the row's content, which may be anything.
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

extension Row {
    /// The value of a column.
    ///
    /// STRICT tables keep wrong types out, but a damaged page may hold them, and GRDB's subscripts end the process then.
    func value<Value: DatabaseValueConvertible>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
        do {
            return try self.decode(Value.self, forColumn: column)
        } catch {
            throw UnreadableRow("column '\(column)' holds no \(Value.self)")
        }
    }

    /// A column with one of the words of `type`.
    func word<Word: RawRepresentable>(
        _ column: String,
        as type: Word.Type = Word.self
    ) throws -> Word where Word.RawValue == String {
        try Stored.word(self.value(column), in: "column '\(column)'")
    }

    func modelID(_ column: String) throws -> ModelID {
        let text = try self.value(column, as: String.self)
        guard let id = ModelID(text) else { throw UnreadableRow("column '\(column)' holds no model id") }
        return id
    }
}

/// What goes into a text column and comes out of it.
enum Stored {
    /// The word that `text` is.
    static func word<Word: RawRepresentable>(
        _ text: String,
        in place: String,
        as type: Word.Type = Word.self
    ) throws -> Word where Word.RawValue == String {
        guard let word = Word(rawValue: text) else {
            throw UnreadableRow("\(place) holds '\(text.prefix(40))', which this version does not know")
        }
        return word
    }

    /// With sorted keys: equal values are equal texts.
    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A figure that came out wrong must not keep the rest from the disk.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from text: String, in place: String) throws -> Value {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return try decoder.decode(Value.self, from: Data(text.utf8))
        } catch DecodingError.keyNotFound(let key, _) {
            throw UnreadableRow("\(place) lacks '\(key.stringValue)'")
        } catch {
            throw UnreadableRow("\(place) is damaged")
        }
    }

    /// Details that carry the number of their format.
    static func details<Value: VersionedDetails>(_ type: Value.Type, from text: String) throws -> Value {
        let place = "column 'details'"
        let header = try Self.decode(FormatHeader.self, from: text, in: place)
        guard (1...Value.currentFormat).contains(header.format) else {
            throw UnreadableRow(
                "\(place) has format \(header.format), which a later version writes; this one knows up to "
                    + "\(Value.currentFormat)"
            )
        }
        return try Self.decode(Value.self, from: text, in: place)
    }

    private struct FormatHeader: Decodable {
        var format: Int
    }
}

/// The JSON part of a row. Never a type of the domain: that may change without a look at what lies on disks.
protocol VersionedDetails: Codable {
    static var currentFormat: Int { get }
    var format: Int { get }
}

extension Duration {
    /// Whole nanoseconds, which the clocks count in; the largest or smallest number when there are more than fit.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (scaled, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowsToo) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflows || overflowsToo ? (seconds < 0 ? .min : .max) : sum
    }
}
