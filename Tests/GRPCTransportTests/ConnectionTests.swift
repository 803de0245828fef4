import GRPCCore
import GRPCTransport
import Testing

#if canImport(Glibc)
import Glibc
#endif

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
            // The client may still hold the connection for open; then one call finds out.
            if (try? await client.call("Unary")) == nil { _ = try await client.call("Unary") }
        }
    }

    @Test(
        "a peer may ping as often as the server says, and is sent away if it pings more often",
        arguments: [true, false])
    func pings(areAllowed: Bool) async throws {
        var configuration = Server.Configuration.forTest
        configuration.keepalive.minimumReceivedPingInterval = areAllowed ? .milliseconds(1) : .seconds(60)
        try await withServer(self.service, configuration) { _, address in
            guard case .hostPort(_, let port) = address else { return }
            // No gRPC client pings this fast, so this one speaks HTTP/2 by hand.
            let peer = try RawPeer(port: port)
            try peer.send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + RawPeer.frame(type: 4))
            for _ in 0..<6 {
                try await Task.sleep(for: .milliseconds(20))
                try peer.send(RawPeer.frame(type: 6, payload: Array(repeating: 1, count: 8)))
            }
            let frames = try peer.frameTypes(until: areAllowed ? [6, 6, 6, 6, 6, 6] : [7])
            #expect(frames.contains(7) != areAllowed, "GOAWAY")
        }
    }
}

/// A TCP connection that sends HTTP/2 frames as they are given.
private final class RawPeer {
    private let socket: Int32
    private var received: [UInt8] = []

    init(port: Int) throws {
        self.socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = in_port_t(port).bigEndian
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(self.socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
    }

    deinit { close(self.socket) }

    static func frame(type: UInt8, payload: [UInt8] = []) -> [UInt8] {
        [0, 0, UInt8(payload.count), type, 0, 0, 0, 0, 0] + payload
    }

    func send(_ bytes: [UInt8]) throws {
        // A server that has said goodbye may have closed.
        _ = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(
                self.socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }

    /// The types of the frames that come, until those wanted are among them or the connection ends.
    func frameTypes(until wanted: [UInt8]) throws -> [UInt8] {
        var types: [UInt8] = []
        while wanted.contains(where: { type in types.count { $0 == type } < wanted.count { $0 == type } }) {
            while self.received.count < 9 || self.received.count < 9 + self.firstLength {
                var chunk = [UInt8](repeating: 0, count: 4096)
                let count = unsafe recv(self.socket, &chunk, chunk.count, 0)
                if count <= 0 { return types }
                self.received += chunk.prefix(count)
            }
            types.append(self.received[3])
            self.received.removeFirst(9 + self.firstLength)
        }
        return types
    }

    private var firstLength: Int {
        Int(self.received[0]) << 16 | Int(self.received[1]) << 8 | Int(self.received[2])
    }
}
