import Inference
import NIOCore
import NIOSSL
import Providers
import TestSupport
import Testing

/// An upstream behind TLS, with a certificate authority that the test makes.
@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    static func run(
        _ script: @escaping FaultUpstream.Script, _ body: (FaultUpstream, Certificates) async throws -> Void
    ) async throws {
        let certificates = try Certificates.shared.get()
        let context = try certificates.server()
        try await FaultUpstream.run(
            prepare: { try $0.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) },
            script: script,
            { try await body($0, certificates) }
        )
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func `An authority of one's own is trusted, and the connection is used again`(_ host: String) async throws {
        try await Self.run { request in
            request.text.contains("stream")
                ? .stream([Fixture.content("a"), Fixture.finish(), Fixture.usage()]).inOneWrite : .whole(Fixture.whole)
        } _: { upstream, certificates in
            let provider = try Fixture.provider("https://\(host):\(upstream.port)/v1") {
                $0.caFile = certificates.authority
            }
            for delivery in [UpstreamRequest.Delivery.whole, .streamed, .whole] {
                let events = try await provider.start(Fixture.request(delivery: delivery)).collect()
                #expect(events.last == .finished(.stop))
            }
            #expect(upstream.requests.all.map(\.connection) == [0, 0, 0])
        }
    }

    @Test func `An authority that nobody knows is not trusted`() async throws {
        try await Self.run { _ in
            .whole(Fixture.whole)
        } _: { upstream, _ in
            let provider = try Fixture.provider("https://127.0.0.1:\(upstream.port)/v1")
            let seen = await fault { _ = try await provider.start(Fixture.request()) }
            #expect(seen?.kind == .unreachable)
            #expect(seen?.message.contains("certificate is not trusted") == true, "\(seen?.message ?? "")")
            #expect(upstream.requests.all.isEmpty)
        }
    }

    /// Stands beneath TLS and, when told, hears nothing more, so that a farewell stays without an answer.
    final class Deaf: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let isDeaf: Gate

        init(isDeaf: Gate) {
            self.isDeaf = isDeaf
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if !self.isDeaf.isOpen { context.fireChannelRead(data) }
        }
    }

    @Test func `Cancelling closes the socket without waiting for the peer's farewell`() async throws {
        let certificates = try Certificates.shared.get()
        let context = try certificates.server()
        var shortest = Duration.seconds(60)
        for _ in 0..<3 {
            let isDeaf = Gate()
            try await FaultUpstream.run(
                prepare: { channel in
                    try channel.pipeline.syncOperations.addHandler(Deaf(isDeaf: isDeaf))
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                },
                script: { _ in .streamHead() + .chunk("data: \(Fixture.content("a"))\n\n") },
                { upstream in
                    let provider = try Fixture.provider("https://127.0.0.1:\(upstream.port)/v1") {
                        $0.caFile = certificates.authority
                    }
                    let stream = try await provider.start(Fixture.request())
                    _ = try await stream.next()
                    isDeaf.open()
                    let began = ContinuousClock.now
                    stream.cancel()
                    shortest = min(shortest, await upstream.closures.element(0).time - began)
                }
            )
        }
        // The farewell alone would be waited for for seconds.
        #expect(shortest < .milliseconds(500))
    }

    @Test func `A cut without a farewell is no end`() async throws {
        try await Self.run { _ in
            [
                .send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"), .send(#"{"choices":["#),
                .delay(.milliseconds(20)), .reset,
            ]
        } _: { upstream, certificates in
            let provider = try Fixture.provider("https://127.0.0.1:\(upstream.port)/v1") {
                $0.caFile = certificates.authority
            }
            let seen = await fault { _ = try await provider.start(Fixture.request(delivery: .whole)).collect() }
            #expect(seen?.kind == .truncated, "\(seen?.message ?? "")")
        }
    }

    @Test func `A peer that never speaks TLS runs into the limit for connecting`() async throws {
        try await FaultUpstream.run { _ in
            []
        } _: { upstream in
            let provider = try Fixture.provider("https://127.0.0.1:\(upstream.port)/v1") {
                $0.timeouts.connect = .milliseconds(40)
            }
            let seen = await fault { _ = try await provider.start(Fixture.request()) }
            #expect(seen?.kind == .timedOut(.connect))
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }
}
