import GRPCCore
import GRPCInProcessTransport
import GRPCTransport
import RoundhouseAPI

/// What carries a test's calls: the same body runs in process and over a socket.
enum Carrier: String, CaseIterable, Sendable {
    case inProcess
    case bridge

    /// Serves `services` and gives `body` a client for them.
    func serve<Result: Sendable>(
        _ services: [any RegistrableRPCService],
        _ body: (any CarriedClient) async throws -> Result
    ) async throws -> Result {
        switch self {
        case .inProcess:
            let transport = InProcessTransport()
            return try await withGRPCServer(transport: transport.server, services: services) { server in
                try await withGRPCClient(transport: transport.client) { client in
                    try await body(Client(client: client, beginServerShutdown: { server.beginGracefulShutdown() }))
                }
            }
        case .bridge:
            let address = try Address(parsing: "127.0.0.1:0")
            return try await withGRPCServer(
                transport: Server(.defaults(address: address)), services: services
            ) { server in
                let listening = try await server.transport.listeningAddresses
                return try await withGRPCClient(
                    transport: GRPCTransport.Client(target: listening.first ?? address)
                ) { client in
                    try await body(Client(client: client, beginServerShutdown: { server.beginGracefulShutdown() }))
                }
            }
        }
    }

    private struct Client<Transport: ClientTransport>: CarriedClient {
        let client: GRPCClient<Transport>
        let beginServerShutdown: @Sendable () -> Void

        var caller: any BidirectionalCaller { client }
        var health: any Grpc_Health_V1_Health.ClientProtocol { Grpc_Health_V1_Health.Client(wrapping: client) }
    }
}

/// A client, whatever its transport.
protocol CarriedClient: Sendable {
    var caller: any BidirectionalCaller { get }
    var health: any Grpc_Health_V1_Health.ClientProtocol { get }
    var beginServerShutdown: @Sendable () -> Void { get }
}

/// `GRPCClient`'s call for methods that have no generated stub.
protocol BidirectionalCaller: Sendable {
    func bidirectionalStreaming<Request, Response, ReturnValue: Sendable>(
        request: StreamingClientRequest<Request>,
        descriptor: MethodDescriptor,
        serializer: some MessageSerializer<Request>,
        deserializer: some MessageDeserializer<Response>,
        options: CallOptions,
        onResponse: @concurrent @Sendable @escaping (StreamingClientResponse<Response>) async throws -> ReturnValue
    ) async throws -> ReturnValue
}

extension GRPCClient: BidirectionalCaller {}
