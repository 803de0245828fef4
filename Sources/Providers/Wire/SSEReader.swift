package import Inference

/// Takes the bytes of a `text/event-stream` in any portions and gives its events, after the WHATWG's rules.
///
/// Line ends are LF, CR or CRLF; comments and unknown fields are skipped; several `data` lines of an event are joined
/// with LF; a byte order mark at the start is dropped; the portions may split anything anywhere, also a character.
/// Unlike a browser it delivers an event whose final blank line is missing, when ``finish(_:)`` is called: whether the
/// stream may end there is for the decoder of the events to judge.
///
/// An event that lies in one portion is handed on without a copy.
package struct SSEReader: Sendable {
    /// Called with the event's name, `nil` for the usual unnamed one, and its data, valid during the call.
    package typealias Delivery = (_ name: String?, _ data: Span<UInt8>) throws(UpstreamFault) -> Void

    /// The most bytes of one event.
    package let maximumEventBytes: Int

    /// The beginning of a line whose end has not arrived.
    private var line: [UInt8] = []
    /// The data of the event under way, as far as it had to be copied.
    private var data: [UInt8] = []
    private var hasData = false
    private var name: String?
    private var isFirstLine = true
    /// The last byte was a CR: a LF that follows belongs to it.
    private var skipsLineFeed = false

    /// - Parameter maximumEventBytes: more than this in one event, comments included, is a fault. 1 MiB unless told.
    package init(maximumEventBytes: Int = 1 << 20) {
        self.maximumEventBytes = maximumEventBytes
    }

    /// Takes the next portion and delivers the events that it completes.
    ///
    /// - Throws: ``UpstreamFault/Kind/malformed`` for an event over the limit, and whatever `deliver` throws.
    package mutating func read(_ bytes: Span<UInt8>, _ deliver: Delivery) throws(UpstreamFault) {
        var lines = LineEnds()
        var start = 0
        // The one data line of the event under way, still in `bytes`.
        var held: Range<Int>?
        while start < bytes.count {
            if self.skipsLineFeed {
                self.skipsLineFeed = false
                if bytes[start] == 0x0A {
                    start += 1
                    continue
                }
            }
            let end = lines.next(in: bytes, from: start)
            guard end < bytes.count else { break }
            self.skipsLineFeed = bytes[end] == 0x0D
            if self.line.isEmpty, !self.isFirstLine {
                try self.take(bytes, start..<end, held: &held, deliver)
            } else {
                self.line.append(bytes.extracting(start..<end))
                try self.takeCarriedLine(deliver)
            }
            start = end + 1
        }
        if let held { self.hold(bytes.extracting(held)) }
        if start < bytes.count { self.line.append(bytes.extracting(start..<bytes.count)) }
        try self.checkSize(self.line.count)
    }

    /// The portions are over: delivers an event that lacks its blank line.
    package mutating func finish(_ deliver: Delivery) throws(UpstreamFault) {
        if !self.line.isEmpty { try self.takeCarriedLine(deliver) }
        try self.dispatch(deliver)
    }

    /// A line that was put together from several portions, or is the first.
    private mutating func takeCarriedLine(_ deliver: Delivery) throws(UpstreamFault) {
        var whole: [UInt8] = []
        swap(&whole, &self.line)
        do {
            let span = whole.span
            let start = self.isFirstLine && span.starts(with: "\u{FEFF}") ? 3 : 0
            self.isFirstLine = false
            var held: Range<Int>?
            try self.take(span, start..<span.count, held: &held, deliver)
            if let held { self.hold(span.extracting(held)) }
        }
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &self.line)
    }

    /// One line without its end.
    private mutating func take(
        _ bytes: Span<UInt8>, _ line: Range<Int>, held: inout Range<Int>?, _ deliver: Delivery
    ) throws(UpstreamFault) {
        if line.isEmpty {
            if let range = held {
                held = nil
                let name = self.name
                self.name = nil
                try deliver(name, bytes.extracting(range))
            } else {
                try self.dispatch(deliver)
            }
            return
        }
        let text = bytes.extracting(line)
        if text.starts(with: "data:") {
            let space = text.count > 5 && text[5] == 0x20 ? 1 : 0
            let value = (line.lowerBound + 5 + space)..<line.upperBound
            if held == nil, !self.hasData {
                try self.checkSize(value.count)
                held = value
                return
            }
            if let range = held {
                held = nil
                self.hold(bytes.extracting(range))
            }
            try self.checkSize(value.count)
            self.hold(bytes.extracting(value))
        } else if text.starts(with: "event:") {
            let value = text.extracting(6..<text.count)
            let trimmed = value.count > 0 && value[0] == 0x20 ? value.extracting(1..<value.count) : value
            try self.checkSize(trimmed.count)
            self.name = trimmed.isEmpty ? nil : trimmed.text
        } else if text.count == 4, text.starts(with: "data") {
            if let range = held {
                held = nil
                self.hold(bytes.extracting(range))
            }
            self.hold(bytes.extracting(line.upperBound..<line.upperBound))
        }
    }

    /// Copies a data line, behind a LF when it is not the event's first.
    private mutating func hold(_ value: Span<UInt8>) {
        if self.hasData { self.data.append(0x0A) }
        self.hasData = true
        self.data.append(value)
    }

    private mutating func dispatch(_ deliver: Delivery) throws(UpstreamFault) {
        let name = self.name
        self.name = nil
        guard self.hasData else { return }
        self.hasData = false
        var whole: [UInt8] = []
        swap(&whole, &self.data)
        try deliver(name, whole.span)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &self.data)
    }

    private func checkSize(_ more: Int) throws(UpstreamFault) {
        guard self.data.count + more <= self.maximumEventBytes else {
            throw UpstreamFault(
                .malformed, "an event of the stream has more than \(self.maximumEventBytes) bytes")
        }
    }

    /// Finds line ends in one pass for each kind, however the two mix: what was found is kept until it is passed.
    private struct LineEnds {
        private var lineFeed = -1
        private var carriageReturn = -1

        mutating func next(in bytes: Span<UInt8>, from start: Int) -> Int {
            if self.lineFeed < start { self.lineFeed = bytes.firstIndex(of: 0x0A, from: start) }
            if self.carriageReturn < start { self.carriageReturn = bytes.firstIndex(of: 0x0D, from: start) }
            return min(self.lineFeed, self.carriageReturn)
        }
    }
}

extension Span<UInt8> {
    /// Whether the data of an event that ``SSEReader/finish(_:)`` gave are the beginning of a JSON object, or of the mark
    /// `[DONE]`, whose rest never came: a cut stream and no garbage.
    var isCutEvent: Bool {
        let text = self.extracting(self.trimmedRange(0..<self.count))
        guard let first = text.isEmpty ? nil : text[0] else { return true }
        if first == UInt8(ascii: "[") { return "[DONE]".hasPrefix(text.text) }
        return first == UInt8(ascii: "{") && !JSONSyntax.isObject(text.text)
    }
}
