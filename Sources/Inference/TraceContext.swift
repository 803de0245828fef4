/// Where in a trace a request belongs (W3C Trace Context): the trace, the span above, and what other vendors say of it.
///
/// Read from a caller's headers, told to upstreams, and kept with the request's record, so that one request can be followed
/// through every service that it passes.
public struct TraceContext: Sendable, Hashable {
    public var traceID: TraceID
    /// The span that what follows is a child of.
    public var spanID: SpanID
    /// Whether the caller may have recorded its span, and so whether it is worth recording ours.
    public var isSampled: Bool
    /// `tracestate` as it is passed on; `nil`: there is none.
    public var state: TraceState?

    public init(traceID: TraceID, spanID: SpanID, isSampled: Bool, state: TraceState? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.state = state
    }

    /// Reads the headers of a request.
    ///
    /// - Parameters:
    ///   - traceparent: of which there must be exactly one.
    ///   - tracestate: in their order; they count as one list. What cannot be understood of it costs the state, never the
    ///     trace.
    /// - Returns: `nil` when there is no trace or it is malformed: then one begins here.
    public init?(traceparent: some Sequence<String>, tracestate: some Sequence<String>) {
        var parents = traceparent.makeIterator()
        guard let parent = parents.next(), parents.next() == nil else { return nil }
        self.init(traceparent: parent)
        self.state = TraceState(tracestate)
    }

    /// Reads `traceparent` alone.
    ///
    /// A version that does not exist yet is read as far as this one knows it, as the specification wants.
    public init?(traceparent: String) {
        let text = traceparent.utf8.span
        guard text.count >= Self.length, let version = text.hexByte(at: 0), version != 0xFF,
            version != 0 || text.count == Self.length,
            text.count == Self.length || text[Self.length] == Self.dash,
            text[2] == Self.dash, text[35] == Self.dash, text[52] == Self.dash,
            let high = text.hexWord(at: 3), let low = text.hexWord(at: 19), let span = text.hexWord(at: 36),
            let flags = text.hexByte(at: 53), let traceID = TraceID(high: high, low: low), let spanID = SpanID(span)
        else { return nil }
        self.init(traceID: traceID, spanID: spanID, isSampled: flags & 1 != 0)
    }

    /// The header's value, in version 00. Flags that this version does not know are not passed on.
    public var traceparent: String {
        "00-\(self.traceID)-\(self.spanID)-\(self.isSampled ? "01" : "00")"
    }

    /// Of version 00, in bytes.
    private static let length = 55
    private static let dash = UInt8(ascii: "-")
}

/// 16 bytes, not all 0.
public struct TraceID: Sendable, Hashable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    /// - Returns: `nil` when both are 0.
    public init?(high: UInt64, low: UInt64) {
        guard high != 0 || low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    /// Reads 32 digits, as ``description`` writes them.
    public init?(_ text: String) {
        let digits = text.utf8.span
        guard digits.count == 32, let high = digits.hexWord(at: 0), let low = digits.hexWord(at: 16) else { return nil }
        self.init(high: high, low: low)
    }

    /// 32 hexadecimal digits in lower case.
    public var description: String { self.high.hexDigits + self.low.hexDigits }
}

/// 8 bytes, not all 0.
public struct SpanID: Sendable, Hashable, CustomStringConvertible {
    public let value: UInt64

    /// - Returns: `nil` for 0.
    public init?(_ value: UInt64) {
        guard value != 0 else { return nil }
        self.value = value
    }

    /// 16 hexadecimal digits in lower case.
    public var description: String { self.value.hexDigits }
}

extension Span<UInt8> {
    /// Two hexadecimal digits in lower case; nothing else is allowed in these headers.
    fileprivate func hexByte(at start: Int) -> UInt8? {
        guard let high = Self.digit(self[start]), let low = Self.digit(self[start + 1]) else { return nil }
        return high << 4 | low
    }

    fileprivate func hexWord(at start: Int) -> UInt64? {
        var word: UInt64 = 0
        for place in start..<start + 16 {
            guard let digit = Self.digit(self[place]) else { return nil }
            word = word << 4 | UInt64(digit)
        }
        return word
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

extension UInt64 {
    /// All 16 of them.
    fileprivate var hexDigits: String {
        let digits: StaticString = "0123456789abcdef"
        return unsafe String(unsafeUninitializedCapacity: 16) { buffer in
            for place in 0..<16 {
                let digit = Int(truncatingIfNeeded: self >> UInt64(60 - place * 4)) & 0xF
                unsafe buffer[place] = unsafe digits.utf8Start[digit]
            }
            return 16
        }
    }
}
