import GRPCCore
import GRPCProtobuf
import Inference
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

@testable import Roundhouse

@Suite("StreamGenerate")
struct StreamGenerateTests {
    @Test("A whole answer is started, deltas in order and completed, numbered without gaps")
    func tellsAnAnswer() async throws {
        let words = (0..<50).map { "w\($0) " }
        try await Gateway.with(ScriptedProvider(.local, saying: words)) { gateway in
            let (messages, error) = try await gateway.stream(.asking("hi") { $0.requestID = "mine" })
            #expect(error == nil)
            #expect(messages.map(\.sequence) == (0..<Int64(messages.count)).map { $0 })
            #expect(messages.first?.started.model == "local/m")
            #expect(messages.first?.started.provider == "local")
            #expect(messages.first?.started.attempt == 1)
            #expect(messages.first?.started.requestID == "mine")
            #expect(messages.map(\.textDelta.text).joined() == words.joined())
            let completed = try #require(messages.last?.completed)
            #expect(completed.finishReason == .stop)
            #expect(completed.usage.inputTokens == 3)
            #expect(completed.usage.outputTokens == 50)
            #expect(!completed.usage.estimated)
            #expect(completed.attempts.map(\.model) == ["local/m"])
            #expect(completed.attempts.map(\.fault) == [""])
            let record = try #require(gateway.records.records.first)
            #expect(record.id == "mine")
            #expect(record.status == "OK")
            #expect(record.requestedModel == "auto")
            #expect(record.model?.description == "local/m")
            #expect(record.usage?.outputTokens == 50)
            #expect(record.firstTokenLatency != nil)
            #expect(record.isStreamed)
        }
    }

    @Test("Deltas that arrived together are one message, of each kind apart")
    func mergesDeltas() async throws {
        let first = try provider("a") { _ in
            .answer([
                [
                    .reasoningDelta("hm"), .reasoningDelta("m"), .textDelta("a"), .textDelta("b"),
                    .toolCallDelta(ToolCallDelta(index: 0, id: "c1", name: "f", argumentsFragment: "{")),
                    .toolCallDelta(ToolCallDelta(index: 0, argumentsFragment: "}")),
                    .toolCallDelta(ToolCallDelta(index: 1, id: "c2", name: "g", argumentsFragment: "[]")),
                    .finished(.toolCalls),
                ]
            ])
        }
        try await Gateway.with(first) { gateway in
            let (messages, _) = try await gateway.stream(.asking("hi"))
            #expect(messages.count == 6)
            #expect(messages[1].reasoningDelta.text == "hmm")
            #expect(messages[2].textDelta.text == "ab")
            #expect(messages[3].toolCallDelta.argumentsJson == "{}")
            #expect(messages[3].toolCallDelta.name == "f")
            #expect(messages[4].toolCallDelta.id == "c2")
            #expect(messages[5].completed.finishReason == .toolCalls)
        }
    }

    @Test("A missing usage is estimated and says so")
    func estimatesUsage() async throws {
        let first = try provider("a") { _ in .answer([[.textDelta("12345678"), .finished(.stop)]]) }
        try await Gateway.with(first) { gateway in
            let (messages, _) = try await gateway.stream(.asking("12345678"))
            let usage = try #require(messages.last?.completed.usage)
            #expect(usage.estimated)
            #expect(usage.outputTokens == 2)
            #expect(usage.inputTokens == 6)
        }
    }

    @Test("A failure before the first output is invisible but for the attempts")
    func failsOverUnseen() async throws {
        let first = try provider("a") { _ in .refuse(UpstreamFault(.unreachable, "connection refused")) }
        let second = ScriptedProvider(.local, saying: ["yes"])
        try await Gateway.with(first, second) { gateway in
            let (messages, error) = try await gateway.stream(.asking("hi", model: "all"))
            #expect(error == nil)
            #expect(messages.first?.started.attempt == 2)
            let attempts = try #require(messages.last?.completed.attempts)
            #expect(attempts.map(\.model) == ["a/m", "local/m"])
            #expect(attempts.map(\.fault) == ["unreachable", ""])
            #expect(attempts[0].message == "connection refused")
            #expect(gateway.records.records.first?.attempts.count == 2)
        }
    }

