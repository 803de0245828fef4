import GRPCCore

/// `benchmark.v1.LimitService` without protobuf: whole messages as bytes, copied into each answer as the bare C++
/// servers do.
struct EchoService: RegistrableRPCService {
    private static let service = ServiceDescriptor(fullyQualifiedService: "benchmark.v1.LimitService")
    /// Messages in an answer of `Stream`; the C++ servers' number.
    private static let streamLength = 64

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: MethodDescriptor(service: Self.service, method: "Echo", type: .unary),
            deserializer: BytesCoder(),
            serializer: BytesCoder()
        ) { request, _ in
            let message = try await ServerRequest(stream: request).message
            return StreamingServerResponse(single: ServerResponse(message: message))
        }
        router.registerHandler(
            forMethod: MethodDescriptor(service: Self.service, method: "Stream", type: .serverStreaming),
            deserializer: BytesCoder(),
            serializer: BytesCoder()
        ) { request, _ in
            let message = try await ServerRequest(stream: request).message
            return StreamingServerResponse { writer in
                for _ in 0..<Self.streamLength { try await writer.write(message) }
                return [:]
            }
        }
    }
}

/// Bytes in, the same bytes out.
struct BytesCoder: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes {
        Bytes(message)
    }

    func deserialize<Bytes: GRPCContiguousBytes>(_ serializedMessageBytes: Bytes) throws -> [UInt8] {
        unsafe serializedMessageBytes.withUnsafeBytes { unsafe Array($0) }
    }
}
