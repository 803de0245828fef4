import GRPCCore
import GRPCInProcessTransport
import GRPCProtobuf
import Inference
import ModelRegistry
import RoundhouseAPI
import Routing
import SwiftProtobuf
import TestSupport
import Testing

@testable import Roundhouse

/// The services over scripted providers, reached through generated clients without a socket.
struct Gateway {
    typealias Client = GRPCClient<InProcessTransport.Client>

    let client: Client
    let records: RecordKeeper
    let providers: [ScriptedProvider]

    var generation: Roundhouse_V1_GenerationService.Client<InProcessTransport.Client> { .init(wrapping: self.client) }
    var registry: Roundhouse_V1_RegistryService.Client<InProcessTransport.Client> { .init(wrapping: self.client) }
    var health: Roundhouse_V1_HealthService.Client<InProcessTransport.Client> { .init(wrapping: self.client) }

    /// Every provider has a model `m`; alias `all` asks them in order.
    static func with<Result: Sendable>(
        _ providers: ScriptedProvider...,
        issues: [String] = [],
        interceptors: [any ServerInterceptor] = [],
        body: (Gateway) async throws -> Result
    ) async throws -> Result {
        let records = RecordKeeper()
        let services = try Self.services(providers, records: records, issues: issues)
        let transport = InProcessTransport()
        return try await withGRPCServer(
            transport: transport.server, services: services, interceptors: interceptors
        ) { _ in
            try await withGRPCClient(transport: transport.client) { client in
                try await body(Gateway(client: client, records: records, providers: providers))
            }
        }
    }

    private static func services(
        _ providers: [ScriptedProvider],
        records: RecordKeeper,
        issues: [String]
    ) throws -> [any RegistrableRPCService] {
        let models = try providers.enumerated().map { index, provider in
            ModelDescription(
                id: try #require(ModelID(provider: provider.id, name: "m")),
                priority: index,
                sizeBytes: 7
            )
        }
        let snapshot = try RegistrySnapshot(
            providers: providers.map { ProviderDescription(id: $0.id, kind: "custom") },
            models: models,
            aliases: models.isEmpty ? [] : [Alias(name: "all", targets: models.map(\.id))]
        )
        let registry = Registry(snapshot)
        let router = Router(
            registry: registry, providers: Dictionary(uniqueKeysWithValues: providers.map { ($0.id, $0) }))
        let counters = RequestCounters()
        let pipeline = Pipeline(router: router, recorder: records, counters: counters)
        let report = SystemReport(
            version: "1.2.3",
            startedAt: WallTime(microsecondsSince1970: 1_000_001),
            grpcAddresses: { ["127.0.0.1:1"] },
            engines: { [] },
            storage: { .init(path: "/db", sizeBytes: 5, pendingRecords: 2, droppedRecords: 1) },
            issues: { issues }
        )
        let ports = ServicePorts.pending(registry: registry, router: router)
        return [
            GenerationService(pipeline: pipeline, router: router),
            RegistryService(ports: ports),
            HealthService(
                report: report, ports: ports, health: ScriptedMachine().ports(ports, report), router: router,
                counters: counters),
        ]
    }

    /// Everything that a `StreamGenerate` call says, and its error.
    func stream(
        _ request: Roundhouse_V1_StreamGenerateRequest
    ) async throws -> (messages: [Roundhouse_V1_StreamGenerateResponse], error: RPCError?) {
        try await self.generation.streamGenerate(request) { response in
            var messages: [Roundhouse_V1_StreamGenerateResponse] = []
            do {
                for try await message in response.messages { messages.append(message) }
                return (messages, nil)
            } catch let error as RPCError {
                return (messages, error)
            }
        }
    }
}

func provider(_ name: String, _ script: @escaping @Sendable (UpstreamRequest) -> ScriptedProvider.Script) throws
    -> ScriptedProvider
{
    ScriptedProvider(try #require(ProviderID(name)), script: script)
}

extension Roundhouse_V1_StreamGenerateRequest {
    static func asking(_ text: String, model: String = "", edit: (inout Self) -> Void = { _ in }) -> Self {
        .with {
            $0.model = model
            $0.messages = [
                .with {
                    $0.role = .user
                    $0.parts = [.with { $0.text = text }]
                }
            ]
            edit(&$0)
        }
    }
}

extension Roundhouse_V1_GenerateRequest {
    static func asking(_ text: String, model: String = "", edit: (inout Self) -> Void = { _ in }) -> Self {
        .with {
            $0.model = model
            $0.messages = [
                .with {
                    $0.role = .user
                    $0.parts = [.with { $0.text = text }]
                }
            ]
            edit(&$0)
        }
    }
}

extension RPCError {
    /// The `google.rpc.Status` of an error, which every error of ours has.
    func details() throws -> GoogleRPCStatus {
        try #require(try self.unpackGoogleRPCStatus())
    }

    func errorInfo() throws -> ErrorDetails.ErrorInfo {
        try #require(try self.details().details.compactMap(\.errorInfo).first)
    }
}