    @Test(
        "A stream that is cut is never completed and never OK",
        arguments: [UpstreamFault.Kind.truncated, .serverError, .malformed, .timedOut(.idle)])
    func neverLies(kind: UpstreamFault.Kind) async throws {
        let first = try provider("a") { _ in .answer([[.textDelta("half")]], fault: UpstreamFault(kind, "cut")) }
        try await Gateway.with(first, ScriptedProvider(.local, saying: ["yes"])) { gateway in
            let (messages, error) = try await gateway.stream(.asking("hi", model: "all"))
            #expect(messages.map(\.textDelta.text).joined() == "half")
            #expect(!messages.contains { $0.event == .completed($0.completed) })
            let status = try #require(error)
            #expect(status.code == .unavailable)
            let info = try status.errorInfo()
            #expect(info.domain == "roundhouse")
            #expect(info.metadata["text_bytes_sent"] == "4")
            #expect(info.metadata["fault"] == UpstreamFault(kind, "").reason)
            let record = try #require(gateway.records.records.first)
            #expect(record.status == "UNAVAILABLE")
            #expect(record.usage?.isEstimated == true)
            #expect(record.finishReason == nil)
        }
    }

    @Test("An upstream that stops without a finish is truncated, also when it threw nothing")
    func refusesSilentEnds() async throws {
        let first = try provider("a") { _ in .answer([[.textDelta("half")]]) }
        try await Gateway.with(first) { gateway in
            let (_, error) = try await gateway.stream(.asking("hi"))
            let status = try #require(error)
            #expect(try status.errorInfo().reason == "UPSTREAM_TRUNCATED")
        }
    }

    @Test("When everyone fails the status names every reason and says when to come back")
    func tellsAllReasons() async throws {
        let first = try provider("a") { _ in .refuse(UpstreamFault(.unreachable, "connection refused")) }
        let second = try provider("b") { _ in .refuse(UpstreamFault(.serverError, "HTTP 500")) }
        try await Gateway.with(first, second) { gateway in
            let (messages, error) = try await gateway.stream(.asking("hi", model: "all"))
            #expect(messages.isEmpty)
            let status = try #require(error)
            #expect(status.code == .unavailable)
            #expect(status.message.contains("connection refused"))
            #expect(status.message.contains("HTTP 500"))
            let info = try status.errorInfo()
            #expect(info.metadata["attempt_1"] == "a/m: unreachable: connection refused")
            #expect(info.metadata["attempt_2"] == "b/m: server_error: HTTP 500")
            #expect(try status.details().details.contains { $0.retryInfo != nil })
            #expect(Array(status.metadata[stringValues: "grpc-retry-pushback-ms"]) == ["1000"])
        }
    }
}

@Suite("Generate and CountTokens")
struct GenerateTests {
    @Test("The whole answer is the stream, collected")
    func collects() async throws {
        let first = try provider("a") { request in
            #expect(request.delivery == .whole)
            return .answer([
                [
                    .reasoningDelta("because"), .textDelta("a"), .textDelta("b"),
                    .toolCallDelta(ToolCallDelta(index: 0, id: "c", name: "f", argumentsFragment: "{}")),
                    .finished(.length),
                ]
            ])
        }
        try await Gateway.with(first) { gateway in
            let response = try await gateway.generation.generate(.asking("hi", model: "a/m"))
            #expect(response.text == "ab")
            #expect(response.reasoning == "because")
            #expect(response.toolCalls.map(\.name) == ["f"])
            #expect(response.model == "a/m")
            #expect(response.completed.finishReason == .length)
            #expect(!response.requestID.isEmpty)
        }
    }

