import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import Glibc
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// An answer that is cut in the middle is made whole by another attempt, the real llama.cpp on one side or on both.
    @Suite struct Recovery {
        private static let story = "Tell me a story about a fox named Max."
        private static let ending = [" and then", " they all", " went home."]

        init() async throws {
            try await Program.installEngine()
        }

        /// - Parameter order: the targets of the alias `all`.
        private func withModels(
            _ order: String,
            _ script: @escaping FaultUpstream.Script,
            _ body: @escaping @Sendable (Gateway, FaultUpstream) async throws -> Void
        ) async throws {
            try await FaultUpstream.run(script: script) { upstream in
                // The kind of a server that goes on with a begun answer.
                let configuration = """
                    providers: [{ id: cloud, kind: llama_cpp, base_url: '\(upstream.baseURL)', models: [{ name: m }] }]
                    aliases: { all: [\(order)] }
                    """
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        try await gateway.untilServing("local/small")
                        try await body(gateway, upstream)
                    }
                }
            }
        }

        private static func request(
            _ recovery: Roundhouse_V1_RecoveryMode
        ) -> Roundhouse_V1_StreamGenerateRequest {
            .asking(Self.story, "all") {
                $0.temperature = 0
                $0.recovery = recovery
            }
        }

        // MARK: - The local engine is killed

        /// Asks, and kills the engine when some text of its own has come.
        ///
        /// The engine may be through before it is hit: then it is asked once more.
        private static func answerOfKilledEngine(
            _ gateway: Gateway, _ recovery: Roundhouse_V1_RecoveryMode
        ) async throws -> Answer {
            var answer = Answer()
            for _ in 0..<5 {
                try await gateway.untilServing("local/small")
                let engine = try await gateway.loaded().models.first { $0.model == "local/small" }
                let pid = pid_t(try #require(engine?.processID))
                try #require(pid > 1)
                let begun = Begun()
                answer = try await gateway.stream(Self.request(recovery)) { message in
                    if begun.takes(message, atLeast: 40) { Glibc.kill(pid, SIGKILL) }
                }
                if answer.error != nil || answer.completed?.attempts.count != 1 { return answer }
            }
            return answer
        }

        @Test func `RESTART: the cloud begins anew when the local engine is killed`() async throws {
            try await self.withModels("local/small, cloud/m") { request in
                .answer(to: request, ["Max", " was", " a fox."])
            } _: { gateway, upstream in
                let answer = try await Self.answerOfKilledEngine(gateway, .restart)
                try Self.check(answer, first: "local/small", second: "cloud/m")
                let place = try #require(answer.messages.firstIndex { $0.superseded.attempt == 1 })
                #expect(!answer.messages[place].superseded.fault.isEmpty)
                let void = answer.messages[..<place].map(\.textDelta.text).joined()
                #expect(void.utf8.count >= 40, "\(void)")
                #expect(answer.messages[place...].map(\.textDelta.text).joined() == "Max was a fox.")
                #expect(answer.messages[(place + 1)...].first?.started.continued == false)
                #expect(upstream.requests.all.count == 1)
                // Not a word of the first answer is handed on.
                #expect(try Conversation(upstream.requests.all[0]).messages.map(\.role) == ["user"])
            }
        }

        @Test func `CONTINUE: the cloud goes on where the local engine was killed, and repeats nothing`() async throws {
            try await self.withModels("local/small, cloud/m") { request in
                // It says the last words once more, as some servers do.
                let begun = (try? Conversation(request).messages.last?.content) ?? ""
                return .answer(to: request, [Self.escaped(String(begun.suffix(24)))] + Self.ending)
            } _: { gateway, upstream in
                let answer = try await Self.answerOfKilledEngine(gateway, .continue)
                try Self.check(answer, first: "local/small", second: "cloud/m")
                let place = try #require(answer.messages.lastIndex { !$0.started.model.isEmpty })
                #expect(answer.messages[place].started.continued)
                let sent = answer.messages[..<place].map(\.textDelta.text).joined()
                #expect(sent.utf8.count >= 40, "\(sent)")
                #expect(answer.text == sent + Self.ending.joined())
                let asked = try Conversation(#require(upstream.requests.all.first)).messages
                #expect(asked.map(\.role) == ["user", "assistant"])
                #expect(asked.last?.content == sent, "what the client has is what is gone on from")
            }
        }

        @Test(arguments: [Roundhouse_V1_RecoveryMode.align, .restart])
        func `A killed engine's successor says the same, and the client sees one answer`(
            recovery: Roundhouse_V1_RecoveryMode
        ) async throws {
            try await self.withModels("local/small") { _ in
                [.close]
            } _: { gateway, _ in
                let whole = try await Self.whole(gateway)
                let answer = try await Self.answerOfKilledEngine(gateway, recovery)
                try Self.check(answer, first: "local/small", second: "local/small")
                #expect(answer.messages.allSatisfy { $0.superseded.attempt == 0 })
                // At temperature 0 it begins with what was sent.
                #expect(answer.text == whole.text)
                let place = try #require(answer.messages.lastIndex { !$0.started.model.isEmpty })
                #expect(answer.messages[place].started.continued && answer.messages[place].started.attempt == 2)
            }
        }

        // MARK: - The cloud cuts

        /// What the local model says by itself, and its beginning as the cloud's tokens.
        private static func whole(_ gateway: Gateway) async throws -> (text: String, begun: [String]) {
            let text = try await gateway.generation.generate(
                .asking(Self.story, "local/small") { $0.temperature = 0 }
            ).text
            let words = text.split(separator: " ", omittingEmptySubsequences: false)
            try #require(words.count > 30, "\(text)")
            return (text, words.prefix(12).enumerated().map { $0 == 0 ? String($1) : " \($1)" })
        }

        /// Streams `tokens` and closes.
        private static func cut(_ tokens: [String]) -> [FaultUpstream.Step] {
            .streamHead() + tokens.flatMap { [FaultUpstream.Step].event(Chunk.text(Self.escaped($0))) } + [.close]
        }

        @Test func `RESTART: the local engine begins anew when the cloud cuts`() async throws {
            try await self.withModels("cloud/m, local/small") { _ in
                Self.cut(["Nobody", " knows"])
            } _: { gateway, upstream in
                let whole = try await Self.whole(gateway)
                let answer = try await gateway.stream(Self.request(.restart))
                try Self.check(answer, first: "cloud/m", second: "local/small")
                let place = try #require(answer.messages.firstIndex { $0.superseded.attempt == 1 })
                #expect(answer.messages[..<place].map(\.textDelta.text).joined() == "Nobody knows")
                #expect(answer.messages[place...].map(\.textDelta.text).joined() == whole.text)
                #expect(upstream.requests.all.count == 1)
            }
        }

        @Test(arguments: [Roundhouse_V1_RecoveryMode.align, .restart])
        func `The local engine says by itself what the cloud had said, and goes on where it cut`(
            recovery: Roundhouse_V1_RecoveryMode
        ) async throws {
            let tokens = Recorder<[String]>()
            try await self.withModels("cloud/m, local/small") { _ in
                Self.cut(tokens.all.first ?? [])
            } _: { gateway, _ in
                let whole = try await Self.whole(gateway)
                _ = tokens.append { _ in whole.begun }
                let answer = try await gateway.stream(Self.request(recovery))
                try Self.check(answer, first: "cloud/m", second: "local/small")
                #expect(answer.messages.allSatisfy { $0.superseded.attempt == 0 })
                #expect(answer.text == whole.text)
                let place = try #require(answer.messages.lastIndex { !$0.started.model.isEmpty })
                #expect(answer.messages[place].started.continued)
                #expect(answer.messages[..<place].map(\.textDelta.text).joined() == whole.begun.joined())
            }
        }

        @Test func `ALIGN: the local engine says something else, and goes on from what the cloud had said`()
            async throws
        {
            try await self.withModels("cloud/m, local/small") { _ in
                Self.cut(["Nobody", " knows", " of the fox named"])
            } _: { gateway, _ in
                let answer = try await gateway.stream(Self.request(.align))
                #expect(answer.error == nil && answer.isTruthful, "\(answer)")
                let completed = try #require(answer.completed)
                #expect(completed.attempts.map(\.fault) == ["truncated", "diverged", ""])
                #expect(answer.messages.allSatisfy { $0.superseded.attempt == 0 })
                #expect(answer.text.hasPrefix("Nobody knows of the fox named"))
                let started = answer.messages.map(\.started).filter { !$0.model.isEmpty }
                #expect(started.map(\.attempt) == [1, 3] && started.map(\.continued) == [false, true])
            }
        }

        @Test func `What is kept back hides a cut`() async throws {
            try await self.withModels("cloud/m, local/small") { _ in
                Self.cut(["Nobody", " knows"])
            } _: { gateway, _ in
                let whole = try await Self.whole(gateway)
                var request = Self.request(.fail)
                request.holdBack.characters = 40
                let answer = try await gateway.stream(request)
                #expect(answer.error == nil && answer.isTruthful && answer.text == whole.text, "\(answer)")
                #expect(answer.completed?.attempts.map(\.model) == ["cloud/m", "local/small"])
                #expect(answer.messages.count { !$0.started.model.isEmpty } == 1)
            }
        }

        @Test func `CONTINUE: the local engine goes on where the cloud cut, as if it had said it all`() async throws {
            let tokens = Recorder<[String]>()
            try await self.withModels("cloud/m, local/small") { _ in
                Self.cut(tokens.all.first ?? [])
            } _: { gateway, _ in
                let whole = try await Self.whole(gateway)
                _ = tokens.append { _ in whole.begun }
                let answer = try await gateway.stream(Self.request(.continue))
                try Self.check(answer, first: "cloud/m", second: "local/small")
                let place = try #require(answer.messages.lastIndex { !$0.started.model.isEmpty })
                #expect(answer.messages[place].started.continued)
                #expect(answer.messages[..<place].map(\.textDelta.text).joined() == whole.begun.joined())
                // At temperature 0 a real prefill leads to the same words.
                #expect(answer.text == whole.text)
            }
        }

        @Test func `FAIL: the stream ends with a status that tells how much was sent`() async throws {
            try await self.withModels("cloud/m, local/small") { _ in
                Self.cut(["Once", " upon"])
            } _: { gateway, _ in
                let answer = try await gateway.stream(Self.request(.fail))
                #expect(answer.text == "Once upon" && answer.isTruthful)
                let error = try #require(answer.error)
                #expect(error.code == .unavailable)
                #expect(try error.errorInfo().metadata["text_bytes_sent"] == "9")
            }
        }

        // MARK: - Support

        /// What holds for every answer that a second model made whole.
        private static func check(
            _ answer: Answer, first: String, second: String, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            #expect(answer.error == nil && answer.isTruthful, "\(answer)", sourceLocation: sourceLocation)
            let completed = try #require(answer.completed, sourceLocation: sourceLocation)
            #expect(completed.finishReason == .stop, sourceLocation: sourceLocation)
            #expect(completed.model == second, sourceLocation: sourceLocation)
            let attempts = completed.attempts
            #expect(attempts.map(\.model) == [first, second], "\(attempts)", sourceLocation: sourceLocation)
            #expect(
                ["truncated", "unreachable"].contains(attempts.first?.fault), "\(attempts)",
                sourceLocation: sourceLocation)
            #expect(attempts.last?.fault == "", sourceLocation: sourceLocation)
            // What the failed one said has been counted, too.
            #expect(attempts.first.map { $0.usage.outputTokens > 0 } == true, sourceLocation: sourceLocation)
            let started = answer.messages.map(\.started).filter { !$0.model.isEmpty }
            #expect(started.map(\.model) == [first, second], sourceLocation: sourceLocation)
            #expect(started.map(\.attempt) == [1, 2], sourceLocation: sourceLocation)
        }

        /// As part of a JSON text.
        private static func escaped(_ text: String) -> String {
            let encoded = (try? JSONEncoder().encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? ""
            return String(encoded.dropFirst().dropLast())
        }
    }
}

/// Tells once that an answer has begun.
private final class Begun: Sendable {
    private let bytes = Counter()

    /// - Returns: whether with this message there is so much text for the first time.
    func takes(_ message: Roundhouse_V1_StreamGenerateResponse, atLeast least: Int) -> Bool {
        let before = self.bytes.value
        self.bytes.add(message.textDelta.text.utf8.count)
        return before < least && self.bytes.value >= least
    }
}

/// The body of a request for chat completions, as far as it is looked at.
private struct Conversation: Decodable {
    struct Message: Decodable {
        var role: String
        var content: String
    }

    var messages: [Message]

    init(_ request: FaultUpstream.Request) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(request.body))
    }
}
