import GRPCCore
import GRPCTransport
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Shutdown {
        @Test func `SIGTERM under load lets running streams end whole and refuses new ones`() async throws {
            let goOn = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + .event(Chunk.text("one ")) + [.wait(goOn)] + .event(Chunk.text("two"))
                    + .event(Chunk.finish) + .event(Chunk.usage(3, 2)) + .event("[DONE]") + .lastChunk
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        let answers = try await Self.streams(20, through: gateway) {
                            server.terminate()
                            #expect(await server.log.first(containing: "Shutting down") != nil)
                            // On the connection that is there, and on one of its own.
                            for late in [try await gateway.stream(.asking()), try await Self.askAnew(server)] {
                                #expect(late.error?.code == .unavailable, "\(String(describing: late.error))")
                                #expect(late.messages.isEmpty)
                            }
                            goOn.open()
                        }
                        #expect(answers.count == 20)
                        for answer in answers {
                            #expect(answer.error == nil && answer.isTruthful && answer.text == "one two")
                        }
                    }
                    await server.end()
                    #expect(upstream.requests.all.count == 20)
                }
            }
        }

        @Test func `A second SIGTERM ends at once`() async throws {
            let never = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + .event(Chunk.text("one")) + [.wait(never)]
            } _: { upstream in
                let configuration = providers(upstream.baseURL, settings: "grpc: { shutdown_grace: 1h }")
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        let answers = try await Self.streams(3, through: gateway) {
                            server.terminate()
                            #expect(await server.log.first(containing: "Shutting down") != nil)
                            server.terminate()
                        }
                        #expect(answers.allSatisfy { $0.error?.code == .unavailable && $0.isTruthful }, "\(answers)")
                    }
                    await server.end()
                }
            }
        }

        @Test func `The grace period ends streams that do not end by themselves`() async throws {
            let never = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + .event(Chunk.text("one")) + [.wait(never)]
            } _: { upstream in
                let configuration = providers(upstream.baseURL, settings: "grpc: { shutdown_grace: 500ms }")
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        let answers = try await Self.streams(1, through: gateway) { server.terminate() }
                        #expect(answers.first?.error?.code == .unavailable, "\(answers)")
                    }
                    await server.end()
                }
            }
        }

        /// Opens streams, runs `body` once each has had a token, and returns all answers.
        private static func streams(
            _ count: Int,
            through gateway: Gateway,
            _ body: () async throws -> Void
        ) async throws -> [Answer] {
            let tokens = Recorder<Void>()
            return try await withThrowingTaskGroup(of: Answer.self) { group in
                for _ in 0..<count {
                    group.addTask {
                        try await gateway.stream(.asking()) { message in
                            if message.textDelta.text.hasPrefix("one") { tokens.append { _ in } }
                        }
                    }
                }
                await tokens.element(count - 1)
                try await body()
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }

        private static func askAnew(_ server: RunningServer) async throws -> Answer {
            try await server.withClient { try await $0.stream(.asking()) }
        }
    }
}
