import GRPCCore
import GRPCTransport
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// Peers that do not keep to the contract hurt nobody, themselves included.
    @Suite struct RawCalls {
        /// Bytes as they are.
        private struct Plain: MessageSerializer, MessageDeserializer {
            func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }

            func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
                unsafe bytes.withUnsafeBytes { unsafe Array($0) }
            }
        }

        /// The error of a call with `bytes` as its message.
        private static func failure(
            of method: String,
            in service: String = "roundhouse.v1.GenerationService",
            bytes: [UInt8],
            _ gateway: Gateway
        ) async throws -> RPCError {
            try await #require(throws: RPCError.self) {
                _ = try await gateway.client.unary(
                    request: ClientRequest(message: bytes),
                    descriptor: MethodDescriptor(fullyQualifiedService: service, method: method),
                    serializer: Plain(),
                    deserializer: Plain(),
                    options: .defaults
                ) { response in
                    try response.message
                }
            }
        }

        @Test func `Bad calls get their status, and a stream on the same connection goes on`() async throws {
            let goOn = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + .event(Chunk.text("one ")) + [.wait(goOn)] + .event(Chunk.text("two"))
                    + .event(Chunk.finish) + .lastChunk
            } _: { upstream in
                let configuration = providers(upstream.baseURL, settings: "grpc: { max_message_bytes: 64KiB }")
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        let hasToken = Gate()
                        try await withThrowingTaskGroup { group in
                            group.addTask {
                                let answer = try await gateway.stream(.asking()) { _ in hasToken.open() }
                                #expect(answer.isTruthful && answer.text == "one two")
                            }
                            await hasToken.opened()
                            try await Self.misbehave(gateway)
                            goOn.open()
                            try await group.waitForAll()
                            try await gateway.expectServing()
                        }
                    }
                }
            }
        }

        private static func misbehave(_ gateway: Gateway) async throws {
            // An unfinished varint; a length beyond the end; text that is not UTF-8.
            let garbage: [[UInt8]] = [[0xFF, 0xFF, 0xFF], [0x0A, 0x7F, 0x01], [0x0A, 0x02, 0xC3, 0x28]]
            for bytes in garbage {
                for method in ["Generate", "StreamGenerate", "CountTokens"] {
                    let error = try await Self.failure(of: method, bytes: bytes, gateway)
                    #expect(error.code == .invalidArgument, "\(method) \(bytes): \(error)")
                }
            }
            let method = try await Self.failure(of: "Degenerate", bytes: [], gateway)
            #expect(method.code == .unimplemented)
            let service = try await Self.failure(of: "Generate", in: "roundhouse.v9.Nothing", bytes: [], gateway)
            #expect(service.code == .unimplemented)
            let long = try await gateway.failure(of: .asking(String(repeating: "long ", count: 20_000)))
            #expect(long.code == .resourceExhausted, "\(long)")
        }

        @Test func `Bytes that are no HTTP/2 close their own connection only`() async throws {
            try await RunningServer.with("local: { enabled: false }") { server in
                guard case .hostPort(let host, let port) = server.address else { return }
                try await server.withClient { gateway in
                    try await gateway.expectServing()
                    for junk in [
                        "GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", "\\x16\\x03\\x01\\xff",
                        "PRI * HTTP/2.0\\r\\n\\r\\nXX",
                    ] {
                        // Ends when the server closes, or after a while without: both are fine.
                        let script = "exec 3<>/dev/tcp/\(host)/\(port); printf '\(junk)' >&3; timeout 1 cat <&3"
                        _ = try await Program.run("bash", ["-c", script])
                    }
                    try await gateway.expectServing()
                }
            }
        }
    }
}
