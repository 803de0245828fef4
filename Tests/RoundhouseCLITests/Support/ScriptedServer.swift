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
        var others: [any Message] = []
    }

    private let asked = Mutex(Asked())
    let onStream: StreamScript
    let onGenerate: @Sendable (Roundhouse_V1_GenerateRequest) throws -> Roundhouse_V1_GenerateResponse
    private let scripts: [ObjectIdentifier: any Sendable]
    let status: Roundhouse_V1_GetSystemStatusResponse

    init(
        onStream: @escaping StreamScript = { _, writer, _ in try await writer.answer("hello") },
        status: Roundhouse_V1_GetSystemStatusResponse = .init(),
        scripts: [Script] = [],
        onGenerate: @escaping @Sendable (Roundhouse_V1_GenerateRequest) throws -> Roundhouse_V1_GenerateResponse = {
            _ in .init()
        }
    ) {
        self.status = status
        self.scripts = Dictionary(scripts.map { ($0.request, $0.body) }) { _, last in last }
        self.onGenerate = onGenerate
        self.onStream = onStream
    }

    var generateRequests: [Roundhouse_V1_GenerateRequest] { self.asked.withLock { $0.generate } }
    var streamRequests: [Roundhouse_V1_StreamGenerateRequest] { self.asked.withLock { $0.stream } }
    var tokenRequests: [Roundhouse_V1_CountTokensRequest] { self.asked.withLock { $0.tokens } }

    /// Requests of one type that came for ``scripts``, in their order.
    func requests<Request: Message>(_: Request.Type) -> [Request] {
        self.asked.withLock { $0.others.compactMap { $0 as? Request } }
    }

    /// Answers as the request's script says.
    func answer<Request: Message, Response: Message>(_ request: Request) throws -> Response {
        self.asked.withLock { $0.others.append(request) }
        let script = self.scripts[ObjectIdentifier(Request.self)] as? Script.Unary<Request, Response>
        guard let script else { throw RPCError(code: .unimplemented, message: "\(Request.self) is not scripted") }
        return try script.body(request)
    }

    func stream<Request: Message, Response: Message>(
        _ request: Request,
        _ writer: RPCWriter<Response>,
        _ context: ServerContext
    ) async throws {
        self.asked.withLock { $0.others.append(request) }
        let script = self.scripts[ObjectIdentifier(Request.self)] as? Script.Stream<Request, Response>
        guard let script else { throw RPCError(code: .unimplemented, message: "\(Request.self) is not scripted") }
        try await script.body(request, writer, context)
    }

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
    ///
    /// - Parameter interruptions: each is a Ctrl-C.
    func run(
        _ arguments: [String],
        console: RecordingConsole,
        until interruptions: AsyncStream<Void>? = nil
    ) async throws -> ExitStatus {
        guard let command = try RoundhouseCommand.parseAsRoot(arguments) as? any ClientCommand else {
            throw CommandFailure.usage("not a client command: \(arguments)")
        }
        let body = { @Sendable in
            try await self.withGateway(timeout: command.connection.settings(environment: [:]).timeout) { gateway in
                try await command.execute(gateway, console)
            }
        }
        return await CommandRun.status(json: command.connection.json, address: "here:1", console: console) {
            guard let interruptions else { return try await body() }
            try await Interruption.run(body, until: interruptions)
        }
    }
}

extension ScriptedServer: RegistrableRPCService {
    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        Generation(server: self).registerMethods(with: &router)
        RegistryAnswers(server: self).registerMethods(with: &router)
        LifecycleAnswers(server: self).registerMethods(with: &router)
        TelemetryAnswers(server: self).registerMethods(with: &router)
        AdminAnswers(server: self).registerMethods(with: &router)
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

        func embed(
            request: Roundhouse_V1_EmbedRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_EmbedResponse {
            try self.server.answer(request)
        }

        func explainRoute(
            request: Roundhouse_V1_ExplainRouteRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ExplainRouteResponse {
            try self.server.answer(request)
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

        func getHardware(
            request: Roundhouse_V1_GetHardwareRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetHardwareResponse {
            try self.server.answer(request)
        }

        func checkDependencies(
            request: Roundhouse_V1_CheckDependenciesRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_CheckDependenciesResponse {
            try self.server.answer(request)
        }

        func listEngines(
            request: Roundhouse_V1_ListEnginesRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListEnginesResponse {
            try self.server.answer(request)
        }

        func installEngine(
            request: Roundhouse_V1_InstallEngineRequest,
            response: RPCWriter<Roundhouse_V1_InstallEngineResponse>,
            context: ServerContext
        ) async throws {
            try await self.server.stream(request, response, context)
        }
    }
}
