import GRPCCore
import GRPCTransport
import Testing

@Suite("Metadata, statuses and peers", .timeLimit(.minutes(1)))
struct MetadataTests {
    private static let binary: [UInt8] = Array(0...255)

    @Test("metadata travels both ways, binary values byte for byte")
    func bothWays() async throws {
        var service = TestService()
        service.add("Metadata", .unary) { request, _ in
            let text = Array(request.metadata[stringValues: "text"])
            let data = Array(request.metadata[binaryValues: "data-bin"])
            var headers: Metadata = [:]
            for value in text { headers.addString(value, forKey: "seen-text") }
            for value in data { headers.addBinary(value, forKey: "seen-data-bin") }
            var trailers: Metadata = ["trailer": "last"]
            trailers.addBinary(Self.binary.reversed(), forKey: "trailer-bin")
            return single([], metadata: headers, trailers: trailers)
        }
        try await withPair(service) { _, client in
            var metadata: Metadata = ["Text": "one", "text": "two"]
            metadata.addBinary(Self.binary, forKey: "data-bin")
            metadata.addBinary([], forKey: "data-bin")
            try await client.unary(
                request: ClientRequest(message: [], metadata: metadata),
                descriptor: .test("Metadata", .unary),
                serializer: RawSerializer(),
                deserializer: RawDeserializer(),
                options: .defaults
            ) { response in
                #expect(Array(response.metadata[stringValues: "seen-text"]) == ["one", "two"])
                #expect(Set(response.metadata[binaryValues: "seen-data-bin"]) == [Self.binary, []])
                #expect(Array(response.trailingMetadata[stringValues: "trailer"]) == ["last"])
                #expect(Array(response.trailingMetadata[binaryValues: "trailer-bin"]) == [Self.binary.reversed()])
            }
        }
    }

    @Test("an error brings its code, its message in any script, and google.rpc.Status details")
    func statusDetails() async throws {
        var service = TestService()
        service.add("Fail", .unary) { _, _ in
            throw RPCError(
                code: .resourceExhausted, message: "Kein Platz: größer als 100 % – 満員",
                metadata: ["grpc-status-details-bin": .binary(Self.binary)])
        }
        try await withPair(service) { _, client in
            let error = try await error { try await client.call("Fail") }
            #expect(error.code == .resourceExhausted)
            #expect(error.message == "Kein Platz: größer als 100 % – 満員")
            #expect(Array(error.metadata[binaryValues: "grpc-status-details-bin"]) == [Self.binary])
        }
    }

    @Test("an error after messages comes after them")
    func lateError() async throws {
        var service = TestService()
        service.add("Late", .serverStreaming) { _, _ in
            Response { writer in
                for index in 0..<100 { try await writer.write([UInt8(index)]) }
                throw RPCError(code: .dataLoss, message: "cut", metadata: ["sent": "100"])
            }
        }
        try await withPair(service) { _, client in
            try await client.serverStreaming(
                request: ClientRequest(message: []),
                descriptor: .test("Late", .serverStreaming),
                serializer: RawSerializer(),
                deserializer: RawDeserializer(),
                options: .defaults
            ) { response in
                var count = 0
                let error = try await error { for try await _ in response.messages { count += 1 } }
                #expect(count == 100)
                #expect(error.code == .dataLoss)
                #expect(Array(error.metadata[stringValues: "sent"]) == ["100"])
            }
        }
    }

    @Test("every status code arrives as itself", arguments: 1...16)
    func codes(rawValue: Int) async throws {
        let code = try #require(Status.Code(rawValue: rawValue).flatMap { RPCError.Code($0) })
        var service = TestService()
        service.add("Fail", .unary) { _, _ in throw RPCError(code: code, message: "as asked") }
        try await withPair(service) { _, client in
            let error = try await error { try await client.call("Fail") }
            #expect(error.code == code)
        }
    }

