import GRPCCore
import GRPCTransport
import Testing

/// An error that says itself which status it is.
private struct Convertible: Error, RPCErrorConvertible {
    var rpcErrorCode: RPCError.Code { .resourceExhausted }
    var rpcErrorMessage: String { "as it says" }
    var rpcErrorMetadata: Metadata { ["why": "said"] }
}

private struct Plain: Error {}

/// The same methods twice: "Direct…" are taken as they come, "…" go through `GRPCServer`. Nobody outside may see a
/// difference.
@Suite("Calls that are taken as they come", .timeLimit(.minutes(1)))
struct DirectCallTests {
    private enum Failure: String, CaseIterable, Sendable {
        case status, convertible, plain

        var error: any Error {
            switch self {
            case .status: RPCError(code: .aborted, message: "as asked", metadata: ["why": "asked"])
            case .convertible: Convertible()
            case .plain: Plain()
            }
        }
    }

    private func withPair<R: Sendable>(
        _ ended: Box<Bool> = Box(),
        _ body: @Sendable (TestClient) async throws -> R
    ) async throws -> R {
        var service = TestService()
        service.add("Echo", .unary) { request, _ in single(try await ServerRequest(stream: request).message) }
        service.add("Count", .serverStreaming) { request, _ in
            let count = try await ServerRequest(stream: request).message.count
            return Response { writer in
                for index in 0..<count { try await writer.write("\(index)".bytes) }
                return [:]
            }
        }
        service.add("Fail", .unary) { request, _ in
            let message = try await ServerRequest(stream: request).message
            throw Failure(rawValue: String(decoding: message, as: UTF8.self))?.error ?? Plain()
        }
        // What is registered for these is never asked.
        for (name, type) in [
            ("DirectEcho", MethodDescriptor.RPCType.unary), ("DirectFail", .unary), ("DirectCount", .serverStreaming),
            ("DirectWait", .serverStreaming), ("DirectMetadata", .unary),
        ] {
            service.add(name, type) { _, _ in throw RPCError(code: .unimplemented, message: "GRPCServer was asked") }
        }
        let transport = Server(.forTest)
        transport.handleDirectly([
            .init(.test("DirectEcho", .unary)) { call in try await call.send(try await call.message()) },
            .init(.test("DirectCount", .serverStreaming)) { call in
                let count = try await call.message().count
                for index in 0..<count { try await call.send(Server.Bytes("\(index)".utf8)) }
            },
            .init(.test("DirectFail", .unary)) { call in
                let name = unsafe try await call.message().withUnsafeBytes {
                    unsafe String(decoding: $0, as: UTF8.self)
                }
                throw Failure(rawValue: name)?.error ?? Plain()
            },
            .init(.test("DirectMetadata", .unary)) { call in
                let values = call.metadata[stringValues: "x-name"].joined(separator: ",")
                try await call.send(Server.Bytes("\(values) \(call.details.deadline != nil)".utf8))
            },
            .init(.test("DirectWait", .serverStreaming)) { call in
                try await call.send(Server.Bytes("started".utf8))
                try? await Task.sleep(for: .seconds(30))
                await ended.set(Task.isCancelled)
            },
        ])
        let server = GRPCServer(transport: transport, services: [service])
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.serve() }
            let address = try #require(try await transport.listeningAddresses.first)
            let result = try await withClient(address) { try await body($0) }
            server.beginGracefulShutdown()
            try await group.waitForAll()
            return result
        }
    }

    @Test("a unary call brings its message back", arguments: [0, 1, 24, 70_000, 3_000_000])
    func unary(size: Int) async throws {
        let message = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let answer = try await self.withPair { try await $0.call("DirectEcho", message) }
        #expect(answer == message)
    }

    @Test("a server stream brings all messages in order", arguments: [0, 1, 2, 1000])
    func stream(count: Int) async throws {
        let request = Array(repeating: UInt8(7), count: count)
        let answers = try await self.withPair { client in
            [try await client.collect("DirectCount", request), try await client.collect("Count", request)]
        }
        #expect(answers[0] == (0..<count).map { "\($0)".bytes })
        #expect(answers[0] == answers[1])
    }

    @Test("a failure has the same code, message and trailers", arguments: ["status", "convertible", "plain"])
    func failures(kind: String) async throws {
        let (direct, usual) = try await self.withPair { client in
            (
                try await error { try await client.call("DirectFail", kind.bytes) },
                try await error { try await client.call("Fail", kind.bytes) }
            )
        }
        #expect(direct.code == usual.code)
        #expect(direct.message == usual.message)
        #expect(direct.metadata["why"].map { "\($0)" } == usual.metadata["why"].map { "\($0)" })
    }

    @Test("the handler has the client's metadata and deadline")
    func metadata() async throws {
        let answer = try await self.withPair {
            try await $0.call("DirectMetadata", metadata: ["x-name": "a", "x-name": "b"], timeout: .seconds(20))
        }
        #expect(String(decoding: answer, as: UTF8.self) == "a,b true")
    }

    @Test("a request without a message is told as GRPCServer tells it")
    func noMessage() async throws {
        let errors = try await self.withPair { client in
            var errors: [RPCError] = []
            for name in ["DirectCount", "Count"] {
                errors.append(
                    try await error {
                        try await client.clientStreaming(
                            request: StreamingClientRequest<[UInt8]> { _ in },
                            descriptor: .test(name, .bidirectionalStreaming),
                            serializer: RawSerializer(), deserializer: RawDeserializer(), options: .defaults
                        ) { try $0.message }
                    })
            }
            return errors
        }
        #expect(errors[0].code == errors[1].code)
        #expect(errors[0].message == errors[1].message)
    }

    @Test("when the client cancels, or its deadline passes, the handler's task is cancelled", arguments: [true, false])
    func cancellation(byClient: Bool) async throws {
        let ended = Box<Bool>()
        try await self.withPair(ended) { client in
            await withTaskGroup(of: Void.self) { group in
                let started = Box<Void>()
                group.addTask {
                    var options = CallOptions.defaults
                    if !byClient { options.timeout = .seconds(3) }
                    _ = try? await client.serverStreaming(
                        request: ClientRequest(message: [UInt8]()),
                        descriptor: .test("DirectWait", .serverStreaming),
                        serializer: RawSerializer(), deserializer: RawDeserializer(), options: options
                    ) { response in
                        for try await _ in response.messages { await started.set(()) }
                    }
                }
                await started.get()
                if byClient { group.cancelAll() }
                let wasCancelled = await ended.get()
                #expect(wasCancelled)
            }
        }
    }
}
