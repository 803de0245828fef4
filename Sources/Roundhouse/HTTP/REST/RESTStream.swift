internal import GRPCCore
internal import Hummingbird
internal import NIOCore

/// An answer of many messages, each sent as it comes: an event or a line.
///
/// The head is held until the first message is there, so that what fails before it has its own status. After it, an error is
/// the last event or line, and the connection is closed without the body's end: nobody takes the answer for a whole one.
struct RESTStream: Sendable {
    let caller: RESTCaller
    let answer: LoopbackAnswer
    let type: ProtoMessage
    let line: ClientLine
    let form: RESTForm
    let fields: HTTPFields

    private enum End: Sendable {
        case whole
        /// Before the first message: the head says so, and this is the body.
        case refused(RESTError)
        case cut
    }

    /// Thrown to have the connection closed.
    struct Cut: Error {}

    var response: Response {
        self.line.hold()
        return Response(
            status: .ok,
            body: ResponseBody { writer in
                let end = try await self.line.whileThere {
                    defer { self.answer.cancel() }
                    return try await self.run()
                }
                switch end {
                case .whole: try await writer.finish(nil)
                case .refused(let error): try await error.response.body.write(writer)
                case .cut: throw Cut()
                }
            })
    }

    private func run() async throws -> End {
        var isBegun = false
        while true {
            let parts = try await self.answer.next()
            if parts.isEmpty { throw CancellationError() }
            var chunk = ByteBuffer()
            var end: (status: Status, metadata: Metadata)?
            for part in parts {
                switch part {
                case .metadata: break
                case .message(let message): try self.write(message, into: &chunk)
                case .status(let status, let metadata): end = (status, metadata)
                }
            }
            if !isBegun, chunk.readableBytes > 0 || end?.status.code == .ok {
                isBegun = true
                self.begin()
            }
            guard let end else {
                if chunk.readableBytes > 0 {
                    try await self.line.write(chunk, patience: self.caller.settings.slowReaderLimit)
                }
                continue
            }
            if end.status.code == .ok {
                if chunk.readableBytes > 0 { try await self.line.writeLast(chunk) }
                return .whole
            }
            let error = RESTError(end.status, end.metadata, self.caller.pool)
            if !isBegun, try await self.line.refuse(error.status, error.response.headers) { return .refused(error) }
            self.write(error, into: &chunk)
            await self.line.writeBeforeClosing(chunk, patience: self.caller.settings.slowReaderLimit)
            return .cut
        }
    }

    private func begin() {
        var fields = self.fields
        switch self.form {
        case .events:
            fields[.contentType] = "text/event-stream; charset=utf-8"
            // Or nginx keeps events back until its buffer is full.
            fields[.buffering] = "no"
            self.line.beginStream(fields, keepAlive: self.caller.settings.keepAliveInterval)
        case .lines, .json:
            fields[.contentType] = "application/x-ndjson"
            fields[.buffering] = "no"
            self.line.beginLines(fields)
        }
    }

    private func write(_ message: [UInt8], into chunk: inout ByteBuffer) throws {
        let text = try ProtoJSON.text(of: message, self.type, self.caller.pool)
        if self.form == .events { chunk.writeStaticString("data: ") }
        chunk.writeBytes(text)
        chunk.writeString(self.form == .events ? "\n\n" : "\n")
    }

    private func write(_ error: RESTError, into chunk: inout ByteBuffer) {
        if self.form == .events { chunk.writeStaticString("event: error\ndata: ") }
        chunk.writeBytes(error.text)
        chunk.writeString(self.form == .events ? "\n\n" : "\n")
    }
}
