import GRPCCore
import GRPCProtobuf
import GRPCTransport
import Glibc
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// llama.cpp and the bundled models, as a fresh data directory serves them.
    @Suite struct Engine {
        private static let question = "What is the capital of France?"
        private static let story = "Tell me a story about a fox named Max."

        init() async throws {
            try await Program.installEngine()
        }

        private func withEngine(
            endingWith status: Ending = .orderly,
            _ body: @escaping @Sendable (RunningServer, Gateway) async throws -> Void
        ) async throws {
            try await RunningServer.with("", endingWith: status == .orderly ? .exited(0) : .signaled(9)) { server in
                try await server.withClient { gateway in
                    try await gateway.untilServing("local/small")
                    try await body(server, gateway)
                }
            }
        }

        private enum Ending {
            case orderly, killed
        }

        @Test func `A fresh server knows that Paris is the capital of France`() async throws {
            try await self.withEngine { server, gateway in
                let answer = try await gateway.stream(.asking(Self.question, "local/small") { $0.temperature = 0 })
                #expect(answer.error == nil && answer.isTruthful)
                #expect(answer.text.contains("Paris"), "\(answer.text)")
                #expect(answer.messages.count > 4, "it streams")
                let usage = try #require(answer.completed?.usage)
                #expect(usage.inputTokens > 0 && usage.outputTokens > 0 && !usage.estimated)
                // The same by every other name, and from the command line.
                for model in ["", "auto", "default"] {
                    let whole = try await gateway.generation.generate(.asking(Self.question, model))
                    #expect(whole.model == "local/small" && whole.text.contains("Paris"), "\(whole)")
                }
                let chat = try await Program.run(["chat", Self.question, "--address", "\(server.address)"])
                #expect(chat.status == .exited(0))
                #expect(chat.output.contains("Paris") && chat.errors.contains("local/small"), "\(chat.text)")
            }
        }

        @Test func `Sampling parameters reach the engine`() async throws {
            try await self.withEngine { _, gateway in
                let first = try await gateway.generation.generate(
                    .asking(Self.story, "local/small") { $0.temperature = 0 })
                let second = try await gateway.generation.generate(
                    .asking(Self.story, "local/small") { $0.temperature = 0 })
                #expect(first.text == second.text)
                #expect(first.text.contains(".") && first.completed.finishReason == .stop)

                let short = try await gateway.generation.generate(
                    .asking(Self.story, "local/small") { $0.maxOutputTokens = 3 })
                #expect(short.completed.finishReason == .length)
                #expect(short.completed.usage.outputTokens == 3)

                let stopped = try await gateway.generation.generate(
                    .asking(Self.story, "local/small") {
                        $0.temperature = 0
                        $0.stop = ["."]
                    })
                #expect(!stopped.text.isEmpty && !stopped.text.contains("."))
                #expect(first.text.hasPrefix(stopped.text))
                #expect(stopped.completed.finishReason == .stop)
            }
        }

        @Test func `CountTokens is exact, and too long a prompt is INVALID_ARGUMENT`() async throws {
            try await self.withEngine { _, gateway in
                let messages = [Roundhouse_V1_Message.saying("Be brief.", as: .system), .saying(Self.question)]
                let count = try await gateway.generation.countTokens(
                    .with {
                        $0.model = "local/small"
                        $0.messages = messages
                    })
                let answer = try await gateway.generation.generate(
                    .with {
                        $0.model = "local/small"
                        $0.messages = messages
                        $0.maxOutputTokens = 1
                    })
                #expect(!count.estimated && count.inputTokens == answer.completed.usage.inputTokens)

                let endless = String(repeating: "one two three ", count: 1000)
                let error = try await gateway.failure(of: .asking(endless, "local/small"))
                #expect(error.code == .invalidArgument)
                let info = try error.errorInfo()
                #expect(info.reason == "CONTEXT_LENGTH_EXCEEDED")
            }
        }

        @Test func `An engine that dies is started again`() async throws {
            try await self.withEngine { _, gateway in
                let before = try await self.engine(of: gateway)
                #expect(before.state == .ready && before.restartCount == 0)
                try #require(before.processID > 0)
                let cut = try await gateway.stream(.asking(Self.story, "local/small")) { message in
                    if case .started = message.event { kill(pid_t(before.processID), SIGKILL) }
                }
                #expect(cut.error?.code == .unavailable && cut.isTruthful, "\(cut)")
                #expect(cut.error?.message.contains("signal 9") == true, "\(cut)")
                // Requests may be told UNAVAILABLE meanwhile, but nothing else.
                let answers = try await Processes.until(within: .seconds(60)) {
                    let answer = try await gateway.stream(.asking(Self.question, "local/small") { $0.temperature = 0 })
                    if let error = answer.error { try #require(error.code == .unavailable, "\(error)") }
                    return answer.text.contains("Paris")
                }
                #expect(answers)
                let after = try await self.engine(of: gateway)
                #expect(after.processID != before.processID && after.restartCount == 1)
            }
        }

        @Test func `SIGTERM lets an engine finish its answer, and ends it before the server`() async throws {
            try await self.withEngine { server, gateway in
                try #require(!Processes.engines(of: server.pid).isEmpty)
                let answer = try await gateway.stream(.asking(Self.story, "local/small")) { message in
                    if case .started = message.event { server.terminate() }
                }
                #expect(answer.error == nil && answer.isTruthful)
                #expect(answer.completed?.finishReason == .stop)
                await server.end()
                #expect(Processes.engines(of: server.pid).isEmpty)
            }
        }

        @Test func `kill -9 of the server ends the engines, too`() async throws {
            // The fixture looks for engines that are left.
            try await self.withEngine(endingWith: .killed) { server, _ in
                try #require(!Processes.engines(of: server.pid).isEmpty)
                server.kill()
                await server.end()
            }
        }

        private func engine(of gateway: Gateway) async throws -> Roundhouse_V1_EngineStatus {
            let status = try await gateway.system.getSystemStatus(.init())
            return try #require(status.engines.first { $0.model == "local/small" })
        }
    }
}
