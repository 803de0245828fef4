// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Names of the wire format.

internal import FoundationEssentials

/// `logprobs` as `/v1/completions` has them: columns, where chat has a row for each token.
struct LegacyLogprobs: Encodable {
    private struct Row: Decodable {
        struct Alternative: Decodable {
            var token: String
            var logprob: Double
        }
        var token: String
        var logprob: Double
        var top_logprobs: [Alternative]?
    }

    private var tokens: [String] = []
    private var token_logprobs: [Double] = []
    private var top_logprobs: [[String: Double]] = []
    private var text_offset: [Int] = []

    /// - Parameter entries: rows, as ``InferenceEvent/logprobs(_:)`` has them.
    /// - Returns: `nil` when they are not what they should be.
    init?(_ entries: String) {
        guard let rows = try? JSONDecoder().decode([Row].self, from: Data("[\(entries)]".utf8)) else { return nil }
        var offset = 0
        for row in rows {
            self.tokens.append(row.token)
            self.token_logprobs.append(row.logprob)
            let alternatives = (row.top_logprobs ?? []).map { ($0.token, $0.logprob) }
            self.top_logprobs.append(Dictionary(alternatives) { first, _ in first })
            self.text_offset.append(offset)
            offset += row.token.unicodeScalars.count
        }
    }

    var json: String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) }
    }
}
