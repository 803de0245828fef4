extension FaultUpstream {
    /// One thing that a ``FaultUpstream`` does.
    package enum Step: Sendable {
        /// Sends these bytes as they are.
        case send([UInt8])
        /// Sends these bytes so many times, as fast as they are taken; for ever without a number.
        case flood([UInt8], times: Int?)
        /// Goes on when the gate is opened.
        case wait(Gate)
        case delay(Duration)
        /// Closes the connection in an orderly way.
        case close
        /// Closes it with a reset.
        case reset

        package static func send(_ text: String) -> Step { .send(Array(text.utf8)) }
    }
}

extension [FaultUpstream.Step] {
    /// A whole answer.
    package static func whole(
        _ body: String, status: String = "200 OK", type: String = "application/json", headers: [String] = []
    ) -> [FaultUpstream.Step] {
        let fields = ["content-type: \(type)", "content-length: \(body.utf8.count)"] + headers
        return [.send("HTTP/1.1 \(status)\r\n\(fields.map { $0 + "\r\n" }.joined())\r\n\(body)")]
    }

    /// The head of a stream with a chunked body.
    package static func streamHead(headers: [String] = []) -> [FaultUpstream.Step] {
        let fields = ["content-type: text/event-stream", "transfer-encoding: chunked"] + headers
        return [.send("HTTP/1.1 200 OK\r\n\(fields.map { $0 + "\r\n" }.joined())\r\n")]
    }

    /// One piece of a chunked body.
    package static func chunk(_ text: String) -> [FaultUpstream.Step] {
        [.send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")]
    }

    /// The end of a chunked body.
    package static var lastChunk: [FaultUpstream.Step] { [.send("0\r\n\r\n")] }

    /// The same bytes in one write; only for steps that send.
    package var inOneWrite: [FaultUpstream.Step] {
        var bytes: [UInt8] = []
        for case .send(let portion) in self { bytes += portion }
        return [.send(bytes)]
    }

    /// A whole stream: each event in a chunk of its own, `data: ` put before it, `[DONE]` after them.
    package static func stream(_ events: [String], done: Bool = true) -> [FaultUpstream.Step] {
        var steps = Self.streamHead()
        for event in events + (done ? ["[DONE]"] : []) { steps += Self.chunk("data: \(event)\n\n") }
        return steps + Self.lastChunk
    }
}
