import GRPCCore
import GRPCTransport
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// `grpc.health.v1` and `grpc.reflection.v1`, which tools rely on.
    @Suite struct StandardServices {
        @Test func `Health knows the server, its services, models and aliases from the first moment`() async throws {
            try await RunningServer.with(providers("http://127.0.0.1:9/v1")) { server in
                try await server.withClient { gateway in
                    for name in ["", "roundhouse.v1.GenerationService", "first/m", "all"] {
                        try await gateway.expectServing(name)
                    }
                    let error = try await #require(throws: RPCError.self) {
                        try await gateway.isServing("nobody/none")
                    }
                    #expect(error.code == .notFound)
                }
            }
        }

        @Test func `A watch hears NOT_SERVING before the server stops taking requests`() async throws {
            let goOn = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + .event(Chunk.text("one")) + [.wait(goOn)] + .event(Chunk.finish) + .lastChunk
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        let hasToken = Gate()
                        try await withThrowingTaskGroup { group in
                            group.addTask {
                                let answer = try await gateway.stream(.asking()) { _ in hasToken.open() }
                                #expect(answer.isTruthful && answer.completed != nil)
                            }
                            await hasToken.opened()
                            let statuses = try await Self.watch(gateway) { server.terminate() }
                            #expect(statuses == [.serving, .notServing])
                            goOn.open()
                            try await group.waitForAll()
                        }
                    }
                }
            }
        }

        /// What a watch of the whole server says from now to its end.
        private static func watch(
            _ gateway: Gateway,
            onFirst: @escaping @Sendable () -> Void
        ) async throws -> [Grpc_Health_V1_HealthCheckResponse.ServingStatus] {
            try await gateway.health.watch(.init()) { response in
                var statuses: [Grpc_Health_V1_HealthCheckResponse.ServingStatus] = []
                do {
                    for try await message in response.messages {
                        statuses.append(message.status)
                        if statuses.count == 1 { onFirst() }
                    }
                } catch let error as RPCError {
                    #expect(error.code == .unavailable)
                }
                return statuses
            }
        }

        @Test func `Reflection lists every service and describes a method with its comment`() async throws {
            try await RunningServer.with("local: { enabled: false }") { server in
                try await server.withClient { gateway in
                    let answers = try await Self.reflect(
                        gateway,
                        [
                            .with { $0.listServices = "" },
                            .with { $0.fileContainingSymbol = "roundhouse.v1.GenerationService.StreamGenerate" },
                            .with { $0.fileContainingSymbol = "roundhouse.v1.Nothing" },
                        ])
                    try #require(answers.count == 3)
                    let services = Set(answers[0].listServicesResponse.service.map(\.name))
                    let expected: Set = [
                        "roundhouse.v1.GenerationService", "roundhouse.v1.RegistryService",
                        "roundhouse.v1.LifecycleService", "roundhouse.v1.TelemetryService",
                        "roundhouse.v1.AdminService",
                        "roundhouse.v1.HealthService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                        "grpc.reflection.v1alpha.ServerReflection",
                    ]
                    #expect(services == expected)
                    let files = try answers[1].fileDescriptorResponse.fileDescriptorProto.map {
                        try Google_Protobuf_FileDescriptorProto(serializedBytes: $0)
                    }
                    let file = try #require(files.first { $0.name == "roundhouse/v1/generation.proto" })
                    #expect(
                        file.service.first?.method.map(\.name) == [
                            "Generate", "StreamGenerate", "Embed", "ExplainRoute", "CountTokens",
                        ])
                    let comments = file.sourceCodeInfo.location.map(\.leadingComments)
                    #expect(comments.contains { $0.contains("Generates an answer and streams it") })
                    #expect(answers[2].errorResponse.errorCode == Int32(RPCError.Code.notFound.rawValue))
                }
            }
        }

        private static func reflect(
            _ gateway: Gateway,
            _ questions: [Grpc_Reflection_V1_ServerReflectionRequest]
        ) async throws -> [Grpc_Reflection_V1_ServerReflectionResponse] {
            try await gateway.reflection.serverReflectionInfo { writer in
                for question in questions { try await writer.write(question) }
            } onResponse: { response in
                try await response.messages.reduce(into: []) { $0.append($1) }
            }
        }
    }
}
