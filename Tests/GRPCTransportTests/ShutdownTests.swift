import GRPCCore
import GRPCTransport
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite("Shutdown", .timeLimit(.minutes(1)))
struct ShutdownTests {
    /// A method that streams a message, then waits for `release` or its cancellation, then streams another.
    private func service(started: Box<Void>, release: Box<Void>) -> TestService {
        var service = TestService()
        service.add("Stream", .serverStreaming) { _, _ in
            Response { writer in
                try await writer.write("first".bytes)
                await started.set(())
                await release.get()
                try await writer.write("last".bytes)
                return [:]
            }
        }
        service.add("Endless", .serverStreaming) { _, _ in
            Response { writer in
                try await writer.write("first".bytes)
                await started.set(())
                try await Task.sleep(for: .seconds(600))
                return [:]
            }
        }
        service.add("Unary", .unary) { _, _ in single([]) }
        return service
    }

    /// Runs a server outside of `withServer`, so that the test ends it.
    private func serve(
        _ service: TestService, _ configuration: Server.Configuration,
        _ body: @Sendable (Server, Address) async throws -> Void
    ) async throws -> Duration {
        let transport = Server(configuration)
        let server = GRPCServer(transport: transport, services: [service])
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.serve() }
            let address = try #require(try await transport.listeningAddresses.first)
            try await body(transport, address)
            let start = ContinuousClock.now
            transport.beginGracefulShutdown()
            try await group.waitForAll()
            return start.duration(to: .now)
        }
    }

    @Test("a graceful shutdown lets a running stream end, and refuses new calls with a hint when to retry")
    func graceful() async throws {
        let started = Box<Void>()
        let release = Box<Void>()
        var configuration = Server.Configuration.forTest
        configuration.shutdown.grace = .seconds(20)
        configuration.shutdown.goAwayAfter = .seconds(10)
        try await withServer(self.service(started: started, release: release), configuration) { server, address in
            try await withClient(address) { client in
                async let messages = client.collect("Stream")
                await started.get()
                server.beginGracefulShutdown()
                try await server.waitUntilShutdownBegins()
                let refused = try await error { try await client.call("Unary") }
                #expect(refused.code == .unavailable)
                #expect(Array(refused.metadata[stringValues: "grpc-retry-pushback-ms"]) == ["1000"])
                let details = Array(refused.metadata[binaryValues: "grpc-status-details-bin"])
                #expect(details == [Self.retryDetails])
                // New connections find nobody.
                try await withClient(address) { late in
                    let error = try await error { try await late.call("Unary") }
                    #expect(error.code == .unavailable)
                }
                await release.set(())
                #expect(try await messages == ["first".bytes, "last".bytes])
            }
            #expect(server.counters.callsRefused == 1)
        }
    }

    /// google.rpc.Status { code: 14, message: "The server is shutting down.", details: [RetryInfo { 1 s }] }
    private static let retryDetails: [UInt8] =
        [0x08, 14, 0x12, 28] + Array("The server is shutting down.".utf8)
        + [0x1a, 48, 0x0a, 40] + Array("type.googleapis.com/google.rpc.RetryInfo".utf8)
        + [0x12, 4, 0x0a, 2, 0x08, 1]

    @Test("when the grace is over, the calls that remain are cancelled and the server ends")
    func graceOver() async throws {
        let started = Box<Void>()
        var configuration = Server.Configuration.forTest
        configuration.shutdown.grace = .milliseconds(300)
        let failure = Box<RPCError>()
        let took = try await withThrowingTaskGroup(of: Void.self) { group in
            let took = try await self.serve(self.service(started: started, release: Box()), configuration) {
                _, address in
                _ = address
                await self.startEndless(address, in: failure)
                await started.get()
            }
            return took
        }
        #expect(took >= .milliseconds(250) && took < .seconds(5))
        let error = await failure.get()
        #expect(error.code == .unavailable || error.code == .cancelled)
    }

    /// A client of its own that holds the endless stream and tells how it ended.
    private func startEndless(_ address: Address, in failure: Box<RPCError>) async {
        Task {
            do {
                try await withClient(address) { client in _ = try await client.collect("Endless") }
            } catch let error as RPCError {
                await failure.set(error)
            }
        }
    }

    @Test("a second, forced shutdown ends the server at once although the grace has just begun")
    func forced() async throws {
        let started = Box<Void>()
        let failure = Box<RPCError>()
        var configuration = Server.Configuration.forTest
        configuration.shutdown.grace = .seconds(600)
        let took = try await self.serve(self.service(started: started, release: Box()), configuration) {
            server, address in
            await self.startEndless(address, in: failure)
            await started.get()
            Task {
                try await server.waitUntilShutdownBegins()
                server.shutdownNow()
            }
        }
        #expect(took < .seconds(5))
        _ = await failure.get()
    }

    @Test("cancelling the server's task is a forced shutdown")
    func cancelled() async throws {
        let started = Box<Void>()
        let failure = Box<RPCError>()
        let server = Server(.forTest)
        let service = self.service(started: started, release: Box())
        try await within(.seconds(20)) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await GRPCServer(transport: server, services: [service]).serve() }
                let address = try #require(try await server.listeningAddresses.first)
                await self.startEndless(address, in: failure)
                await started.get()
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        _ = await failure.get()
    }

    @Test("idle connections do not delay a shutdown")
    func idle() async throws {
        var configuration = Server.Configuration.forTest
        configuration.shutdown.grace = .seconds(600)
        let done = Box<Void>()
        let took = try await self.serve(self.service(started: Box(), release: Box()), configuration) { _, address in
            let connected = Box<Void>()
            Task {
                try await withClient(address) { client in
                    _ = try await client.call("Unary")
                    await connected.set(())
                    await done.get()
                }
            }
            await connected.get()
        }
        #expect(took < .seconds(3))
        await done.set(())
    }

    @Test("a handler that heeds no cancellation is left behind and reported")
    func deaf() async throws {
        let started = Box<Void>()
        let release = Box<Void>()
        let events = Box<Server.Event>()
        let failure = Box<RPCError>()
        var service = TestService()
        service.add("Endless", .serverStreaming) { _, _ in
            Response { writer in
                try await writer.write("first".bytes)
                await started.set(())
                await release.get()
                return [:]
            }
        }
        var configuration = Server.Configuration.forTest
        configuration.shutdown.grace = .milliseconds(50)
        configuration.shutdown.abandonAfter = .milliseconds(200)
        configuration.onEvent = { event in Task { await events.set(event) } }
        let took = try await self.serve(service, configuration) { _, address in
            await self.startEndless(address, in: failure)
            await started.get()
        }
        #expect(took < .seconds(5))
        #expect(await events.get() == .handlersAbandoned(count: 1))
        // It runs to its end all the same.
        await release.set(())
        _ = await failure.get()
    }

    @Test("a handler that blocks its queue's thread cannot keep the server from ending")
    func blocked() async throws {
        let started = Box<Void>()
        var service = TestService()
        service.add("Block", .unary) { _, _ in
            Task.detached { await started.set(()) }
            usleep(3_000_000)
            return single([])
        }
        var configuration = Server.Configuration.forTest
        configuration.shutdown.grace = .milliseconds(50)
        configuration.shutdown.abandonAfter = .milliseconds(200)
        let done = Box<Void>()
        let took = try await self.serve(service, configuration) { _, address in
            Task {
                _ = try? await withClient(address) { client in try await client.call("Block") }
                await done.set(())
            }
            await started.get()
        }
        #expect(took < .seconds(2))
        await done.get()
    }

    @Test("servers can start and stop again and again without losing anything", arguments: 1...3)
    func again(round: Int) async throws {
        for _ in 0..<5 {
            try await withPair(self.service(started: Box(), release: Box())) { _, client in
                _ = try await client.call("Unary")
            }
        }
    }

    @Test("calls that pour in while the server shuts down each end, with an answer or UNAVAILABLE")
    func underLoad() async throws {
        let tally = Tally()
        var configuration = Server.Configuration.forTest
        configuration.shutdown.goAwayAfter = .milliseconds(20)
        let service = self.service(started: Box(), release: Box())
        let address = Box<Address>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await withClient(await address.get()) { client in
                        for _ in 0..<10_000 {
                            do {
                                _ = try await client.call("Unary")
                                tally.count(nil)
                            } catch let error as RPCError {
                                tally.count(error.code)
                                return
                            }
                        }
                    }
                }
            }
            _ = try await self.serve(service, configuration) { _, own in
                await address.set(own)
                while tally.answers < 100 { try await Task.sleep(for: .milliseconds(5)) }
            }
            try await group.waitForAll()
        }
        let codes = tally.codes
        #expect(codes.subtracting([nil, .unavailable]).isEmpty, "\(codes)")
    }
}

/// How calls ended: nil for an answer.
private final class Tally: Sendable {
    private let counts = Mutex<[RPCError.Code?: Int]>([:])

    func count(_ code: RPCError.Code?) { self.counts.withLock { $0[code, default: 0] += 1 } }

    var answers: Int { self.counts.withLock { $0[nil] ?? 0 } }
    var codes: Set<RPCError.Code?> { self.counts.withLock { Set($0.keys) } }
}
