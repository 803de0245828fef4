import GRPCCore
import GRPCTransport
import Testing

@Suite("Under stress", .timeLimit(.minutes(2)))
struct StressTests {
    private var service: TestService {
        var service = TestService()
        service.add("Unary", .unary) { request, _ in single(try await ServerRequest(stream: request).message) }
        service.add("Echo", .bidirectionalStreaming, echo)
        service.add("Stream", .serverStreaming) { _, _ in
            Response { writer in
                for index in 0..<50 {
                    try await writer.write(Array(repeating: UInt8(index), count: 1 + index * 40))
                    if index.isMultiple(of: 7) { await Task.yield() }
                }
                return [:]
            }
        }
        service.add("Fail", .unary) { _, _ in throw RPCError(code: .aborted, message: "as asked") }
        return service
    }

    @Test(
        "a storm of calls, streams, errors and cancellations on several queues leaves nothing behind",
        arguments: [1, 3])
    func storm(queues: Int) async throws {
        var configuration = Server.Configuration.forTest
        configuration.queues = queues
        try await withServer(self.service, configuration) { server, address in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<6 {
                    group.addTask { try await withClient(address) { client in try await self.lane(lane, client) } }
                }
                try await group.waitForAll()
            }
            try await within(.seconds(20)) {
                while server.counters.callsOpen > 0 || server.counters.connectionsOpen > 0 {
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
        }
    }

    /// One client's share of the storm: the same in each run.
    private func lane(_ lane: Int, _ client: TestClient) async throws {
        for round in 0..<40 {
            switch (lane + round) % 5 {
            case 0:
                let message = Array(repeating: UInt8(lane), count: round * 500)
                #expect(try await client.call("Unary", message) == message)
            case 1:
                #expect(try await client.collect("Stream").count == 50)
            case 2:
                let error = try await error { try await client.call("Fail") }
                #expect(error.code == .aborted)
            case 3:
                // Cancelled somewhere on its way.
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try? await client.collect("Stream") }
                    for _ in 0..<(round * 3) { await Task.yield() }
                    group.cancelAll()
                }
            default:
                try await client.bidirectionalStreaming(
                    request: StreamingClientRequest<[UInt8]> { writer in
                        for index in 0..<20 { try await writer.write([UInt8(index)]) }
                    },
                    descriptor: .test("Echo", .bidirectionalStreaming),
                    serializer: RawSerializer(),
                    deserializer: RawDeserializer(),
                    options: .defaults
                ) { response in
                    var count: UInt8 = 0
                    for try await message in response.messages {
                        #expect(message == [count])
                        count += 1
                    }
                    #expect(count == 20)
                }
            }
        }
    }

    @Test("a server and a client that have ended are freed")
    func freed() async throws {
        weak var leftServer: Server?
        weak var leftClient: Client?
        do {
            let server = Server(.forTest)
            leftServer = server
            let grpcServer = GRPCServer(transport: server, services: [self.service])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await grpcServer.serve() }
                let address = try #require(try await server.listeningAddresses.first)
                let client = Client(target: address)
                leftClient = client
                try await withGRPCClient(transport: client) { client in _ = try await client.call("Unary") }
                server.beginGracefulShutdown()
                try await group.waitForAll()
            }
        }
        #expect(leftServer == nil)
        #expect(leftClient == nil)
    }
}
