import GRPCCore
import GRPCInProcessTransport

/// Serves `services` over the in-process transport and gives `body` a client for them.
func withInProcessClient<Result: Sendable>(
    of services: [any RegistrableRPCService],
    _ body: (GRPCClient<InProcessTransport.Client>, GRPCServer<InProcessTransport.Server>) async throws -> Result
) async throws -> Result {
    let transport = InProcessTransport()
    return try await withGRPCServer(transport: transport.server, services: services) { server in
        try await withGRPCClient(transport: transport.client) { client in
            try await body(client, server)
        }
    }
}
