import ArgumentParser
import GRPCCore
import GRPCInProcessTransport
import RoundhouseAPI
import SwiftProtobuf
import Synchronization

@testable import RoundhouseCLI

/// A server whose answers the test writes, over the in-process transport. It keeps what it was asked.
final class ScriptedServer: Sendable {
    typealias StreamScript =
        @Sendable (
            Roundhouse_V1_StreamGenerateRequest, RPCWriter<Roundhouse_V1_StreamGenerateResponse>, ServerContext
        ) async throws -> Void

    private struct Asked {
        var generate: [Roundhouse_V1_GenerateRequest] = []
        var stream: [Roundhouse_V1_StreamGenerateRequest] = []
        var tokens: [Roundhouse_V1_CountTokensRequest] = []
        var models: [Roundhouse_V1_ListModelsRequest] = []
    }

    private let asked = Mutex(Asked())
    let onStream: StreamScript
    let onGenerate: @Sendable (Roundhouse_V1_GenerateRequest) throws -> Roundhouse_V1_GenerateResponse
    let onListModels: @Sendable (Roundhouse_V1_ListModelsRequest) throws -> Roundhouse_V1_ListModelsResponse
    let status: Roundhouse_V1_GetSystemStatusResponse

    init(
        onStream: @escaping StreamScript = { _, writer, _ in try await writer.answer("hello") },
        status: Roundhouse_V1_GetSystemStatusResponse = .init(),
        onGenerate: @escaping @Sendable (Roundhouse_V1_GenerateRequest) throws -> Roundhouse_V1_GenerateResponse = {
            _ in .init()
        },
        onListModels:
            @escaping @Sendable (Roundhouse_V1_ListModelsRequest) throws ->
            Roundhouse_V1_ListModelsResponse = { _ in .init() }
    ) {
        self.status = status
        self.onGenerate = onGenerate
        self.onListModels = onListModels
        self.onStream = onStream
    }

    var generateRequests: [Roundhouse_V1_GenerateRequest] { self.asked.withLock { $0.generate } }
    var streamRequests: [Roundhouse_V1_StreamGenerateRequest] { self.asked.withLock { $0.stream } }
    var tokenRequests: [Roundhouse_V1_CountTokensRequest] { self.asked.withLock { $0.tokens } }
    var modelRequests: [Roundhouse_V1_ListModelsRequest] { self.asked.withLock { $0.models } }

    /// Serves `body`'s calls.
    func withGateway(timeout: Duration? = nil, _ body: @Sendable (Gateway) async throws -> Void) async throws {
        let transport = InProcessTransport()
        try await withGRPCServer(transport: transport.server, services: [self]) { _ in
            try await withGRPCClient(transport: transport.client) { client in
                try await body(Gateway(client, address: "here:1", timeout: timeout))
            }
        }
    }

    /// Runs a command line as the process would, except for the connection.
    func run(_ arguments: [String], console: RecordingConsole) async throws -> ExitStatus {
        guard let command = try RoundhouseCommand.parseAsRoot(arguments) as? any ClientCommand else {
            throw CommandFailure.usage("not a client command: \(arguments)")
        }
        return await CommandRun.status(json: command.connection.json, address: "here:1", console: console) {
            try await self.withGateway(timeout: command.connection.settings(environment: [:]).timeout) { gateway in
                try await command.execute(gateway, console)
            }
        }
    }
}

extension ScriptedServer: RegistrableRPCService {
    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        Generation(server: self).registerMethods(with: &router)
        RegistryAnswers(server: self).registerMethods(with: &router)
        Health(server: self).registerMethods(with: &router)
    }

    private struct Generation: Roundhouse_V1_GenerationService.SimpleServiceProtocol {
        let server: ScriptedServer

        func generate(
            request: Roundhouse_V1_GenerateRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GenerateResponse {
            self.server.asked.withLock { $0.generate.append(request) }
            return try self.server.onGenerate(request)
        }

        func streamGenerate(
            request: Roundhouse_V1_StreamGenerateRequest,
            response: RPCWriter<Roundhouse_V1_StreamGenerateResponse>,
            context: ServerContext
        ) async throws {
            self.server.asked.withLock { $0.stream.append(request) }
            try await self.server.onStream(request, response, context)
        }

        func countTokens(
            request: Roundhouse_V1_CountTokensRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_CountTokensResponse {
            self.server.asked.withLock { $0.tokens.append(request) }
            return .with {
                $0.inputTokens = 7
                $0.model = "local/tiny"
                $0.estimated = true
            }
        }
    }

    struct RegistryAnswers: Roundhouse_V1_RegistryService.SimpleServiceProtocol {
        let server: ScriptedServer

        func listModels(
            request: Roundhouse_V1_ListModelsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListModelsResponse {
            self.server.asked.withLock { $0.models.append(request) }
            return try self.server.onListModels(request)
        }

        func getModel(
            request: Roundhouse_V1_GetModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetModelResponse {
            .with {
                $0.model = .with {
                    $0.id = request.model
                    $0.state = .ready
                    $0.contextLength = 2048
                }
            }
        }

        func listProviders(
            request: Roundhouse_V1_ListProvidersRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListProvidersResponse {
            .with {
                $0.providers = [
                    .with {
                        $0.id = "local"
                        $0.kind = "local"
                        $0.modelCount = 2
                    },
                    .with {
                        $0.id = "openai"
                        $0.kind = "openai"
                        $0.baseURL = "https://api.example"
                        $0.hasCredentials_p = true
                    },
                ]
            }
        }
    }

    private struct Health: Roundhouse_V1_HealthService.SimpleServiceProtocol {
        let server: ScriptedServer

        func getSystemStatus(
            request: Roundhouse_V1_GetSystemStatusRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetSystemStatusResponse {
            self.server.status
        }
    }
}
