/// The key-value pairs of a GGUF header that tell about a model, by key.
///
/// Everything small is kept, since the keys that matter begin with an architecture that may come after them; of
/// vocabularies only the size is.
struct GGUFMetadata {
    private(set) var texts: [String: String] = [:]
    /// Whole numbers and flags; several where the file has an array.
    private(set) var numbers: [String: [Int]] = [:]
    private(set) var vocabularySize: Int?
    private(set) var template: String?

    /// A model has a number for each layer at most; longer arrays are about the vocabulary.
    private static let longestArray: UInt64 = 4096

    mutating func readPair(_ cursor: inout GGUFCursor) throws(GGUFCursor.Stop) {
        let key = try cursor.text()
        let type = try cursor.valueType()
        switch type {
        case .string where key == "tokenizer.chat_template":
            self.template = try cursor.text()
        case .string where key.hasPrefix("general.") && key.utf8.count < 64:
            self.texts[key] = try cursor.text()
        case .array:
            try self.readArray(key, &cursor)
        default:
            if let number = try cursor.number(type) { self.numbers[key] = [number] }
        }
    }

    private mutating func readArray(_ key: String, _ cursor: inout GGUFCursor) throws(GGUFCursor.Stop) {
        let (type, count) = try cursor.arrayHead()
        if key == "tokenizer.ggml.tokens" { self.vocabularySize = Int(count) }
        guard type.size != nil, count <= Self.longestArray, !key.hasPrefix("tokenizer.") else {
            return try cursor.skipElements(type, count, depth: 1)
        }
        var values: [Int] = []
        for _ in 0..<count {
            if let number = try cursor.number(type) { values.append(number) }
        }
        if !values.isEmpty { self.numbers[key] = values }
    }

    /// A single number that is no less than 0.
    func number(_ key: String) -> Int? {
        self.numbers[key]?.first.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// Numbers that stand for layers. A negative one would be damage: none are taken then.
    func perLayer(_ key: String) -> [Int] {
        let values = self.numbers[key] ?? []
        return values.allSatisfy { (0...1 << 32).contains($0) } ? values : []
    }

    /// Whether the chat template holds one of `words`.
    func templateHolds(_ words: [String]) -> Bool {
        guard let template else { return false }
        return words.contains { template.contains($0) }
    }
}
