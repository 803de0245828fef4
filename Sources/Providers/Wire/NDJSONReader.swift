package import Inference

/// Takes the bytes of newline-delimited JSON (`application/x-ndjson`) in any portions and gives its lines.
///
/// Lines end with LF or CRLF; lines of nothing but white space are skipped; the portions may split anything anywhere,
/// also a character. The last line may lack its end: it is delivered when ``finish(_:)`` is called, and whether the
/// stream may end there is for the decoder of the lines to judge.
///
/// A line that lies in one portion is handed on without a copy.
package struct NDJSONReader: Sendable {
    /// Called with a line without its end and without white space around it, valid during the call.
    package typealias Delivery = (_ line: Span<UInt8>) throws(UpstreamFault) -> Void

    /// The most bytes of one line.
    package let maximumLineBytes: Int

    /// The beginning of a line whose end has not arrived.
    private var line: [UInt8] = []

    /// - Parameter maximumLineBytes: more than this in one line is a fault. 1 MiB unless told.
    package init(maximumLineBytes: Int = 1 << 20) {
        self.maximumLineBytes = maximumLineBytes
    }

    /// Takes the next portion and delivers the lines that it completes.
    ///
    /// - Throws: ``UpstreamFault/Kind/malformed`` for a line over the limit, and whatever `deliver` throws.
    package mutating func read(_ bytes: Span<UInt8>, _ deliver: Delivery) throws(UpstreamFault) {
        var start = 0
        while start < bytes.count {
            let end = bytes.firstIndex(of: 0x0A, from: start)
            let piece = bytes.extracting(start..<end)
            try self.checkSize(piece.count)
            guard end < bytes.count else { return self.line.append(piece) }
            if self.line.isEmpty {
                try Self.deliver(piece, deliver)
            } else {
                self.line.append(piece)
                try self.deliverCarriedLine(deliver)
            }
            start = end + 1
        }
    }

    /// The portions are over: delivers a line that lacks its end.
    package mutating func finish(_ deliver: Delivery) throws(UpstreamFault) {
        try self.deliverCarriedLine(deliver)
    }

    /// A line that was put together from several portions.
    private mutating func deliverCarriedLine(_ deliver: Delivery) throws(UpstreamFault) {
        var whole: [UInt8] = []
        swap(&whole, &self.line)
        try Self.deliver(whole.span, deliver)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &self.line)
    }

    private static func deliver(_ line: Span<UInt8>, _ deliver: Delivery) throws(UpstreamFault) {
        var lower = 0
        var upper = line.count
        while lower < upper, Self.isSpace(line[upper - 1]) { upper -= 1 }
        while lower < upper, Self.isSpace(line[lower]) { lower += 1 }
        if lower < upper { try deliver(line.extracting(lower..<upper)) }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    private func checkSize(_ more: Int) throws(UpstreamFault) {
        guard self.line.count + more <= self.maximumLineBytes else {
            throw UpstreamFault(.malformed, "a line of the stream has more than \(self.maximumLineBytes) bytes")
        }
    }
}
