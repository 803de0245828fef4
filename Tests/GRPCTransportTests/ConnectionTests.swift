import GRPCCore
import GRPCTransport
import Testing

@Suite("Keepalive and the age of connections", .timeLimit(.minutes(1)))
struct ConnectionTests {
    private var service: TestService {
        var service = TestService()
        service.add("Unary", .unary) { _, context in single(context.remotePeer.bytes) }
        service.add("Slow", .serverStreaming) { _, _ in
            Response { writer in
                for index in 0..<8 {
                    try await writer.write([UInt8(index)])
                    try await Task.sleep(for: .milliseconds(200))
                }
                return [:]
            }
        }
        return service
    }

    @Test("a connection that has reached its age is replaced by another, and its running stream is not cut")
    func age() async throws {
        var configuration = Server.Configuration.forTest
        configuration.keepalive.maximumConnectionAge = .milliseconds(300)
        configuration.keepalive.maximumConnectionAgeGrace = .seconds(20)
        try await withPair(self.service, configuration) { server, client in
            let first = try await client.call("Unary")
            let messages = try await client.collect("Slow")
            #expect(messages.count == 8)
            let second = try await client.call("Unary")
            #expect(first != second)
            #expect(server.counters.connectionsAccepted >= 2)
        }
    }

    @Test("an idle connection is closed when so configured")
    func idle() async throws {
        var configuration = Server.Configuration.forTest
        configuration.keepalive.maximumConnectionIdle = .milliseconds(200)
        try await withPair(self.service, configuration) { server, client in
            _ = try await client.call("Unary")
            try await within(.seconds(20)) {
                while server.counters.connectionsOpen > 0 { try await Task.sleep(for: .milliseconds(20)) }
            }
            _ = try await client.call("Unary")
        }
    }

    @Test("a client may ping as often as the server says, and is sent away if it pings more often", arguments: [true, false])
    func pings(areAllowed: Bool) async throws {
        var configuration = Server.Configuration.forTest
        configuration.keepalive.minimumReceivedPingInterval = areAllowed ? .milliseconds(10) : .seconds(60)
        var options = Client.Options()
        // libgrpc pings at most every 10 s, whatever one asks for: this is as fast as it gets.
        options.keepalive.time = .seconds(10)
        options.keepalive.permitWithoutCalls = true
        try await withServer(self.service, configuration) { [options] server, address in
            try await withClient(address, options: options) { client in
                let first = try await client.call("Unary")
                let second = try await client.call("Unary")
                #expect(first == second)
                #expect(server.counters.connectionsAccepted == 1)
            }
        }
    }
}
