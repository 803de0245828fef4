/// A way in which an upstream fails, or only looks as if it did.
package enum Fault: String, Sendable, CaseIterable {
    case status429 = "429"
    case status429RetryAfter = "429 with Retry-After"
    case status500 = "500"
    case status503RetryAfter = "503 with Retry-After"
    case status401 = "401"
    case status404 = "404"
    case refusal = "connection refused or reset before the headers"
    case resetAfterHeaders = "reset after the headers"
    case resetInAnswer = "reset in mid-answer"
    case silenceBeforeHeaders = "silence before the headers"
    case silenceBeforeFirstToken = "silence before the first token"
    case silenceInAnswer = "silence between tokens"
    case commentsOnly = "keep-alive comments and no token"
    case closeInAnswer = "closed in mid-answer"
    case missingTerminator = "ends without its terminator"
    case emptyAnswer = "an empty body"
    case garbageFirst = "garbage in place of the first event"
    case garbageInAnswer = "garbage between tokens"
    case wrongLength = "content-length longer than the body"
    case hugeLine = "a line of more than 1 MiB"
    case wrongEncoding = "bytes that are no UTF-8"
    case notHTTP = "no HTTP"
    case page = "an HTML page"
    case errorInside200 = "an error in a 200, before the first token"
    case errorInAnswer = "an error between tokens"
    case slowDrip = "one byte at a time, but whole"

    /// Whether the fault shows only after the first token.
    package var isAfterOutput: Bool {
        switch self {
        case .resetInAnswer, .silenceInAnswer, .closeInAnswer, .missingTerminator, .garbageInAnswer, .errorInAnswer,
            .hugeLine, .wrongEncoding:
            true
        default: false
        }
    }

    /// Whether the upstream answers rightly in the end.
    package var isHarmless: Bool { self == .slowDrip }

    /// What the upstream does, having `tokens` to say.
    ///
    /// - Parameters:
    ///   - half: the tokens that come before a fault in mid-answer.
    ///   - never: a gate that nobody opens while the fault is meant to last.
    package func steps(
        _ wire: WireSample, half: [String], rest: [String], never: Gate
    ) -> [FaultUpstream.Step] {
        let begun = self.head(wire) + self.frames(wire.opening + half.map(wire.frame))
        switch self {
        case .status429: return self.failure(wire, "429 Too Many Requests", 429)
        case .status429RetryAfter: return self.failure(wire, "429 Too Many Requests", 429, ["retry-after: 60"])
        case .status500: return self.failure(wire, "500 Internal Server Error", 500)
        case .status503RetryAfter: return self.failure(wire, "503 Service Unavailable", 503, ["retry-after: 60"])
        case .status401: return self.failure(wire, "401 Unauthorized", 401)
        case .status404: return self.failure(wire, "404 Not Found", 404)
        case .refusal: return [.reset]
        case .resetAfterHeaders: return self.head(wire) + [.reset]
        case .resetInAnswer: return begun + [.reset]
        case .silenceBeforeHeaders: return [.wait(never)]
        case .silenceBeforeFirstToken: return self.head(wire) + self.frames(wire.opening) + [.wait(never)]
        case .silenceInAnswer: return begun + [.wait(never)]
        case .commentsOnly:
            // Blank lines where the format has no comments.
            let comment = wire.streamType == "text/event-stream" ? ": waiting\n\n" : "\n"
            return self.head(wire)
                + Array(repeating: [.delay(.milliseconds(20))] + self.frames([comment]), count: 200).joined()
        case .closeInAnswer: return begun + [.close]
        case .missingTerminator: return begun + self.frames(rest.map(wire.frame)) + .lastChunk
        case .emptyAnswer: return self.head(wire) + .lastChunk
        case .garbageFirst: return self.head(wire) + self.frames([wire.garbage]) + .lastChunk
        case .garbageInAnswer:
            return begun + self.frames([wire.garbage] + rest.map(wire.frame) + wire.closing) + .lastChunk
        case .wrongLength:
            let body = wire.whole((half + rest).joined())
            return [
                .send(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count + 100)\r\n\r\n"
                        + body),
                .close,
            ]
        case .hugeLine: return begun + self.frames([wire.hugeFrame] + wire.closing) + .lastChunk
        case .wrongEncoding:
            let frame = Array(wire.frame("#").utf8).flatMap { $0 == UInt8(ascii: "#") ? [0xC3, 0x28] : [$0] }
            return begun + [.send(Self.chunk(frame))] + self.frames(wire.closing) + .lastChunk
        case .notHTTP: return [.send("SSH-2.0-OpenSSH_9.2\r\n\r\n"), .close]
        case .page: return .whole("<html>Welcome!</html>", type: "text/html")
        case .errorInside200: return self.head(wire) + self.frames(wire.opening + [wire.errorFrame]) + .lastChunk
        case .errorInAnswer: return begun + self.frames([wire.errorFrame]) + .lastChunk
        case .slowDrip:
            let bytes = wire.stream(half + rest).joined().utf8
            return self.head(wire) + bytes.map { .send(Self.chunk([$0])) } + .lastChunk
        }
    }

    /// A healthy answer, as it was asked for.
    package static func healthy(
        _ wire: WireSample, _ tokens: [String], isStreamed: Bool
    ) -> [FaultUpstream.Step] {
        guard isStreamed else { return .whole(wire.whole(tokens.joined())) }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: \(wire.streamType)\r\ntransfer-encoding: chunked\r\n\r\n"
        return [.send(head)] + wire.stream(tokens).map { .send(Self.chunk(Array($0.utf8))) } + .lastChunk
    }

    private func head(_ wire: WireSample) -> [FaultUpstream.Step] {
        [.send("HTTP/1.1 200 OK\r\ncontent-type: \(wire.streamType)\r\ntransfer-encoding: chunked\r\n\r\n")]
    }

    private func frames(_ frames: [String]) -> [FaultUpstream.Step] {
        frames.map { .send(Self.chunk(Array($0.utf8))) }
    }

    private func failure(
        _ wire: WireSample, _ status: String, _ code: Int, _ headers: [String] = []
    ) -> [FaultUpstream.Step] {
        .whole(wire.errorBody(code, "no"), status: status, headers: headers)
    }

    private static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
    }
}
