/// What stands above the declarations of a proto file, by their place in it: its `SourceCodeInfo`.
struct ProtoComments: Sendable {
    /// A path is numbers of descriptor.proto and indexes by turns: `[4, 0, 2, 3]` is the fourth field of the first message.
    private var comments: [[Int]: String] = [:]

    init() {}

    /// - Parameter range: of a `google.protobuf.SourceCodeInfo`.
    init(at range: Range<Int>, of parent: WireReader) throws(WireReader.Malformed) {
        var reader = WireReader(parent.bytes, at: range)
        while let field = try reader.next() {
            guard field.number == 1, case .range(let location) = field.value else { continue }
            var (path, comment): ([Int], String) = ([], "")
            var parts = WireReader(parent.bytes, at: location)
            while let part = try parts.next() {
                switch (part.number, part.value) {
                case (1, .range(let packed)): path = try Self.numbers(at: packed, of: parts)
                // Above it, or else behind it.
                case (3, .range(let text)): comment = parts.string(at: text)
                case (4, .range(let text)) where comment.isEmpty: comment = parts.string(at: text)
                default: break
                }
            }
            if !comment.isEmpty { self.comments[path] = Self.trimmed(comment) }
        }
    }

    subscript(path: [Int]) -> String { self.comments[path] ?? "" }

    /// The compiler takes the slashes away and leaves the space behind them.
    private static func trimmed(_ comment: String) -> String {
        let lines = comment.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.first == " " ? line.dropFirst() : line
        }
        var text = lines.joined(separator: "\n")
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    private static func numbers(
        at range: Range<Int>, of parent: WireReader
    ) throws(WireReader.Malformed) -> [Int] {
        var (reader, numbers) = (WireReader(parent.bytes, at: range), [Int]())
        while let number = try reader.nextPacked() { numbers.append(Int(truncatingIfNeeded: number)) }
        return numbers
    }

    /// Counts declarations of each kind within one parent.
    struct Counter {
        private var counts: [Int: Int] = [:]

        /// - Returns: the step to the next one that is field `number` of its parent.
        mutating func next(_ number: Int) -> [Int] {
            defer { self.counts[number, default: 0] += 1 }
            return [number, self.counts[number, default: 0]]
        }
    }
}
