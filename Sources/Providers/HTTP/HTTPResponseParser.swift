package import Inference

/// Reads HTTP/1.1 responses, one after another, out of bytes that arrive in any portions (RFC 9112).
///
/// It reads what our requests can be answered with and no more: no trailers are kept, no upgrade, no body compression
/// (none is asked for). Where the standard leaves a choice about framing it takes the strict one, because a connection
/// is used again after the answer: two lengths that differ, a transfer coding that is not `chunked`, or a folded header
/// are faults.
package struct HTTPResponseParser: Sendable {
    /// What the next bytes are.
    package enum Step: Sendable, Hashable {
        /// Everything was read; more must arrive.
        case needMore
        /// ``HTTPResponseParser/head`` is complete.
        case head
        /// A piece of the body, as places in the portion.
        case body(Range<Int>)
        case end
    }

    /// The most bytes of a head, of a chunk's size line and of trailers.
    package static let maximumHeadBytes = 64 * 1024

    /// The head of the response under way, complete after ``Step/head``.
    package private(set) var head = HTTPResponseHead(status: 0)
    /// Whether the connection may carry another request when this response has ended.
    package private(set) var keepsAlive = true
    /// `timeout` of a `Keep-Alive` field, in seconds.
    package private(set) var keepAliveSeconds: Int?

    private enum State: Sendable, Hashable {
        case statusLine
        case headers
        case fixedBody(remaining: Int)
        case chunkSize
        case chunkData(remaining: Int)
        case chunkEnd
        case trailers
        case bodyUntilClose
        case done
    }

    private var state = State.statusLine
    /// The beginning of a line whose end has not arrived.
    private var line: [UInt8] = []
    private var headBytes = 0
    private var isChunked = false

    package init() {}

    /// Whether no byte of a response has arrived since the last one ended.
    package var isBetweenResponses: Bool { self.state == .statusLine && self.line.isEmpty && self.headBytes == 0 }

    /// Takes one step through `bytes` from `position` on.
    ///
    /// After ``Step/end`` the parser is ready for the next response.
    ///
    /// - Throws: ``UpstreamFault/Kind/malformed``.
    package mutating func step(_ bytes: Span<UInt8>, _ position: inout Int) throws(UpstreamFault) -> Step {
        while true {
            switch self.state {
            case .statusLine, .headers, .chunkSize, .chunkEnd, .trailers:
                guard let step = try self.stepLine(bytes, &position) else { continue }
                return step
            case .fixedBody(let remaining):
                guard remaining > 0 else { return self.finish() }
                guard let range = Self.take(remaining, bytes, &position) else { return .needMore }
                self.state = .fixedBody(remaining: remaining - range.count)
                return .body(range)
            case .chunkData(let remaining):
                guard remaining > 0 else {
                    self.state = .chunkEnd
                    continue
                }
                guard let range = Self.take(remaining, bytes, &position) else { return .needMore }
                self.state = .chunkData(remaining: remaining - range.count)
                return .body(range)
            case .bodyUntilClose:
                guard let range = Self.take(.max, bytes, &position) else { return .needMore }
                return .body(range)
            case .done:
                return self.finish()
            }
        }
    }

    /// The peer closed. Whether that is this response's proper end.
    package var endsWithConnection: Bool { self.state == .bodyUntilClose }

    private mutating func finish() -> Step {
        self.state = .statusLine
        self.headBytes = 0
        return .end
    }

    private static func take(_ wanted: Int, _ bytes: Span<UInt8>, _ position: inout Int) -> Range<Int>? {
        guard position < bytes.count else { return nil }
        let start = position
        position += min(wanted, bytes.count - start)
        return start..<position
    }

    /// - Returns: `nil` when a line was taken that is no step by itself.
    private mutating func stepLine(_ bytes: Span<UInt8>, _ position: inout Int) throws(UpstreamFault) -> Step? {
        let end = bytes.firstIndex(of: 0x0A, from: position)
        self.headBytes += min(end + 1, bytes.count) - position
        guard self.headBytes <= Self.maximumHeadBytes else {
            throw UpstreamFault(.malformed, "a response head of more than \(Self.maximumHeadBytes) bytes")
        }
        guard end < bytes.count else {
            self.line.append(bytes.extracting(position..<end))
            position = end
            return .needMore
        }
        let start = position
        position = end + 1
        if self.line.isEmpty {
            return try self.takeLine(bytes.extracting(start..<end))
        }
        self.line.append(bytes.extracting(start..<end))
        var whole: [UInt8] = []
        swap(&whole, &self.line)
        return try self.takeLine(whole.span)
    }

    /// - Parameter text: a line without its LF, perhaps with its CR.
    private mutating func takeLine(_ text: Span<UInt8>) throws(UpstreamFault) -> Step? {
        let hasReturn = !text.isEmpty && text[text.count - 1] == 0x0D
        let line = text.extracting(0..<(hasReturn ? text.count - 1 : text.count))
        switch self.state {
        case .statusLine:
            // RFC 9112 §2.2: an empty line before the status line is forgiven.
            if !line.isEmpty { try self.takeStatusLine(line) }
            return nil
        case .headers:
            guard line.isEmpty else {
                try self.takeHeader(line)
                return nil
            }
            return self.finishHead()
        case .chunkSize:
            let size = try Self.chunkSize(line)
            self.headBytes = 0
            self.state = size == 0 ? .trailers : .chunkData(remaining: size)
            return nil
        case .chunkEnd:
            guard line.isEmpty else { throw UpstreamFault(.malformed, "a chunk of the body is longer than its size") }
            self.state = .chunkSize
            return nil
        case .trailers:
            if line.isEmpty { self.state = .done }
            return nil
        case .fixedBody, .chunkData, .bodyUntilClose, .done:
            return nil
        }
    }

    private mutating func takeStatusLine(_ line: Span<UInt8>) throws(UpstreamFault) {
        // HTTP/1.1 200 OK
        guard line.count >= 12, line.starts(with: "HTTP/1."), line[8] == 0x20,
            line.count == 12 || line[12] == 0x20,
            let status = Self.decimal(line.extracting(9..<12)), status >= 100
        else { throw UpstreamFault(.malformed, "expected an HTTP/1.1 status line, got: \(line.excerpt)") }
        guard status != 101 else { throw UpstreamFault(.malformed, "the upstream switched protocols unasked") }
        self.head = HTTPResponseHead(status: status)
        self.keepsAlive = line[7] != UInt8(ascii: "0")
        self.keepAliveSeconds = nil
        self.isChunked = false
        self.state = .headers
    }

    private mutating func takeHeader(_ line: Span<UInt8>) throws(UpstreamFault) {
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        guard colon > 0, colon < line.count, line[0] != 0x20, line[0] != 0x09 else {
            throw UpstreamFault(.malformed, "expected a header field, got: \(line.excerpt)")
        }
        let name = line.extracting(0..<colon)
        let value = line.extracting(line.trimmedRange((colon + 1)..<line.count))
        // The length divides the names cheaply: most fields are none of ours.
        switch colon {
        case 4 where name.equalsIgnoringCase("etag"): self.head.entityTag = value.text
        case 8 where name.equalsIgnoringCase("location"): self.head.location = value.text
        case 10 where name.equalsIgnoringCase("connection"): self.takeConnection(value)
        case 10 where name.equalsIgnoringCase("keep-alive"): self.takeKeepAlive(value)
        case 10 where name.equalsIgnoringCase("request-id"): self.head.requestID = value.text
        case 11 where name.equalsIgnoringCase("retry-after"): self.head.retryAfter = value.text
        case 12 where name.equalsIgnoringCase("content-type"): self.head.mediaType = .init(value)
        case 12 where name.equalsIgnoringCase("x-request-id"): self.head.requestID = value.text
        case 13 where name.equalsIgnoringCase("content-range"): self.head.contentRange = value.text
        case 13 where name.equalsIgnoringCase("last-modified"): self.head.lastModified = value.text
        case 14 where name.equalsIgnoringCase("content-length"): try self.takeLength(value)
        case 14 where name.equalsIgnoringCase("retry-after-ms"): self.head.retryAfterMilliseconds = value.text
        case 16 where name.equalsIgnoringCase("content-encoding"): self.head.contentEncoding = value.text
        case 17 where name.equalsIgnoringCase("transfer-encoding"):
            guard value.equalsIgnoringCase("chunked") else {
                throw UpstreamFault(.malformed, "a transfer coding that was not asked for: \(value.excerpt)")
            }
            self.isChunked = true
        default: break
        }
    }

    private mutating func takeLength(_ value: Span<UInt8>) throws(UpstreamFault) {
        guard let length = Self.decimal(value), self.head.contentLength == nil || self.head.contentLength == length
        else { throw UpstreamFault(.malformed, "content-length is not one number: \(value.excerpt)") }
        self.head.contentLength = length
    }

    private mutating func takeConnection(_ value: Span<UInt8>) {
        if value.equalsIgnoringCase("close") {
            self.keepsAlive = false
        } else if value.equalsIgnoringCase("keep-alive") {
            self.keepsAlive = true
        } else if value.text.lowercased().split(separator: ",").contains(where: { $0.contains("close") }) {
            self.keepsAlive = false
        }
    }

    private mutating func takeKeepAlive(_ value: Span<UInt8>) {
        for part in value.text.split(separator: ",") {
            let pair = part.split(separator: "=")
            guard pair.count == 2, let number = Int(pair[1].filter { $0 != " " }) else { continue }
            switch pair[0].lowercased().filter({ $0 != " " }) {
            case "timeout": self.keepAliveSeconds = number
            case "max" where number <= 0: self.keepsAlive = false
            default: break
            }
        }
    }

    private mutating func finishHead() -> Step? {
        self.headBytes = 0
        switch self.head.status {
        case 100..<200:
            self.state = .statusLine
            return nil
        case 204, 304:
            self.head.contentLength = 0
            self.state = .done
        default:
            if self.isChunked {
                // Both framings at once smell of smuggling: the coding wins, the connection is not used again.
                if self.head.contentLength != nil { self.keepsAlive = false }
                self.head.contentLength = nil
                self.state = .chunkSize
            } else if let length = self.head.contentLength {
                self.state = .fixedBody(remaining: length)
            } else {
                self.keepsAlive = false
                self.state = .bodyUntilClose
            }
        }
        return .head
    }

    private static func decimal(_ digits: Span<UInt8>) -> Int? {
        guard (1...15).contains(digits.count) else { return nil }
        var number = 0
        for place in digits.indices {
            let digit = Int(digits[place]) - 0x30
            guard (0...9).contains(digit) else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    private static func chunkSize(_ line: Span<UInt8>) throws(UpstreamFault) -> Int {
        let range = line.trimmedRange(0..<line.firstIndex(of: UInt8(ascii: ";")))
        guard (1...12).contains(range.count) else {
            throw UpstreamFault(.malformed, "expected the size of a chunk, got: \(line.excerpt)")
        }
        var size = 0
        for place in range {
            let byte = line[place]
            let digit: Int
            switch byte {
            case 0x30...0x39: digit = Int(byte) - 0x30
            case 0x41...0x46: digit = Int(byte) - 0x41 + 10
            case 0x61...0x66: digit = Int(byte) - 0x61 + 10
            default: throw UpstreamFault(.malformed, "expected the size of a chunk, got: \(line.excerpt)")
            }
            size = size << 4 | digit
        }
        return size
    }
}
