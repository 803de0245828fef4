import GRPCCore
import GRPCTransport
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite("Backpressure and limits", .timeLimit(.minutes(2)), .serialized)
struct FlowTests {
    /// Counts what handlers have written.
    private final class Written: Sendable {
        let bytes = Atomic<Int>(0)
    }

    /// Writes messages of 16 KiB, as many as the request has bytes, times 100.
    private func service(written: Written) -> TestService {
        var service = TestService()
        service.add("Flood", .serverStreaming) { _, _ in
            Response { writer in
                let message = Array(repeating: UInt8(7), count: 16 << 10)
                while true {
                    try await writer.write(message)
                    written.bytes.add(message.count, ordering: .relaxed)
                }
            }
        }
        service.add("Tokens", .serverStreaming) { _, _ in
            Response { writer in
                for index in 0..<64 { try await writer.write("token \(index)".bytes) }
                return [:]
            }
        }
        return service
    }

    @Test("a writer is paused when its client does not read, and the client is cut off with SLOW_CONSUMER")
    func slowConsumer() async throws {
        let written = Written()
        let events = Box<Server.Event>()
        var configuration = Server.Configuration.forTest
        configuration.limits.slowConsumerTimeout = .milliseconds(400)
        configuration.onEvent = { event in Task { await events.set(event) } }
        try await withPair(self.service(written: written), configuration) { server, client in
            try await client.serverStreaming(
                request: ClientRequest(message: []),
                descriptor: .test("Flood", .serverStreaming),
                serializer: RawSerializer(),
                deserializer: RawDeserializer(),
                options: .defaults
            ) { response in
                // Reads nothing until the server has given up on it.
                let event = await events.get()
                guard case .slowConsumer(let stalled) = event else {
                    Issue.record("unexpected event \(event)")
                    return
                }
                #expect(stalled >= .milliseconds(400))
                let error = try await error { for try await _ in response.messages {} }
                #expect(error.code == .resourceExhausted)
                #expect(error.message.contains("SLOW_CONSUMER"))
            }
            #expect(server.counters.slowConsumers == 1)
            // What was written went into HTTP/2's windows, which libgrpc opens to 16 MiB, and not into our memory.
            #expect(written.bytes.load(ordering: .relaxed) < 40 << 20)
        }
    }