    @Test(
        "metadata that HTTP/2 cannot carry is an error that names the key, not a crash", arguments: ["täg", "sp ace"])
    func illegalKey(key: String) async throws {
        var service = TestService()
        service.add("Unary", .unary) { _, _ in single([]) }
        service.add("Reply", .unary) { _, _ in single([], metadata: [key: "x"]) }
        service.add("Trail", .unary) { _, _ in single("ok".bytes, trailers: [key: "x", "value": "grün", "fine": "y"]) }
        try await withPair(service) { _, client in
            let request = try await error { try await client.call("Unary", metadata: [key: "x"]) }
            #expect(request.code == .invalidArgument)
            #expect(request.message.contains(key))
            let value = try await error { try await client.call("Unary", metadata: ["value": "grün"]) }
            #expect(value.message.contains("value"))
            let response = try await error { try await client.call("Reply") }
            #expect(response.message.contains(key))
            let answer = try await client.call("Trail")
            #expect(answer == "ok".bytes)
        }
    }

    @Test(
        "a string under a -bin key is taken for base64",
        arguments: [("AQID", [1, 2, 3] as [UInt8]), ("AQI=", [1, 2]), ("AQ", [1])])
    func base64(text: String, bytes: [UInt8]) async throws {
        var service = TestService()
        service.add("Unary", .unary) { request, _ in
            single(request.metadata[binaryValues: "x-bin"].first { _ in true } ?? [])
        }
        try await withPair(service) { _, client in
            let answer = try await client.call("Unary", metadata: ["x-bin": .string(text)])
            #expect(answer == bytes)
            let error = try await error { try await client.call("Unary", metadata: ["x-bin": "not base64!"]) }
            #expect(error.code == .invalidArgument)
        }
    }

    @Test("metadata cannot forge what belongs to gRPC")
    func reserved() async throws {
        var service = TestService()
        service.add("Unary", .unary) { _, _ in
            single("ok".bytes, metadata: ["content-type": "text/html"], trailers: ["grpc-status": "13"])
        }
        try await withPair(service) { _, client in
            let answer = try await client.call("Unary", metadata: ["te": "nonsense", "grpc-encoding": "gzip"])
            #expect(answer == "ok".bytes)
        }
    }

    @Test("a handler learns who calls, under which method and how long it has")
    func context() async throws {
        let seen = Box<(ServerContext, CallDetails)>()
        var service = TestService()
        service.add("Unary", .unary) { _, context in
            await seen.set((context, try #require(context.transportSpecific as? CallDetails)))
            return single([])
        }
        try await withServer(service) { _, address in
            try await withClient(address) { client in _ = try await client.call("Unary", timeout: .seconds(20)) }
            let (context, details) = await seen.get()
            #expect(context.descriptor.fullyQualifiedMethod == "test.Test/Unary")
            #expect(context.remotePeer.hasPrefix("ipv4:127.0.0.1:"))
            #expect(context.localPeer == "ipv4:\(address)")
            let left = ContinuousClock.now.duration(to: try #require(details.deadline))
            #expect(left > .seconds(15) && left <= .seconds(20))
        }
    }

    @Test(
        "a client's request may be compressed, and so may a response", arguments: [CompressionAlgorithm.gzip, .deflate])
    func compression(algorithm: CompressionAlgorithm) async throws {
        let message = Array(repeating: UInt8(ascii: "a"), count: 200_000)
        var service = TestService()
        service.add("Unary", .unary) { request, _ in single(try await ServerRequest(stream: request).message) }
        var configuration = Server.Configuration.forTest
        configuration.responseCompression = .gzip
        try await withPair(service, configuration) { _, client in
            let answer = try await client.call("Unary", message, compression: algorithm)
            #expect(answer == message)
        }
    }

    @Test("an endless status message is cut at a character's boundary")
    func longMessage() async throws {
        var service = TestService()
        service.add("Fail", .unary) { _, _ in
            throw RPCError(code: .aborted, message: String(repeating: "ä", count: 100_000))
        }
        var configuration = Server.Configuration.forTest
        configuration.limits.metadataBytes = 64 << 10
        var options = Client.Options()
        options.metadataBytes = 64 << 10
        try await withServer(service, configuration) { [options] _, address in
            try await withClient(address, options: options) { client in
                let error = try await error { try await client.call("Fail") }
                #expect(error.code == .aborted)
                #expect(error.message == String(repeating: "ä", count: 2048))
            }
        }
    }
}
