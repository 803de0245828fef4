// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Names of the wire format.

import FoundationEssentials
import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// gRPC, REST and `/v1` are three doors of one house: the same request means the same through each.
    @Suite struct ThreeDoors {
        enum Door: String, CaseIterable, Sendable {
            case grpc, rest, openAI
        }

        private struct Reply {
            var status: Int
            var body: String
        }

        /// What a client has of an answer.
        struct Seen: Equatable {
            var text = ""
            var model = ""
            var reason = ""
            var inputTokens = 0
            var outputTokens = 0
            var cachedTokens = 0
        }

        @Test(arguments: [false, true])
        func `The same answer, usage, record and metrics`(_ isStreamed: Bool) async throws {
            let answer = #"{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}"#
            try await FaultUpstream.run { _ in
                isStreamed
                    ? .stream([
                        Chunk.text("one "), Chunk.text("two"), Chunk.finish, #"{"choices":[],"usage":\#(answer)}"#,
                    ])
                    : .whole(
                        #"{"choices":[{"index":0,"message":{"role":"assistant","content":"one two"},"#
                            + #""finish_reason":"stop"}],"usage":\#(answer)}"#)
            } _: { upstream in
                var seen: [Door: Seen] = [:]
                var records: [Door: Roundhouse_V1_RequestRecord] = [:]
                var pages: [Door: [String]] = [:]
                for door in Door.allCases {
                    // A server for each, so that figures are of one request alone.
                    let outcome = try await RunningServer.with(Self.configuration(upstream.baseURL)) { server in
                        try await server.withClient { gateway in
                            let seen = try await Self.ask(door, isStreamed, server, gateway)
                            let isKept = try await Processes.until(within: .seconds(10)) {
                                try await !gateway.telemetry.listRequests(.init()).requests.isEmpty
                            }
                            try #require(isKept, "\(door)")
                            let record = try await gateway.telemetry.listRequests(.init()).requests.first
                            return (seen, record, Self.figures(try await server.ask("/metrics").body))
                        }
                    }
                    (seen[door], records[door], pages[door]) = outcome
                }
                let expected = Seen(
                    text: "one two", model: "first/m", reason: "stop", inputTokens: 9, outputTokens: 2, cachedTokens: 4)
                let record = Self.comparable(try #require(records[.grpc]))
                #expect(record.status == "OK" && record.streamed == isStreamed && record.tags == ["nightly"])
                #expect(record.usage.inputTokens == 9 && record.attempts.count == 1 && record.requestedModel == "all")
                let page = try #require(pages[.grpc])
                #expect(page.contains { $0.hasPrefix("ai_model_requests_total{model=\"first/m\"") }, "\(page)")
                for door in Door.allCases {
                    #expect(seen[door] == expected, "\(door)")
                    #expect(records[door].map(Self.comparable) == record, "\(door)")
                    #expect(pages[door] == page, "\(door)")
                }
            }
        }

        @Test(arguments: Door.allCases)
        func `A model that does not exist is the same mistake`(_ door: Door) async throws {
            try await RunningServer.with("local: { enabled: false }\n") { server in
                try await server.withClient { gateway in
                    switch door {
                    case .grpc:
                        let error = await #expect(throws: RPCError.self) {
                            try await gateway.generation.generate(.asking("hi", "nobody/none"))
                        }
                        #expect(error?.code == .notFound)
                    case .rest, .openAI:
                        let answer = try await Self.post(
                            door, isStreamed: false, model: "nobody/none", to: server)
                        #expect(answer.status == 404 && answer.body.contains("nobody/none"), "\(answer)")
                        #expect(answer.body.contains(door == .rest ? "MODEL_NOT_FOUND" : "model_not_found"))
                    }
                }
            }
        }

        // MARK: - Asking

        private static func configuration(_ url: String) -> String {
            """
            local: { enabled: false }
            providers:
              - id: first
                kind: custom
                base_url: '\(url)'
                models: [{ name: m, price_input: 1, price_output: 2, price_cached_input: 0.5 }]
            aliases: { all: [first/m] }

            """
        }

        private static func ask(
            _ door: Door, _ isStreamed: Bool, _ server: RunningServer, _ gateway: Gateway
        ) async throws -> Seen {
            if door == .grpc { return try await self.askGateway(gateway, isStreamed) }
            let answer = try await self.post(door, isStreamed: isStreamed, model: "all", to: server)
            try #require(answer.status == 200, "\(answer)")
            let documents =
                isStreamed
                ? answer.body.split(separator: "\n").filter { $0.hasPrefix("data: {") }.map { String($0.dropFirst(6)) }
                : [answer.body]
            var seen = Seen()
            for document in documents {
                if door == .rest {
                    try self.take(rest: document, isStreamed, into: &seen)
                } else {
                    try self.take(openAI: document, into: &seen)
                }
            }
            return seen
        }

        private static func askGateway(_ gateway: Gateway, _ isStreamed: Bool) async throws -> Seen {
            if isStreamed {
                let answer = try await gateway.stream(.asking { $0.tags = ["nightly"] })
                #expect(answer.isTruthful)
                var seen = Seen(try #require(answer.completed), answer.text)
                seen.model = answer.messages.first?.started.model ?? ""
                return seen
            }
            let answer = try await gateway.generation.generate(
                .with {
                    $0.model = "all"
                    $0.messages = [.saying("hi")]
                    $0.tags = ["nightly"]
                })
            var seen = Seen(answer.completed, answer.text)
            seen.model = answer.model
            return seen
        }

        private static func take(rest text: String, _ isStreamed: Bool, into seen: inout Seen) throws {
            if isStreamed {
                let message = try Roundhouse_V1_StreamGenerateResponse(jsonString: text)
                switch message.event {
                case .started(let started): seen.model = started.model
                case .textDelta(let delta): seen.text += delta.text
                case .completed(let completed):
                    let (text, model) = (seen.text, seen.model)
                    seen = Seen(completed, text)
                    seen.model = model
                default: Issue.record("\(message)")
                }
            } else {
                let message = try Roundhouse_V1_GenerateResponse(jsonString: text)
                seen = Seen(message.completed, message.text)
                seen.model = message.model
            }
        }

        /// A chunk or a whole answer, as far as it matters here.
        private struct OpenAIObject: Decodable {
            struct Choice: Decodable {
                var message: Message?
                var delta: Message?
                var finish_reason: String?
            }
            struct Message: Decodable {
                var content: String?
            }
            struct Usage: Decodable {
                struct Details: Decodable {
                    var cached_tokens: Int
                }
                var prompt_tokens: Int
                var completion_tokens: Int
                var prompt_tokens_details: Details
            }
            var model: String
            var choices: [Choice]
            var usage: Usage?
        }

        private static func take(openAI text: String, into seen: inout Seen) throws {
            let object = try JSONDecoder().decode(OpenAIObject.self, from: Data(text.utf8))
            seen.model = object.model
            if let choice = object.choices.first {
                seen.text += (choice.delta ?? choice.message)?.content ?? ""
                seen.reason = choice.finish_reason ?? seen.reason
            }
            guard let usage = object.usage else { return }
            seen.inputTokens = usage.prompt_tokens
            seen.outputTokens = usage.completion_tokens
            seen.cachedTokens = usage.prompt_tokens_details.cached_tokens
        }

        private static func post(
            _ door: Door, isStreamed: Bool, model: String, to server: RunningServer
        ) async throws -> Reply {
            let (path, body): (String, String) =
                switch door {
                case .openAI:
                    (
                        "/v1/chat/completions",
                        #"{"model":"\#(model)","messages":[{"role":"user","content":"hi"}],"stream":\#(isStreamed),"#
                            + (isStreamed ? #""stream_options":{"include_usage":true},"# : "")
                            + #""roundhouse":{"tags":["nightly"]}}"#
                    )
                default:
                    (
                        isStreamed ? "/api/v1/generate:stream" : "/api/v1/content/generate",
                        #"{"model":"\#(model)","messages":[{"role":"ROLE_USER","parts":[{"text":"hi"}]}],"#
                            + #""tags":["nightly"]}"#
                    )
                }
            let connection = try RawConnection(port: try #require(server.httpPort))
            let head = [
                "POST \(path) HTTP/1.1", "Host: test", "Content-Type: application/json", "Accept: text/event-stream",
                "Content-Length: \(body.utf8.count)", "Connection: close",
            ]
            try connection.send(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
            let text = try #require(await connection.rest())
            let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
            let status = text.split(separator: " ").dropFirst().first.flatMap { Int($0) }
            let rest = parts.count == 2 ? String(parts[1]) : ""
            let isChunked = parts.first?.lowercased().contains("transfer-encoding: chunked") == true
            return Reply(status: try #require(status, "\(text)"), body: isChunked ? Self.dechunked(rest) : rest)
        }

        private static func dechunked(_ text: String) -> String {
            var bytes = Array(text.utf8)[...]
            var body: [UInt8] = []
            while let end = bytes.firstIndex(of: 13),
                let count = Int(String(decoding: bytes[..<end], as: UTF8.self), radix: 16), count > 0
            {
                let begin = end + 2
                body += bytes[begin..<min(begin + count, bytes.endIndex)]
                bytes = bytes[min(begin + count + 2, bytes.endIndex)...]
            }
            return String(decoding: body, as: UTF8.self)
        }

        // MARK: - Comparing

        /// A record without what is different each time: names, moments and durations.
        private static func comparable(_ record: Roundhouse_V1_RequestRecord) -> Roundhouse_V1_RequestRecord {
            var record = record
            record.id = ""
            record.sequence = 0
            record.clearStartTime()
            record.clearLatency()
            record.clearFirstTokenLatency()
            for index in record.attempts.indices { record.attempts[index].clearDuration() }
            return record
        }

        /// The counts of requests, attempts, tokens and cost of a page, without times.
        private static func figures(_ page: String) -> [String] {
            let families = [
                "ai_model_requests_total", "ai_model_tokens_total", "ai_model_cost_total", "ai_model_attempts_total",
                "ai_model_request_duration_seconds_count", "ai_model_first_token_seconds_count",
            ]
            return page.split(separator: "\n").map(String.init)
                .filter { line in families.contains { line.hasPrefix($0) } }
        }
    }
}

extension EndToEnd.ThreeDoors.Seen {
    init(_ completed: Roundhouse_V1_Completed, _ text: String) {
        self.init()
        self.text = text
        self.reason = completed.finishReason == .stop ? "stop" : "\(completed.finishReason)"
        self.inputTokens = Int(completed.usage.inputTokens)
        self.outputTokens = Int(completed.usage.outputTokens)
        self.cachedTokens = Int(completed.usage.cachedInputTokens)
    }
}