    @Test("one client that does not read costs the others nothing, and memory stays flat")
    func oneSlowManyFast() async throws {
        let written = Written()
        try await withServer(self.service(written: written)) { _, address in
            try await withClient(address) { slow in
                try await withClient(address) { fast in
                    let finished = Box<Void>()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            try await slow.serverStreaming(
                                request: ClientRequest(message: []),
                                descriptor: .test("Flood", .serverStreaming),
                                serializer: RawSerializer(),
                                deserializer: RawDeserializer(),
                                options: .defaults
                            ) { _ in await finished.get() }
                        }
                        // The slow stream fills its buffers.
                        var previous = -1
                        while written.bytes.load(ordering: .relaxed) != previous || previous == 0 {
                            previous = written.bytes.load(ordering: .relaxed)
                            try await Task.sleep(for: .milliseconds(100))
                        }
                        let before = residentBytes()
                        try await self.stream(500, from: fast)
                        let after = residentBytes()
                        // A sanitizer keeps freed memory for a while, to find those who use it.
                        #expect(isSanitized || after - before < 64 << 20, "grew by \((after - before) >> 20) MiB")
                        #expect(written.bytes.load(ordering: .relaxed) == previous)
                        await finished.set(())
                        try await group.waitForAll()
                    }
                }
            }
        }
    }

    private func stream(_ count: Int, from client: TestClient) async throws {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<count {
                group.addTask {
                    let messages = try await client.collect("Tokens")
                    #expect(messages == (0..<64).map { "token \($0)".bytes })
                    return messages.count
                }
            }
            var total = 0
            for try await messages in group { total += messages }
            #expect(total == count * 64)
        }
    }

    @Test("a client's writer is paused when the server does not read")
    func slowServer() async throws {
        let sent = Written()
        let release = Box<Void>()
        var service = TestService()
        service.add("Sleepy", .clientStreaming) { request, _ in
            await release.get()
            var count = 0
            for try await _ in request.messages { count += 1 }
            return single("\(count)".bytes)
        }
        let message = Array(repeating: UInt8(1), count: 64 << 10)
        try await withPair(service) { _, client in
            let answer = try await client.clientStreaming(
                request: StreamingClientRequest<[UInt8]> { writer in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            for _ in 0..<400 {
                                try await writer.write(message)
                                sent.bytes.add(1, ordering: .relaxed)
                            }
                        }
                        var previous = -1
                        while sent.bytes.load(ordering: .relaxed) != previous || previous == 0 {
                            previous = sent.bytes.load(ordering: .relaxed)
                            try await Task.sleep(for: .milliseconds(100))
                        }
                        #expect(previous < 400, "25 MiB were buffered")
                        await release.set(())
                        try await group.waitForAll()
                    }
                },
                descriptor: .test("Sleepy", .clientStreaming),
                serializer: RawSerializer(),
                deserializer: RawDeserializer(),
                options: .defaults
            ) { try $0.message }
            #expect(answer == "400".bytes)
        }
    }

    @Test("a message over the limit is RESOURCE_EXHAUSTED, and the connection goes on")
    func longMessage() async throws {
        var service = TestService()
        service.add("Unary", .unary) { request, _ in single(try await ServerRequest(stream: request).message) }
        service.add("Big", .unary) { _, _ in single(Array(repeating: 0, count: 100_000)) }
        var configuration = Server.Configuration.forTest
        configuration.limits.requestMessageBytes = 10_000
        try await withPair(service, configuration) { server, client in
            let request = try await error { try await client.call("Unary", Array(repeating: 0, count: 10_001)) }
            #expect(request.code == .resourceExhausted)
            let answer = try await client.call("Unary", Array(repeating: 0, count: 10_000))
            #expect(answer.count == 10_000)
            var options = CallOptions.defaults
            options.maxResponseMessageBytes = 1000
            let response = try await error { [options] in
                try await client.unary(
                    request: ClientRequest(message: []), descriptor: .test("Big", .unary),
                    serializer: RawSerializer(), deserializer: RawDeserializer(), options: options
                ) { try $0.message }
            }
            #expect(response.code == .resourceExhausted)
            #expect(server.counters.connectionsAccepted == 1)
        }
    }

    @Test("metadata over the limit is RESOURCE_EXHAUSTED, and the connection goes on")
    func longMetadata() async throws {
        var service = TestService()
        service.add("Unary", .unary) { _, _ in single("ok".bytes) }
        var configuration = Server.Configuration.forTest
        configuration.limits.metadataBytes = 4096
        try await withPair(service, configuration) { server, client in
            let long = Metadata.Value.string(String(repeating: "x", count: 5000))
            let error = try await error { try await client.call("Unary", metadata: ["long": long]) }
            #expect(error.code == .resourceExhausted)
            let answer = try await client.call("Unary")
            #expect(answer == "ok".bytes)
            #expect(server.counters.connectionsAccepted == 1)
        }
    }

    @Test("calls beyond the server's limit are refused with RESOURCE_EXHAUSTED and a hint when to retry")
    func tooManyCalls() async throws {
        let started = Box<Void>()
        let release = Box<Void>()
        var service = TestService()
        service.add("Hold", .unary) { _, _ in
            await started.set(())
            await release.get()
            return single("done".bytes)
        }
        var configuration = Server.Configuration.forTest
        configuration.limits.calls = 1
        try await withPair(service, configuration) { server, client in
            async let first = client.call("Hold")
            await started.get()
            let error = try await error { try await client.call("Hold") }
            #expect(error.code == .resourceExhausted)
            #expect(Array(error.metadata[stringValues: "grpc-retry-pushback-ms"]) == ["1000"])
            await release.set(())
            #expect(try await first == "done".bytes)
            #expect(server.counters.callsRefused == 1)
        }
    }

    @Test("connections beyond the limit are closed at once, and there is room again when others close")
    func tooManyConnections() async throws {
        var service = TestService()
        service.add("Unary", .unary) { _, _ in single("ok".bytes) }
        var configuration = Server.Configuration.forTest
        configuration.limits.connections = 1
        try await withServer(service, configuration) { server, address in
            try await withClient(address) { first in
                _ = try await first.call("Unary")
                try await withClient(address) { second in
                    let error = try await error { try await second.call("Unary") }
                    #expect(error.code == .unavailable)
                }
                _ = try await first.call("Unary")
                #expect(server.counters.connectionsOpen == 1)
                #expect(server.counters.connectionsRefused >= 1)
            }
            try await untilAnswered(address, "Unary")
        }
    }
}

/// Calls until an answer comes.
func untilAnswered(_ address: Address, _ method: String) async throws {
    try await within(.seconds(20)) {
        while true {
            let answered = await withTaskGroup(of: Bool.self) { _ in
                (try? await withClient(address) { client in try await client.call(method) }) != nil
            }
            if answered { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

/// What the process holds in memory.
func residentBytes() -> Int {
    guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard unsafe fgets(&line, 256, file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
}
