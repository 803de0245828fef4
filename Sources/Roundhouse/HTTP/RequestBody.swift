internal import Hummingbird
internal import NIOCore
internal import Synchronization

/// How much of a request's body is taken, and how long it may take to come.
struct BodyLimits: Sendable, Hashable {
    /// The most, in bytes.
    var bytes: Int
    /// From when it is first waited for. A client that stops sending altogether meets the connection's idle timeout, which
    /// may be shorter.
    var time: Duration
}

/// Whether a request's body was taken to its end. What is left of it would otherwise be read to find the next request,
/// however much that is.
final class BodyReading: Sendable {
    private let state = Atomic(false)

    var isWhole: Bool { self.state.load(ordering: .relaxed) }
    fileprivate func end() { self.state.store(true, ordering: .relaxed) }
}

extension Request {
    /// The body to its end.
    ///
    /// Never more than the limit is kept, and one that is declared to be longer is refused before any of it is read. A client
    /// that waits to be asked for it (`Expect: 100-continue`) is asked. Call it once.
    ///
    /// - Throws: ``HTTPProblem``: 413 for one that is too long, 408 for one that takes too long, 400 for one that is cut or
    ///   broken. The connection is closed after these.
    func wholeBody(_ context: HTTPContext, within limits: BodyLimits) async throws(HTTPProblem) -> ByteBuffer {
        let declared = self.headers[.contentLength].flatMap { Int($0) }
        if let declared, declared > limits.bytes { throw .bodyTooLarge(limits) }
        guard declared.map({ $0 > 0 }) ?? (self.headers[.transferEncoding] != nil) else {
            context.bodyReading.end()
            return ByteBuffer()
        }
        let wait = BodyWait(context.channel)
        defer { wait.end() }
        if self.isWaitingToBeAsked {
            context.askForBody()
            wait.begin(limits.time)
        }
        do {
            var parts = self.body.makeAsyncIterator()
            // Most come in one piece together with the head: no timer is set for these, and nothing is copied.
            guard var whole = try await parts.next() else { throw HTTPProblem.bodyCut(wait, limits) }
            if whole.readableBytes != declared {
                wait.begin(limits.time)
                while let part = try await parts.next() {
                    guard part.readableBytes <= limits.bytes - whole.readableBytes else {
                        throw HTTPProblem.bodyTooLarge(limits)
                    }
                    whole.writeImmutableBuffer(part)
                    if whole.readableBytes == declared { break }
                }
                // An end without an error is what a closed connection looks like, too.
                if wait.isOver || (declared.map { $0 != whole.readableBytes } ?? false) {
                    throw HTTPProblem.bodyCut(wait, limits)
                }
            }
            guard whole.readableBytes <= limits.bytes else { throw HTTPProblem.bodyTooLarge(limits) }
            context.bodyReading.end()
            return whole
        } catch let problem as HTTPProblem {
            throw problem
        } catch {
            throw .bodyCut(wait, limits)
        }
    }

    private var isWaitingToBeAsked: Bool {
        self.headers[.expect]?.lowercased() == "100-continue"
    }

    /// Refuses a body that is not declared to be JSON. Pages of other origins can have browsers send any other kind without
    /// asking us first.
    ///
    /// - Throws: ``HTTPProblem`` with 415.
    func requireJSON() throws(HTTPProblem) {
        let declared = self.headers[.contentType] ?? ""
        let type = (declared.firstIndex(of: ";").map { declared[..<$0] } ?? declared[...])
            .drop { $0 == " " }.lowercased()
        let bare = type.last == " " ? String(type.prefix { $0 != " " }) : type
        guard bare == "application/json" || (bare.hasPrefix("application/") && bare.hasSuffix("+json")) else {
            throw HTTPProblem(
                status: .unsupportedMediaType,
                message: declared.isEmpty
                    ? "the body's type is not said; send 'Content-Type: application/json'"
                    : "a body of '\(declared.prefix(100))' is not read here; send 'Content-Type: application/json'")
        }
    }
}

extension HTTPProblem {
    fileprivate static func bodyTooLarge(_ limits: BodyLimits) -> HTTPProblem {
        HTTPProblem(
            status: .contentTooLarge,
            message: "the body is too large; \(limits.bytes) bytes are the most (http.max_body_bytes)")
    }

    fileprivate static func bodyCut(_ wait: BodyWait, _ limits: BodyLimits) -> HTTPProblem {
        guard wait.isOver else {
            return HTTPProblem(status: .badRequest, message: "the body ends before its end, or its chunks are broken")
        }
        return HTTPProblem(
            status: .requestTimeout,
            message:
                "the body did not come within \(DurationText.render(limits.time)) (http.body_timeout); send it faster")
    }
}

/// Ends the wait for a body after a time.
private final class BodyWait: Sendable {
    private let channel: any Channel
    private let timer = Mutex<Scheduled<Void>?>(nil)
    private let hasEnded = Atomic(false)

    init(_ channel: any Channel) {
        self.channel = channel
    }

    var isOver: Bool { self.hasEnded.load(ordering: .acquiring) }

    /// Does nothing when it has begun already.
    func begin(_ time: Duration) {
        self.timer.withLock { timer in
            guard timer == nil else { return }
            timer = self.channel.eventLoop.scheduleTask(in: TimeAmount(time)) {
                self.hasEnded.store(true, ordering: .releasing)
                // Whoever waits for more is told that there is none; the answer can still be written.
                self.channel.close(mode: .input, promise: nil)
            }
        }
    }

    func end() {
        self.timer.withLock { timer in
            timer?.cancel()
            timer = nil
        }
    }
}

extension HTTPContext {
    /// Tells the client to go on with its body (RFC 9110 §10.1.1).
    fileprivate func askForBody() {
        let channel = self.channel
        channel.eventLoop.execute {
            // What is said is no answer: it goes past whoever keeps count of these.
            try? channel.pipeline.syncOperations.addHandler(InterimAnswer(), position: .first)
        }
    }
}

/// Writes `100 Continue` next to the network and leaves.
private final class InterimAnswer: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    func handlerAdded(context: ChannelHandlerContext) {
        let text = ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")
        context.writeAndFlush(self.wrapOutboundOut(.byteBuffer(text)), promise: nil)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}
