import GRPCCore
import GRPCProtobuf
import GRPCTransport
import RoundhouseAPI
import SwiftProtobuf
import Testing

/// The generated clients of one connection.
struct Gateway: Sendable {
    let client: GRPCClient<Client>

    var generation: Roundhouse_V1_GenerationService.Client<Client> { .init(wrapping: self.client) }
    var registry: Roundhouse_V1_RegistryService.Client<Client> { .init(wrapping: self.client) }
    var lifecycle: Roundhouse_V1_LifecycleService.Client<Client> { .init(wrapping: self.client) }
    var telemetry: Roundhouse_V1_TelemetryService.Client<Client> { .init(wrapping: self.client) }
    var admin: Roundhouse_V1_AdminService.Client<Client> { .init(wrapping: self.client) }
    var system: Roundhouse_V1_HealthService.Client<Client> { .init(wrapping: self.client) }
    var health: Grpc_Health_V1_Health.Client<Client> { .init(wrapping: self.client) }
    var reflection: Grpc_Reflection_V1_ServerReflection.Client<Client> { .init(wrapping: self.client) }

    /// Everything that a `StreamGenerate` call says, and how it ends.
    ///
    /// - Parameter onMessage: sees each message when it arrives; what it throws ends the call.
    func stream(
        _ request: Roundhouse_V1_StreamGenerateRequest,
        options: CallOptions = .defaults,
        onMessage: @escaping @Sendable (Roundhouse_V1_StreamGenerateResponse) async throws -> Void = { _ in }
    ) async throws -> Answer {
        try await self.generation.streamGenerate(request, options: options) { response in
            var answer = Answer()
            do {
                for try await message in response.messages {
                    answer.messages.append(message)
                    try await onMessage(message)
                }
            } catch let error as RPCError {
                answer.error = error
            }
            return answer
        }
    }

    /// The error of a `Generate` call that must fail.
    func failure(of request: Roundhouse_V1_GenerateRequest) async throws -> RPCError {
        let client = self.generation
        return try await #require(throws: RPCError.self) { try await client.generate(request) }
    }

    /// Whether `grpc.health.v1` calls `name` able to serve.
    func isServing(_ name: String) async throws -> Bool {
        try await self.health.check(.with { $0.service = name }).status == .serving
    }

    /// Expects that `grpc.health.v1` calls `name` able to serve.
    func expectServing(_ name: String = "", sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let isServing = try await self.isServing(name)
        #expect(isServing, "\(name)", sourceLocation: sourceLocation)
    }

    /// Waits until an engine has loaded its model.
    func untilServing(_ model: String) async throws {
        try await self.health.watch(.with { $0.service = model }) { response in
            for try await message in response.messages where message.status == .serving { return }
            Issue.record("\(model) does not serve")
        }
    }
}

/// What a `StreamGenerate` call said.
struct Answer: Sendable {
    var messages: [Roundhouse_V1_StreamGenerateResponse] = []
    /// `nil` when the status is OK.
    var error: RPCError?

    var text: String { self.messages.map(\.textDelta.text).joined() }

    /// The last message if it is `completed`.
    var completed: Roundhouse_V1_Completed? {
        guard case .completed(let completed) = self.messages.last?.event else { return nil }
        return completed
    }

    /// Whether the rules of every stream hold: `completed` once, last, and only with status OK; a gapless sequence.
    var isTruthful: Bool {
        let completions = self.messages.count { if case .completed = $0.event { true } else { false } }
        let isWhole = self.completed != nil && completions == 1
        let isOrdered = zip(self.messages, self.messages.dropFirst()).allSatisfy { $1.sequence == $0.sequence + 1 }
        return isOrdered && (self.error == nil ? isWhole : completions == 0)
    }
}

extension Roundhouse_V1_StreamGenerateRequest {
    static func asking(_ text: String = "hi", _ model: String = "all", edit: (inout Self) -> Void = { _ in }) -> Self {
        .with {
            $0.model = model
            $0.messages = [.saying(text)]
            edit(&$0)
        }
    }
}

extension Roundhouse_V1_GenerateRequest {
    static func asking(_ text: String = "hi", _ model: String = "all", edit: (inout Self) -> Void = { _ in }) -> Self {
        .with {
            $0.model = model
            $0.messages = [.saying(text)]
            edit(&$0)
        }
    }
}

extension Roundhouse_V1_Message {
    static func saying(_ text: String, as role: Roundhouse_V1_Role = .user) -> Self {
        .with {
            $0.role = role
            $0.parts = [.with { $0.text = text }]
        }
    }
}

extension RPCError {
    private func details() throws -> [ErrorDetails] {
        try #require(try self.unpackGoogleRPCStatus(), "\(self) has no details").details
    }

    func errorInfo() throws -> ErrorDetails.ErrorInfo {
        try #require(try self.details().compactMap(\.errorInfo).first)
    }

    func retryInfo() throws -> ErrorDetails.RetryInfo? {
        try self.details().compactMap(\.retryInfo).first
    }
}
