import FoundationEssentials
package import Inference

/// Hands on the head and then the bytes of a file, and sees to it that they are all there.
package struct DownloadDecoder: ResponseDecoder {
    package enum Element: Sendable {
        /// Once, first.
        case head(HTTPResponseHead)
        case bytes([UInt8])
    }

    /// What was asked for.
    private let offset: Int64
    private let secret: Secret?
    private var collected: CollectedBody
    private var head: HTTPResponseHead?
    private var isHeadTold = false
    /// Bytes that are still to come; `nil` when the server did not say how many.
    private var remaining: Int64?
    package private(set) var isFinished = false
    package var isWaitingForDetails: Bool { false }

    /// - Parameter offset: of the range that was asked for.
    init(offset: Int64, secret: Secret?) {
        self.offset = offset
        self.secret = secret
        self.collected = CollectedBody(secret: secret, maximumBytes: CollectedBody.maximumFailureBytes)
    }

    package mutating func receive(_ head: HTTPResponseHead) throws(UpstreamFault) -> Bool {
        _ = self.collected.receive(head)
        switch head.status {
        case 200:
            try Self.checkEncoding(head)
            self.remaining = head.contentLength.map { Int64($0) }
        case 206: self.remaining = try self.checkRange(head)
        case 300..<400, 416: break
        case 201..<300:
            throw UpstreamFault(.malformed, "expected a file, got HTTP \(head.status)", httpStatus: head.status)
        default: return false
        }
        self.head = head
        return true
    }

    package mutating func receive(_ body: Span<UInt8>, into elements: inout [Element]) throws(UpstreamFault) {
        guard let head = self.head else { return try self.collected.append(body) }
        self.tellHead(into: &elements)
        // The text of a redirect is for people without one.
        guard head.status < 300, !body.isEmpty else { return }
        if let remaining = self.remaining {
            guard body.count <= remaining else {
                throw UpstreamFault(.malformed, "the file is longer than the server said", httpStatus: head.status)
            }
            self.remaining = remaining - Int64(body.count)
        }
        var bytes: [UInt8] = []
        bytes.append(body)
        elements.append(.bytes(bytes))
    }

    package mutating func end(_ end: ResponseEnd, into elements: inout [Element]) throws(UpstreamFault) {
        guard let head = self.head else {
            if case .fault(let fault) = end, self.collected.head.status == 0 { throw fault }
            throw self.collected.fault()
        }
        self.tellHead(into: &elements)
        guard head.status < 300 else {
            self.isFinished = true
            return
        }
        if case .fault(let fault) = end { throw fault }
        guard end == .complete, self.remaining ?? 0 == 0 else {
            throw UpstreamFault(
                .truncated,
                self.remaining.map { "the connection closed \($0) bytes before the end of the file" }
                    ?? "the connection closed in the middle of the file")
        }
        self.isFinished = true
    }

    private mutating func tellHead(into elements: inout [Element]) {
        guard !self.isHeadTold, let head = self.head else { return }
        self.isHeadTold = true
        elements.append(.head(head))
    }

    private func checkRange(_ head: HTTPResponseHead) throws(UpstreamFault) -> Int64 {
        try Self.checkEncoding(head)
        let said = head.contentRange ?? "nothing"
        guard let range = head.contentRange.flatMap({ ContentRange($0) }), let bytes = range.bytes,
            bytes.lowerBound == self.offset, range.total.map({ bytes.upperBound == $0 - 1 }) ?? true
        else {
            throw UpstreamFault(
                .malformed,
                "content-range: expected the bytes from \(self.offset) to the end, got: \(said.prefix(80))",
                httpStatus: head.status)
        }
        let count = bytes.upperBound - bytes.lowerBound + 1
        guard head.contentLength.map({ Int64($0) == count }) ?? true else {
            throw UpstreamFault(
                .malformed, "content-length and content-range differ: \(head.contentLength ?? 0) and \(count)",
                httpStatus: head.status)
        }
        return count
    }

    private static func checkEncoding(_ head: HTTPResponseHead) throws(UpstreamFault) {
        guard let encoding = head.contentEncoding, encoding.lowercased() != "identity" else { return }
        throw UpstreamFault(
            .malformed, "content-encoding: expected none, got: \(encoding.prefix(80))", httpStatus: head.status)
    }
}
