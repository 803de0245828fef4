internal import FoundationEssentials

/// A text that must be a JSON object, such as a schema. Checked before it is sent on as it is.
enum JSONObjectText {
    /// The longest, in bytes.
    static let longest = 1 << 20

    /// - Returns: what is wrong with it, in words; `nil` when it is one.
    static func problem(of text: String) -> String? {
        guard text.utf8.count <= self.longest else { return "it has \(text.utf8.count) bytes, more than 1 MiB" }
        do {
            _ = try JSONDecoder().decode([String: Anything].self, from: Data(text.utf8))
            return nil
        } catch DecodingError.typeMismatch {
            return "an object in braces is expected, got \(text.prefix(40))"
        } catch DecodingError.dataCorrupted(let context) {
            let cause = context.underlyingError.map { "\($0)" } ?? context.debugDescription
            return String(cause.prefix(160))
        } catch {
            return "an object in braces is expected, got \(text.prefix(40))"
        }
    }

    private struct Anything: Decodable {
        init(from decoder: any Decoder) {}
    }
}
