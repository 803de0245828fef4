import GRPCCore
import GRPCTransport
import Testing

@Suite("Calls of every shape", .timeLimit(.minutes(1)))
struct ShapeTests {
    private static let types: [MethodDescriptor.RPCType?] = [nil, .bidirectionalStreaming]

    private var service: TestService {
        var service = TestService()
        service.add("Unary", .unary) { request, _ in
            single(try await ServerRequest(stream: request).message)
        }
        service.add("Echo", .bidirectionalStreaming, echo)
        service.add("EchoUntyped", nil, echo)
        service.add("Count", .serverStreaming) { request, _ in
            let count = Int(try await ServerRequest(stream: request).message.count)
            return Response { writer in
                for index in 0..<count { try await writer.write("\(index)".bytes) }
                return ["count": "\(count)"]
            }
        }
        service.add("Join", .clientStreaming) { request, _ in
            var all: [UInt8] = []
            for try await message in request.messages { all += message }
            return single(all)
        }
        return service
    }

    @Test("a unary call brings its message back", arguments: [0, 1, 23, 24, 1000, 70_000, 3_000_000])
    func unary(size: Int) async throws {
        let message = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await withPair(self.service) { _, client in
            let answer = try await client.call("Unary", message)
            #expect(answer == message)
        }
    }

    @Test("a server stream brings all messages in order", arguments: [0, 1, 2, 1000])
    func serverStream(count: Int) async throws {
        try await withPair(self.service) { _, client in
            let messages = try await client.collect("Count", Array(repeating: 7, count: count))
            #expect(messages == (0..<count).map { "\($0)".bytes })
        }
    }

    @Test("a client stream is read to its end", arguments: [0, 1, 500])
    func clientStream(count: Int) async throws {
        try await withPair(self.service) { _, client in
            let answer = try await client.clientStreaming(
                request: StreamingClientRequest { writer in
                    for index in 0..<count { try await writer.write([UInt8(truncatingIfNeeded: index)]) }
                },
                descriptor: .test("Join", .clientStreaming),
                serializer: RawSerializer(),
                deserializer: RawDeserializer(),
                options: .defaults
            ) { try $0.message }
            #expect(answer == (0..<count).map { UInt8(truncatingIfNeeded: $0) })
        }
    }

    @Test("both sides of a bidirectional stream take turns", arguments: ["Echo", "EchoUntyped"])
    func pingPong(method: String) async throws {
        try await withPair(self.service) { _, client in
            let answers = Box<Int>()
            try await client.bidirectionalStreaming(
                request: StreamingClientRequest { writer in
                    try await writer.write("ping".bytes)
                    // The next message leaves only after the answer to the first has come.
                    _ = await answers.get()
                    try await writer.write("pong".bytes)
                },
                descriptor: .test(method, method == "Echo" ? .bidirectionalStreaming : nil),
                serializer: RawSerializer(),
                deserializer: RawDeserializer(),
                options: .defaults
            ) { response in
                var received: [[UInt8]] = []
                for try await message in response.messages {
                    received.append(message)
                    await answers.set(received.count)
                }
                #expect(received == ["ping".bytes, "pong".bytes])
            }
        }
    }

    @Test("an unknown method is UNIMPLEMENTED, and the connection goes on")
    func unknownMethod() async throws {
        try await withPair(self.service) { server, client in
            let error = try await error { try await client.call("Nothing") }
            #expect(error.code == .unimplemented)
            let answer = try await client.call("Unary", "still here".bytes)
            #expect(answer == "still here".bytes)
            #expect(server.counters.connectionsAccepted == 1)
        }
    }

    @Test("bytes that do not decode are INVALID_ARGUMENT, and the connection goes on")
    func garbage() async throws {
        try await withPair(self.service) { server, client in
            let unary = try await error { try await client.call("Unary", "garbage".bytes) }
            #expect(unary.code == .invalidArgument)
            let stream = try await error { try await client.collect("Count", "garbage".bytes) }
            #expect(stream.code == .invalidArgument)
            let answer = try await client.call("Unary", "fine".bytes)
            #expect(answer == "fine".bytes)
            #expect(server.counters.connectionsAccepted == 1)
        }
    }

    @Test("many calls at once each get their own answer")
    func manyCalls() async throws {
        try await withPair(self.service) { server, client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<300 {
                    group.addTask {
                        let answer = try await client.call("Unary", "call \(index)".bytes)
                        #expect(answer == "call \(index)".bytes)
                    }
                }
                try await group.waitForAll()
            }
            #expect(server.counters.callsStarted == 300)
        }
    }
}
