import GRPCCore
import Synchronization
import TestSupport

@testable import Roundhouse

/// The routes of the API on a real port, before methods that a test decides.
struct RESTBench: Sendable {
    let http: HTTPPort
    let methods: ScriptedMethods
    let transport: LoopbackTransport

    /// - Parameter body: limits of requests' bodies.
    static func with<Value>(
        _ settings: RESTRoutes.Settings = RESTRoutes.Settings(), _ body: (RESTBench) async throws -> Value
    ) async throws -> Value {
        let transport = LoopbackTransport()
        let routes = try RESTRoutes(transport, settings)
        let methods = ScriptedMethods()
        let server = GRPCServer(transport: transport, services: [methods])
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.serve() }
            let value = try await HTTPPort.with([routes]) { http in
                try await body(RESTBench(http: http, methods: methods, transport: transport))
            }
            transport.shutdownNow()
            try await group.waitForAll()
            return value
        }
    }

    /// An answer to its end, after which the connection closes.
    func wholeAnswer(_ path: String, method: String = "GET", headers: [String] = [], body: String = "") async throws
        -> String?
    {
        let connection = try self.http.connect()
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        let lines = headers.map { "\($0)\r\n" }.joined()
        try connection.send(
            "\(method) \(path) HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\(lines)\(length)\r\n\(body)")
        return await connection.rest()
    }

    static let json = "Content-Type: application/json"
}

/// Every method of the API, answered by a script, in bytes.
final class ScriptedMethods: RegistrableRPCService {
    struct Call: Sendable {
        var method: String
        var message: [UInt8]
        var metadata: Metadata
        var context: ServerContext
    }

    typealias Script = @Sendable (Call, RPCWriter<[UInt8]>) async throws -> Void

    private struct State {
        var calls: [Call] = []
        /// Answers one empty message.
        var script: Script = { _, writer in try await writer.write([]) }
    }

    private let state = Mutex(State())

    var calls: [Call] { self.state.withLock { $0.calls } }
    func answer(_ script: @escaping Script) { self.state.withLock { $0.script = script } }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        guard let services = try? DescriptorPool.own().services else { return }
        for service in services {
            for method in service.methods where !method.isClientStreaming {
                router.registerHandler(
                    forMethod: MethodDescriptor(fullyQualifiedService: service.name, method: method.name),
                    deserializer: RawBytes(), serializer: RawBytes()
                ) { request, context in
                    var message: [UInt8] = []
                    for try await part in request.messages { message = part }
                    let call = Call(
                        method: "\(service.name).\(method.name)", message: message, metadata: request.metadata,
                        context: context)
                    let script = self.state.withLock { state in
                        state.calls.append(call)
                        return state.script
                    }
                    return StreamingServerResponse { writer in
                        try await script(call, writer)
                        return [:]
                    }
                }
            }
        }
    }
}

private struct RawBytes: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }

    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }
}
