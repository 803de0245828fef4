package import NIOCore
import NIOPosix

/// An HTTP/1.1 server on a loopback port of its own that answers as a test tells it: rightly, slowly, in pieces, wrongly
/// or not at all.
///
/// A script decides what happens on each request, byte by byte. What came in, and when a client closed its connection,
/// is kept, and can be waited for.
package final class FaultUpstream: Sendable {
    /// A request as it came in.
    package struct Request: Sendable {
        package let method: String
        package let path: String
        /// Names in lower case.
        package let headers: [String: String]
        package let body: [UInt8]
        /// Which connection brought it, from 0 in the order of opening.
        package let connection: Int
        /// How many requests that connection had brought before.
        package let placeOnConnection: Int

        package var text: String { String(decoding: self.body, as: UTF8.self) }
    }

    /// A connection that ended, whoever closed it.
    package struct Closure: Sendable {
        package let connection: Int
        package let time: ContinuousClock.Instant
    }

    /// What to do with a request, step after step. After the last step the connection waits for another request.
    package typealias Script = @Sendable (Request) -> [Step]

    /// Requests in the order in which they were complete.
    package let requests = Recorder<Request>()
    /// Connections in the order in which they ended.
    package let closures = Recorder<Closure>()
    /// Connections in the order in which they were opened.
    package let connections = Recorder<Int>()
    /// Bytes that the network has taken from us.
    package let bytesSent = Counter()

    private let script: Script
    private let keepsRequests: Bool
    private let listener: any Channel

    /// The port that it listens on.
    package let port: Int

    /// The address for a provider's configuration.
    package var baseURL: String { "http://127.0.0.1:\(self.port)/v1" }

    private init(listener: any Channel, port: Int, keepsRequests: Bool, script: @escaping Script) {
        self.listener = listener
        self.port = port
        self.keepsRequests = keepsRequests
        self.script = script
    }

    /// Serves until `body` returns.
    ///
    /// - Parameters:
    ///   - group: NIO's global one unless told.
    ///   - keepsRequests: false leaves ``requests`` empty, for tests that watch the memory.
    ///   - prepare: called for every connection before it is read, to put TLS in front.
    ///   - script: what to do with each request.
    package static func run<Result>(
        on group: (any EventLoopGroup)? = nil,
        keepsRequests: Bool = true,
        prepare: @escaping @Sendable (any Channel) throws -> Void = { _ in },
        script: @escaping Script,
        _ body: (FaultUpstream) async throws -> Result
    ) async throws -> Result {
        let group = group ?? MultiThreadedEventLoopGroup.singleton
        // Connections wait for this: they need the upstream, which needs the listener's port.
        let made = group.next().makePromise(of: FaultUpstream.self)
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                made.futureResult.hop(to: channel.eventLoop).flatMapThrowing { upstream in
                    try channel.pipeline.syncOperations.addHandler(Bottom())
                    try prepare(channel)
                    let number = upstream.connections.append { $0 }
                    try channel.pipeline.syncOperations.addHandler(
                        ScriptedConnection(upstream: upstream, number: number))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .flatMapErrorThrowing { error in
                made.fail(error)
                throw error
            }
            .get()
        let upstream = FaultUpstream(
            listener: listener, port: listener.localAddress?.port ?? 0, keepsRequests: keepsRequests, script: script)
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
        if self.keepsRequests { _ = self.requests.append { _ in request } }
        return self.script(request)
    }
}
