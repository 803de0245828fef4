/// Joins a continuation to the text that an interrupted attempt had sent, without saying anything twice. Pure.
///
/// A model that goes on from a begun answer mostly gives what follows and nothing else. Some servers repeat the whole
/// beginning, and some repeat its last words. So the first characters of a continuation are held until it is clear
/// which of these it is, and what was said before is left out.
struct Seam: Sendable {
    /// Fewer repeated bytes than these may be meant: "that that" is English.
    static let leastOverlap = 12
    /// How much of the sent text's end is looked at for an overlap.
    static let longestOverlap = 1024

    private let sent: [UInt8]
    private var held: [UInt8] = []
    private(set) var isClosed = false

    /// - Parameter sent: all the text that the client has.
    init(after sent: String) {
        self.sent = Array(sent.utf8)
        self.isClosed = self.sent.isEmpty
    }

    /// Takes text of the continuation.
    ///
    /// - Returns: what is new of it, as far as that is clear.
    mutating func take(_ text: String) -> String {
        guard !self.isClosed else { return text }
        self.held.append(contentsOf: text.utf8)
        guard !self.mayRepeatMore else { return "" }
        return self.close()
    }

    /// The continuation is over.
    ///
    /// - Returns: what was still held back and is new.
    mutating func finish() -> String {
        self.isClosed ? "" : self.close()
    }

    /// Whether what is held could still turn out to be a repetition longer than it is.
    private var mayRepeatMore: Bool {
        if self.held.count < self.sent.count, self.sent.starts(with: self.held) { return true }
        // An overlap that began and was not contradicted: all of what is held occurs at some place of the sent text's end.
        let tail = self.sent.suffix(Self.longestOverlap)
        var start = tail.startIndex
        while start < tail.endIndex {
            let rest = tail[start...]
            if rest.count > self.held.count, rest.starts(with: self.held) { return true }
            start = tail.index(after: start)
        }
        return false
    }

    private mutating func close() -> String {
        self.isClosed = true
        defer { self.held = [] }
        return String(decoding: self.held.dropFirst(self.repeatedCount), as: UTF8.self)
    }

    /// How many bytes at the beginning of what is held were sent before.
    private var repeatedCount: Int {
        if self.held.starts(with: self.sent) { return self.sent.count }
        let longest = min(self.held.count, self.sent.count, Self.longestOverlap)
        if longest >= Self.leastOverlap {
            for count in stride(from: longest, through: Self.leastOverlap, by: -1) {
                let overlap = self.sent.suffix(count)
                guard overlap.elementsEqual(self.held.prefix(count)) else { continue }
                // In "0, 0, 0, 0" every continuation overlaps: there it is the text itself that repeats.
                return Self.isPeriodic(overlap) ? self.repeatedSpace : count
            }
        }
        return self.repeatedSpace
    }

    /// Upstreams that take no white space at the end of a begun answer give it again.
    private var repeatedSpace: Int {
        guard let last = self.sent.last, Self.isSpace(last) else { return 0 }
        let spaces = self.sent.reversed().prefix(while: Self.isSpace).reversed()
        return self.held.starts(with: spaces) ? spaces.count : 0
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// Whether bytes are one shorter piece again and again.
    private static func isPeriodic(_ bytes: ArraySlice<UInt8>) -> Bool {
        let bytes = Array(bytes)
        // The failure function of Knuth, Morris and Pratt: the longest border tells the shortest period.
        var border = [Int](repeating: 0, count: bytes.count)
        var length = 0
        for place in bytes.indices.dropFirst() {
            while length > 0, bytes[place] != bytes[length] { length = border[length - 1] }
            if bytes[place] == bytes[length] { length += 1 }
            border[place] = length
        }
        let period = bytes.count - (border.last ?? 0)
        return period * 2 <= bytes.count
    }
}
