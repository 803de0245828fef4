import GRPCCore
import GRPCTransport
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite("Listening", .timeLimit(.minutes(1)))
struct ListeningTests {
    private var service: TestService {
        var service = TestService()
        service.add("Unary", .unary) { _, context in single(context.remotePeer.bytes) }
        return service
    }

    /// A path for a socket that nothing else uses.
    private func socketPath() -> String {
        "/tmp/grpc-transport-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
    }

    /// What prevents a server with this configuration from starting.
    private func startError(_ configuration: Server.Configuration) async throws -> String {
        let transport = Server(configuration)
        let server = GRPCServer(transport: transport, services: [self.service])
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.serve() }
            let error = await #expect(throws: ServerStartError.self) { try await transport.listeningAddresses }
            // Should it have started after all, the test must not wait for it.
            server.beginGracefulShutdown()
            return try #require(error).description
        }
    }

    @Test("a port in use is an error that names the address")
    func portInUse() async throws {
        try await withServer(self.service) { _, address in
            var configuration = Server.Configuration.forTest
            configuration.addresses = [address]
            let message = try await self.startError(configuration)
            #expect(message.contains("\(address)") && message.contains("in use"))
        }
    }

    @Test(
        "an address of another machine, or a name that is none, is an error that names it",
        arguments: ["192.0.2.1", "no.such.host.invalid"])
    func foreignAddress(host: String) async throws {
        var configuration = Server.Configuration.forTest
        configuration.addresses = [.hostPort(host: host, port: 0)]
        #expect(try await self.startError(configuration).contains(host))
    }

    @Test("the port is free again after the server has ended")
    func restart() async throws {
        let address = try await withServer(self.service) { _, address in
            try await withClient(address) { client in _ = try await client.call("Unary") }
            return address
        }
        var configuration = Server.Configuration.forTest
        configuration.addresses = [address]
        try await withServer(self.service, configuration) { _, again in
            #expect(again == address)
            try await withClient(address) { client in _ = try await client.call("Unary") }
        }
    }

    @Test("a server listens on several addresses, IPv6 and a UNIX socket among them")
    func severalAddresses() async throws {
        let path = self.socketPath()
        var configuration = Server.Configuration.forTest
        configuration.addresses = [
            .hostPort(host: "127.0.0.1", port: 0), .hostPort(host: "::1", port: 0), .unixDomainSocket(path: path),
        ]
        try await withServer(self.service, configuration) { server, _ in
            for (address, prefix) in zip(try await server.listeningAddresses, ["ipv4:127", "ipv6:%5B::1%5D", "unix:"]) {
                try await withClient(address) { client in
                    let peer = String(decoding: try await client.call("Unary"), as: UTF8.self)
                    #expect(peer.hasPrefix(prefix))
                }
            }
        }
        #expect(!exists(path), "the socket file was left behind")
    }

    @Test("a socket file that a dead server left behind is replaced; that of a live one is not, nor is any other file")
    func staleSocket() async throws {
        let path = self.socketPath()
        defer { unsafe unlink(path) }
        var configuration = Server.Configuration.forTest
        configuration.addresses = [.unixDomainSocket(path: path)]
        try leaveSocket(at: path)
        try await withServer(self.service, configuration) { [configuration] _, address in
            try await withClient(address) { client in _ = try await client.call("Unary") }
            let message = try await self.startError(configuration)
            #expect(message.contains(path) && message.contains("in use"))
            try await withClient(address) { client in _ = try await client.call("Unary") }
        }
        close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(try await self.startError(configuration).contains("no socket"))
        #expect(exists(path))
    }

    @Test("a socket path that is too long is an error that says how long it may be")
    func longPath() async throws {
        var configuration = Server.Configuration.forTest
        configuration.addresses = [.unixDomainSocket(path: "/tmp/" + String(repeating: "x", count: 200))]
        #expect(try await self.startError(configuration).contains("107"))
    }

    @Test("a transport runs once")
    func twice() async throws {
        try await withServer(self.service) { server, _ in
            _ = await #expect(throws: RuntimeError.self) { try await server.listen { _, _ in } }
        }
    }

    @Test("a server that is shut down before it starts ends at once")
    func shutdownFirst() async throws {
        let server = Server(.forTest)
        server.beginGracefulShutdown()
        try await server.listen { _, _ in }
    }

    @Test("a client that comes after an idle spell is answered without the stall of libgrpc's own threads")
    func idle() async throws {
        try await withPair(self.service) { _, client in
            var slowest: [Duration] = []
            for _ in 0..<4 {
                _ = try await client.call("Unary")
                // libgrpc++'s callback threads fall asleep after one second without events.
                try await Task.sleep(for: .milliseconds(1500))
                let best = try await fastest(of: 1) {
                    let start = ContinuousClock.now
                    _ = try await client.call("Unary")
                    return start.duration(to: .now)
                }
                slowest.append(best)
            }
            // On a quiet machine all are below 1 ms; a busy one may delay any single one, the stall would delay most.
            let median = slowest.sorted()[1]
            #expect(isSanitized || median < .milliseconds(5), "after idling: \(slowest)")
        }
    }
}

private func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

/// Binds a socket and closes it without removing its file, as a killed server does.
private func leaveSocket(at path: String) throws {
    let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let result = unsafe withUnsafePointer(to: name) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    try #require(result == 0)
    try #require(exists(path))
}
