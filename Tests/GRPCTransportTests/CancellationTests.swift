import GRPCCore
import GRPCTransport
import Testing

@Suite("Deadlines and cancellation", .timeLimit(.minutes(1)))
struct CancellationTests {
    /// How a handler saw its call end, and when.
    private struct End: Sendable {
        var at: ContinuousClock.Instant
        var taskIsCancelled: Bool
        var handleIsCancelled: Bool
    }

    /// A method whose handler waits until it is cancelled.
    private func service(started: Box<Void>, ended: Box<End>) -> TestService {
        var service = TestService()
        service.add("Wait", .serverStreaming) { _, context in
            Response { writer in
                try? await writer.write("started".bytes)
                await started.set(())
                try? await Task.sleep(for: .seconds(30))
                await ended.set(
                    End(
                        at: .now, taskIsCancelled: Task.isCancelled,
                        handleIsCancelled: context.cancellation.isCancelled))
                return [:]
            }
        }
        return service
    }

    @Test("when the client cancels, the handler's task is cancelled within 50 ms")
    func clientCancels() async throws {
        let best = try await fastest {
            let started = Box<Void>()
            let ended = Box<End>()
            return try await withPair(self.service(started: started, ended: ended)) { _, client in
                let cancelled = await withTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try? await client.collect("Wait") }
                    await started.get()
                    let now = ContinuousClock.now
                    group.cancelAll()
                    return now
                }
                let end = await ended.get()
                #expect(end.taskIsCancelled && end.handleIsCancelled)
                return cancelled.duration(to: end.at)
            }
        }
        #expect(best < .milliseconds(50))
    }

    @Test("when the client's task is cancelled, its call returns within 50 ms although the server goes on")
    func clientReturns() async throws {
        let best = try await fastest {
            let started = Box<Void>()
            let release = Box<Void>()
            var service = TestService()
            service.add("Deaf", .unary) { _, _ in
                await started.set(())
                await release.get()
                return single([])
            }
            return try await withPair(service) { _, client in
                let took = await withTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try? await client.call("Deaf") }
                    await started.get()
                    let start = ContinuousClock.now
                    group.cancelAll()
                    await group.waitForAll()
                    return start.duration(to: .now)
                }
                await release.set(())
                return took
            }
        }
        #expect(best < .milliseconds(50))
    }

    @Test("a deadline ends the call on both sides")
    func deadline() async throws {
        let best = try await fastest {
            let started = Box<Void>()
            let ended = Box<End>()
            return try await withPair(self.service(started: started, ended: ended)) { _, client in
                var options = CallOptions.defaults
                options.timeout = .seconds(1)
                let start = ContinuousClock.now
                let error = try await error { [options] in try await client.collect("Wait", options: options) }
                #expect(error.code == .deadlineExceeded)
                let clientTook = start.duration(to: .now)
                let end = await ended.get()
                #expect(end.taskIsCancelled && end.handleIsCancelled)
                return max(clientTook, start.duration(to: end.at)) - .seconds(1)
            }
        }
        #expect(best < .milliseconds(50))
    }

    @Test("a deadline that has passed before the call ends it at once")
    func passedDeadline() async throws {
        var service = TestService()
        service.add("Unary", .unary) { _, _ in single([]) }
        try await withPair(service) { _, client in
            let error = try await error { try await client.call("Unary", timeout: .nanoseconds(1)) }
            #expect(error.code == .deadlineExceeded)
        }
    }

    @Test("an upload that is cut off is an error for its handler, never a complete request")
    func cutUpload() async throws {
        let outcome = Box<Result<Int, RPCError>>()
        let firstRead = Box<Void>()
        var service = TestService()
        service.add("Upload", .clientStreaming) { request, _ in
            var count = 0
            do {
                for try await _ in request.messages {
                    count += 1
                    await firstRead.set(())
                }
                await outcome.set(.success(count))
            } catch let error as RPCError {
                await outcome.set(.failure(error))
            }
            return single([])
        }
        try await withPair(service) { _, client in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try? await client.clientStreaming(
                        request: StreamingClientRequest<[UInt8]> { writer in
                            try await writer.write([1])
                            try await Task.sleep(for: .seconds(30))
                        },
                        descriptor: .test("Upload", .clientStreaming),
                        serializer: RawSerializer(),
                        deserializer: RawDeserializer(),
                        options: .defaults
                    ) { try $0.message }
                }
                await firstRead.get()
                group.cancelAll()
            }
            let result = await outcome.get()
            guard case .failure(let error) = result else {
                Issue.record("The handler took a cut upload for complete: \(result)")
                return
            }
            #expect(error.code == .cancelled)
        }
    }

    @Test("a write after the call was cancelled throws, again and again")
    func writeAfterCancel() async throws {
        let errors = Box<[RPCError.Code]>()
        let started = Box<Void>()
        var service = TestService()
        service.add("Write", .serverStreaming) { _, context in
            Response { writer in
                try await writer.write([1])
                await started.set(())
                try? await context.cancellation.cancelled
                var codes: [RPCError.Code] = []
                for _ in 0..<3 {
                    do {
                        try await writer.write([2])
                    } catch let error as RPCError {
                        codes.append(error.code)
                    }
                }
                await errors.set(codes)
                return [:]
            }
        }
        try await withPair(service) { _, client in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await client.collect("Write") }
                await started.get()
                group.cancelAll()
            }
            let codes = await errors.get()
            #expect(codes == [.cancelled, .cancelled, .cancelled])
        }
    }

    @Test("a handler that answers without reading leaves the client with its answer")
    func earlyAnswer() async throws {
        var service = TestService()
        service.add("Early", .clientStreaming) { _, _ in single("enough".bytes) }
        try await withPair(service) { _, client in
            let answer = try await client.clientStreaming(
                request: StreamingClientRequest<[UInt8]> { writer in
                    for _ in 0..<1000 { try await writer.write(Array(repeating: 0, count: 1000)) }
                },
                descriptor: .test("Early", .clientStreaming),
                serializer: RawSerializer(),
                deserializer: RawDeserializer(),
                options: .defaults
            ) { try $0.message }
            #expect(answer == "enough".bytes)
        }
    }

    @Test("a server that cannot be reached is UNAVAILABLE at once, unless the call waits for it")
    func unreachable() async throws {
        // A port that was free a moment ago.
        let address = try await withServer(TestService()) { _, address in address }
        try await withClient(address) { client in
            let start = ContinuousClock.now
            let error = try await error { try await client.call("Unary") }
            #expect(error.code == .unavailable)
            #expect(start.duration(to: .now) < .seconds(2))
            var options = CallOptions.defaults
            options.waitForReady = true
            options.timeout = .milliseconds(300)
            let waiting = try await GRPCTransportTests.error { [options] in
                try await client.collect("Wait", options: options)
            }
            #expect(waiting.code == .deadlineExceeded)
        }
    }

    @Test("a closed client refuses calls with FAILED_PRECONDITION")
    func closedClient() async throws {
        let transport = Client(target: .hostPort(host: "127.0.0.1", port: 1))
        transport.beginGracefulShutdown()
        try await transport.connect()
        let error = try await error {
            try await transport.withStream(descriptor: .test("Unary"), options: .defaults) { _, _ in }
        }
        #expect(error.code == .failedPrecondition)
    }
}
