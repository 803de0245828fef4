import GRPCCore
import GRPCTransport
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// Whether this runs under a sanitizer, which takes time and memory of its own.
let isSanitized = unsafe getenv("GRPC_TRANSPORT_SANITIZER") != nil

/// Messages as they are: bytes.
struct RawSerializer: MessageSerializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }
}

/// Bytes as they are, but a message of exactly "garbage" does not decode.
struct RawDeserializer: MessageDeserializer {
    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
        let copy = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
        if copy == Array("garbage".utf8) { throw RPCError(code: .invalidArgument, message: "Does not decode.") }
        return copy
    }
}

typealias Request = StreamingServerRequest<[UInt8]>
typealias Response = StreamingServerResponse<[UInt8]>
typealias TestClient = GRPCClient<Client>

/// A service made of closures.
struct TestService: RegistrableRPCService {
    typealias Method = @Sendable (Request, ServerContext) async throws -> Response

    private var methods: [(descriptor: MethodDescriptor, body: Method)] = []

    mutating func add(_ name: String, _ type: MethodDescriptor.RPCType?, _ body: @escaping Method) {
        self.methods.append((.test(name, type), body))
    }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        for method in self.methods {
            router.registerHandler(
                forMethod: method.descriptor, deserializer: RawDeserializer(), serializer: RawSerializer(),
                handler: method.body)
        }
    }
}

extension MethodDescriptor {
    static func test(_ name: String, _ type: RPCType? = nil) -> MethodDescriptor {
        MethodDescriptor(fullyQualifiedService: "test.Test", method: name, type: type)
    }
}

extension Server.Configuration {
    /// A server on a free port of this machine that does not wait long for anything.
    static var forTest: Server.Configuration {
        var configuration = Server.Configuration.defaults(address: .hostPort(host: "127.0.0.1", port: 0))
        configuration.shutdown.grace = .seconds(2)
        configuration.stuckQueueThreshold = nil
        return configuration
    }
}

/// Runs a server with the service for as long as the body runs.
func withServer<R: Sendable>(
    _ service: TestService,
    _ configuration: Server.Configuration = .forTest,
    _ body: @Sendable (Server, Address) async throws -> R
) async throws -> R {
    let transport = Server(configuration)
    let server = GRPCServer(transport: transport, services: [service])
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.serve() }
        let address = try #require(try await transport.listeningAddresses.first)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(transport, address))
        } catch {
            result = .failure(error)
        }
        server.beginGracefulShutdown()
        try await group.waitForAll()
        return try result.get()
    }
}

/// Runs a client for as long as the body runs.
func withClient<R: Sendable>(
    _ address: Address,
    security: ClientSecurity = .plaintext,
    options: Client.Options = Client.Options(),
    _ body: @Sendable (TestClient) async throws -> R
) async throws -> R {
    try await withGRPCClient(transport: Client(target: address, security: security, options: options)) { client in
        try await body(client)
    }
}

/// Runs a server with the service and a client of it.
func withPair<R: Sendable>(
    _ service: TestService,
    _ configuration: Server.Configuration = .forTest,
    _ body: @Sendable (Server, TestClient) async throws -> R
) async throws -> R {
    try await withServer(service, configuration) { server, address in
        try await withClient(address) { client in try await body(server, client) }
    }
}

extension GRPCClient where Transport == Client {
    /// One message there, one back.
    func call(
        _ name: String,
        _ message: [UInt8] = [],
        metadata: Metadata = [:],
        timeout: Duration? = nil,
        compression: CompressionAlgorithm? = nil
    ) async throws -> [UInt8] {
        var options = CallOptions.defaults
        options.timeout = timeout
        options.compression = compression
        return try await self.unary(
            request: ClientRequest(message: message, metadata: metadata),
            descriptor: .test(name, .unary),
            serializer: RawSerializer(),
            deserializer: RawDeserializer(),
            options: options
        ) { try $0.message }
    }

    /// One message there, many back: collected.
    func collect(_ name: String, _ message: [UInt8] = [], options: CallOptions = .defaults) async throws -> [[UInt8]] {
        try await self.serverStreaming(
            request: ClientRequest(message: message),
            descriptor: .test(name, .serverStreaming),
            serializer: RawSerializer(),
            deserializer: RawDeserializer(),
            options: options
        ) { response in
            var all: [[UInt8]] = []
            for try await message in response.messages { all.append(message) }
            return all
        }
    }
}

/// A response of one message.
func single(_ message: [UInt8], metadata: Metadata = [:], trailers: Metadata = [:]) -> Response {
    Response(single: ServerResponse(message: message, metadata: metadata, trailingMetadata: trailers))
}

/// Answers each message with itself.
let echo: TestService.Method = { request, _ in
    Response { writer in
        for try await message in request.messages { try await writer.write(message) }
        return [:]
    }
}

/// A value that tasks can wait for.
actor Box<Value: Sendable> {
    private var value: Value?
    private var waiters: [CheckedContinuation<Value, Never>] = []

    func set(_ value: Value) {
        guard self.value == nil else { return }
        self.value = value
        for waiter in self.waiters { waiter.resume(returning: value) }
        self.waiters = []
    }

    func get() async -> Value {
        if let value = self.value { return value }
        return await withCheckedContinuation { self.waiters.append($0) }
    }
}

/// Fails the test instead of letting it hang.
func within<R: Sendable>(_ limit: Duration, _ body: @escaping @Sendable () async throws -> R) async throws -> R {
    try await withThrowingTaskGroup(of: R.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw TimeoutError(limit: limit)
        }
        defer { group.cancelAll() }
        return try #require(try await group.next())
    }
}

struct TimeoutError: Error {
    let limit: Duration
}

extension String {
    var bytes: [UInt8] { Array(self.utf8) }
}

/// The error of a call that must fail.
func error(of body: () async throws -> some Sendable) async throws -> RPCError {
    try #require(await #expect(throws: RPCError.self) { _ = try await body() })
}

/// The shortest of what several runs took: a machine that is busy with other things makes some of them slow, a defect
/// makes all of them slow.
func fastest(of runs: Int = 4, _ body: () async throws -> Duration) async rethrows -> Duration {
    var best = Duration.seconds(3600)
    for _ in 0..<runs { best = min(best, try await body()) }
    return best
}
