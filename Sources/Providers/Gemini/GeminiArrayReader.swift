import Inference

/// Takes the bytes of a JSON array in any portions and gives its elements, each as text, as they become complete.
///
/// What `streamGenerateContent` answers where `alt=sse` was lost on the way. It looks at brackets and strings only:
/// whether an element is JSON is for its parser to say.
struct GeminiArrayReader: Sendable {
    /// Called with one element, valid during the call.
    typealias Delivery = (Span<UInt8>) throws(UpstreamFault) -> Void

    private enum Place: Sendable {
        case beforeArray, between, inElement, afterArray
    }

    private let maximumElementBytes: Int
    private var place = Place.beforeArray
    /// Brackets that are open inside the element.
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// The beginning of an element whose end has not arrived.
    private var held: [UInt8] = []

    init(maximumElementBytes: Int) {
        self.maximumElementBytes = maximumElementBytes
    }

    /// The closing bracket has come.
    var isComplete: Bool { self.place == .afterArray }

    /// What follows the array is not looked at.
    ///
    /// - Throws: ``UpstreamFault/Kind/malformed`` for what is no array and for an element over the limit, and whatever
    ///   `deliver` throws.
    mutating func read(_ bytes: Span<UInt8>, _ deliver: Delivery) throws(UpstreamFault) {
        // Where the element under way begins in this portion.
        var start = 0
        for place in bytes.indices {
            let byte = bytes[place]
            switch self.place {
            case .inElement:
                let isOver = self.advance(byte)
                guard isOver else { continue }
                // A bare value ends before the comma or the bracket, an object with its own bracket.
                let end = byte == UInt8(ascii: ",") || self.depth < 0 ? place : place + 1
                try self.deliver(bytes.extracting(start..<end), deliver)
                guard self.depth >= 0 else {
                    self.place = .afterArray
                    return
                }
                self.place = .between
            case .between:
                if Self.isSpace(byte) || byte == UInt8(ascii: ",") { continue }
                if byte == UInt8(ascii: "]") {
                    self.place = .afterArray
                    return
                }
                self.place = .inElement
                self.depth = 0
                start = place
                _ = self.advance(byte)
            case .beforeArray where byte == UInt8(ascii: "["): self.place = .between
            case .afterArray: return
            case .beforeArray:
                guard Self.isSpace(byte) else {
                    throw UpstreamFault(.malformed, "expected one JSON array, got: \(bytes.excerpt)")
                }
            }
        }
        if self.place == .inElement { try self.hold(bytes.extracting(start..<bytes.count)) }
    }

    /// Looks at a byte of an element.
    ///
    /// - Returns: whether the element is over, with this byte or before it.
    private mutating func advance(_ byte: UInt8) -> Bool {
        if self.isInString {
            if self.isEscaped {
                self.isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                self.isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                self.isInString = false
            }
            return false
        }
        switch byte {
        case UInt8(ascii: "\""): self.isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): self.depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            self.depth -= 1
            return self.depth <= 0
        case UInt8(ascii: ","): return self.depth == 0
        default: break
        }
        return false
    }

    private mutating func deliver(_ end: Span<UInt8>, _ deliver: Delivery) throws(UpstreamFault) {
        guard !self.held.isEmpty else {
            try self.checkSize(end.count)
            return try deliver(end)
        }
        try self.hold(end)
        var whole: [UInt8] = []
        swap(&whole, &self.held)
        try deliver(whole.span)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &self.held)
    }

    private mutating func hold(_ bytes: Span<UInt8>) throws(UpstreamFault) {
        try self.checkSize(self.held.count + bytes.count)
        self.held.append(bytes)
    }

    private func checkSize(_ count: Int) throws(UpstreamFault) {
        guard count <= self.maximumElementBytes else {
            throw UpstreamFault(
                .malformed, "an event of the stream has more than \(self.maximumElementBytes) bytes")
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }
}