    @Test("What the client said reaches the upstream, and what it did not say is not sent")
    func passesParametersOn() async throws {
        let first = ScriptedProvider(.local, saying: ["x"])
        try await Gateway.with(first) { gateway in
            _ = try await gateway.generation.generate(.asking("hi"))
            _ = try await gateway.generation.generate(
                .asking("hi") {
                    $0.messages.insert(
                        .with {
                            $0.role = .system
                            $0.parts = [.with { $0.text = "be kind" }]
                        }, at: 0)
                    $0.temperature = 0
                    $0.topP = 0.5
                    $0.maxOutputTokens = 7
                    $0.stop = ["END"]
                    $0.seed = -3
                    $0.presencePenalty = -2
                    $0.frequencyPenalty = 2
                    $0.metadata = ["team": "blue"]
                }
            )
            #expect(first.requests[0].inference.sampling == SamplingParameters())
            let said = first.requests[1].inference
            #expect(
                said.sampling
                    == SamplingParameters(
                        temperature: 0,
                        topP: 0.5,
                        maxOutputTokens: 7,
                        stop: ["END"],
                        seed: -3,
                        presencePenalty: -2,
                        frequencyPenalty: 2
                    )
            )
            #expect(said.messages == [Message(.system, "be kind"), Message(.user, "hi")])
            #expect(gateway.records.records[1].metadata == ["team": "blue"])
        }
    }

    static let violations: [(String, @Sendable (inout Roundhouse_V1_GenerateRequest) -> Void)] = [
        ("model", { $0.model = "a/" }),
        ("messages", { $0.messages = [] }),
        ("messages[0].role", { $0.messages[0].role = .unspecified }),
        ("messages[0].role", { $0.messages[0].role = .UNRECOGNIZED(9) }),
        ("messages[0].parts", { $0.messages[0].parts = [] }),
        ("messages[0].parts[0]", { $0.messages[0].parts[0].content = nil }),
        ("temperature", { $0.temperature = 2.1 }),
        ("temperature", { $0.temperature = -0.1 }),
        ("temperature", { $0.temperature = .nan }),
        ("top_p", { $0.topP = 0 }),
        ("top_p", { $0.topP = 1.1 }),
        ("max_output_tokens", { $0.maxOutputTokens = 0 }),
        ("stop", { $0.stop = Array(repeating: "x", count: 17) }),
        ("stop[1]", { $0.stop = ["x", ""] }),
        ("presence_penalty", { $0.presencePenalty = 2.5 }),
        ("frequency_penalty", { $0.frequencyPenalty = .infinity }),
        ("request_id", { $0.requestID = "two words" }),
        ("request_id", { $0.requestID = String(repeating: "x", count: 129) }),
        ("metadata['k']", { $0.metadata = ["k": String(repeating: "x", count: 513)] }),
    ]

    @Test("Each violation is named in BadRequest, before anybody is asked", arguments: violations.indices)
    func namesViolations(index: Int) async throws {
        let (field, edit) = Self.violations[index]
        let first = ScriptedProvider(.local, saying: ["x"])
        try await Gateway.with(first) { gateway in
            let error = await #expect(throws: RPCError.self) {
                try await gateway.generation.generate(.asking("hi", edit: edit))
            }
            #expect(error?.code == .invalidArgument)
            let details = try #require(error).details().details
            #expect(details.compactMap(\.badRequest).first?.violations.map(\.field) == [field])
            #expect(first.requests.isEmpty)
        }
    }

    @Test("All violations are told at once")
    func tellsAllViolations() async throws {
        try await Gateway.with(ScriptedProvider(.local, saying: ["x"])) { gateway in
            let error = await #expect(throws: RPCError.self) {
                try await gateway.generation.generate(
                    .asking("hi") {
                        $0.temperature = 9
                        $0.topP = 9
                        $0.messages = []
                    })
            }
            let fields = try #require(error).details().details.compactMap(\.badRequest).first?.violations.map(\.field)
            #expect(fields == ["messages", "temperature", "top_p"])
        }
    }

    @Test("An unknown model is NOT_FOUND with its name")
    func unknownModel() async throws {
        try await Gateway.with(ScriptedProvider(.local, saying: ["x"])) { gateway in
            let error = await #expect(throws: RPCError.self) {
                try await gateway.generation.generate(.asking("hi", model: "nothing"))
            }
            #expect(error?.code == .notFound)
            let status = try #require(error)
            #expect(try status.errorInfo().reason == "MODEL_NOT_FOUND")
            #expect(try status.details().details.compactMap(\.resourceInfo).first?.name == "nothing")
        }
    }

    @Test("With nothing configured the answer is UNAVAILABLE with what to do")
    func nothingConfigured() async throws {
        try await Gateway.with { gateway in
            let error = await #expect(throws: RPCError.self) {
                try await gateway.generation.generate(.asking("hi"))
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("roundhouse engines install") == true)
            let status = try #require(error)
            #expect(try status.errorInfo().reason == "NO_READY_MODEL")
            let system = try await gateway.health.getSystemStatus(.init())
            #expect(system.state == .unhealthy)
            #expect(system.issues.count == 1)
        }
    }

    @Test("Tokens are counted by the upstream, or estimated and marked")
    func countsTokens() async throws {
        let first = ScriptedProvider(.local, saying: [])
        try await Gateway.with(first) { gateway in
            let request = Roundhouse_V1_CountTokensRequest.with {
                $0.messages = [
                    .with {
                        $0.role = .user
                        $0.parts = [.with { $0.text = "12345678" }]
                    }
                ]
            }
            let estimate = try await gateway.generation.countTokens(request)
            #expect(estimate.estimated)
            #expect(estimate.inputTokens == 6)
            first.setTokenCount(11)
            let count = try await gateway.generation.countTokens(request)
            #expect(!count.estimated)
            #expect(count.inputTokens == 11)
            #expect(count.model == "local/m")
        }
    }
}
