package import NIOCore
import NIOHTTP2
import NIOPosix

/// The sibling of ``FaultUpstream`` for HTTP/2: a server on a loopback port of its own that answers as a test tells it,
/// frame by frame, each stream by a script of its own.
///
/// What came in, which streams a client reset, and which connections it closed is kept, and can be waited for.
package final class HTTP2Upstream: Sendable {
    /// A request as it came in.
    package struct Request: Sendable {
        package let method: String
        package let path: String
        /// Pseudo fields included.
        package let headers: [String: String]
        package let body: [UInt8]
        /// Which connection brought it, from 0 in the order of opening.
        package let connection: Int
        /// Its stream: 1, 3, 5…
        package let stream: Int

        package var text: String { String(decoding: self.body, as: UTF8.self) }
    }

    /// A stream that the client gave up.
    package struct Reset: Sendable {
        package let connection: Int
        package let stream: Int
        /// RFC 9113 §7: 8 is CANCEL.
        package let code: Int
        package let time: ContinuousClock.Instant
    }

    /// One thing that is done on a stream.
    package enum Step: Sendable {
        /// The head of the answer, or one of its interim responses.
        case head(status: Int, fields: [(String, String)], isEnd: Bool)
        case data([UInt8], isEnd: Bool)
        case trailers([(String, String)])
        /// Sends these bytes so many times, as fast as they are taken.
        case flood([UInt8], times: Int)
        case reset(code: Int)
        /// On the connection: no more streams are taken, and none above `last` was looked at; `nil`: all were.
        case goAway(last: Int?, code: Int = 0)
        /// Goes on when the gate is opened.
        case wait(Gate)
        case delay(Duration)
        /// Closes the connection without a word.
        case close
    }

    package typealias Script = @Sendable (Request) -> [Step]

    /// What the server says of itself.
    package struct Settings: Sendable {
        /// Streams at once on a connection.
        package var maximumStreams = 100
        /// Bytes of a request that may come before more is asked for.
        package var window = 65_535

        package init() {}
    }

    /// Requests in the order in which they were complete.
    package let requests = Recorder<Request>()
    package let resets = Recorder<Reset>()
    package let connections = Recorder<Int>()
    package let closures = Recorder<FaultUpstream.Closure>()
    /// Bytes of bodies that the network has taken from us.
    package let bytesSent = Counter()
    /// Pings that clients sent.
    package let pings = Counter()

    let settings: Settings
    private let script: Script
    package let port: Int

    /// The address for a provider's configuration.
    package var baseURL: String { "https://127.0.0.1:\(self.port)/v1" }

    private init(port: Int, settings: Settings, script: @escaping Script) {
        self.port = port
        self.settings = settings
        self.script = script
    }

    /// Serves until `body` returns.
    ///
    /// - Parameter prepare: called for every connection before it is read, to put TLS in front.
    package static func run<Result>(
        _ settings: Settings = Settings(),
        prepare: @escaping @Sendable (any Channel) throws -> Void,
        script: @escaping Script,
        _ body: (HTTP2Upstream) async throws -> Result
    ) async throws -> Result {
        let group = MultiThreadedEventLoopGroup.singleton
        // Connections wait for this: they need the upstream, which needs the listener's port.
        let made = group.next().makePromise(of: HTTP2Upstream.self)
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                made.futureResult.hop(to: channel.eventLoop).flatMapThrowing { upstream in
                    try prepare(channel)
                    let connection = ScriptedFrames(upstream: upstream, number: upstream.connections.append { $0 })
                    try channel.pipeline.syncOperations.addHandlers([connection.codec(), connection])
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .flatMapErrorThrowing { error in
                made.fail(error)
                throw error
            }
            .get()
        let upstream = HTTP2Upstream(port: listener.localAddress?.port ?? 0, settings: settings, script: script)
        made.succeed(upstream)
        do {
            let result = try await body(upstream)
            try await listener.close()
            return result
        } catch {
            try? await listener.close()
            throw error
        }
    }

    func steps(for request: Request) -> [Step] {
        _ = self.requests.append { _ in request }
        return self.script(request)
    }
}

extension [HTTP2Upstream.Step] {
    /// A whole answer.
    package static func whole(
        _ body: String, status: Int = 200, type: String = "application/json", fields: [(String, String)] = []
    ) -> [HTTP2Upstream.Step] {
        let own = [("content-type", type), ("content-length", "\(body.utf8.count)")]
        return [.head(status: status, fields: own + fields, isEnd: false), .data([UInt8](body.utf8), isEnd: true)]
    }

    /// The head of a stream of events.
    package static var streamHead: [HTTP2Upstream.Step] {
        [.head(status: 200, fields: [("content-type", "text/event-stream")], isEnd: false)]
    }

    /// Events, each in a frame of its own.
    package static func events(_ events: [String]) -> [HTTP2Upstream.Step] {
        events.map { .data([UInt8]("data: \($0)\n\n".utf8), isEnd: false) }
    }

    package static var end: [HTTP2Upstream.Step] { [.data([], isEnd: true)] }

    /// A whole stream, `[DONE]` and the end after its events.
    package static func stream(_ events: [String]) -> [HTTP2Upstream.Step] {
        Self.streamHead + Self.events(events + ["[DONE]"]) + Self.end
    }
}
