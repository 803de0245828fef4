// swift-format-ignore-file: OnlyOneTrailingClosureArgument
// What serves, and then what is asked of it.

import FoundationEssentials
import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

extension EndToEnd {
    /// What leaves the process of a request's trace, and of its text.
    @Suite struct Traces {
        static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        static let parent = "00-\(Self.trace)-00f067aa0ba902b7-01"

        @Test func `A collector gets the tree of a request, and the upstream is told of its attempt`() async throws {
            let script: FaultUpstream.Script = { request in
                if request.path == "/v1/traces" { return .whole("{}") }
                return request.text.contains("fail")
                    ? .whole("no", status: "503 Service Unavailable", type: "text/plain")
                    : .answer(to: request, ["a", "b"])
            }
            try await FaultUpstream.run(script: script) { collector in
                try await FaultUpstream.run(script: { _ in
                    .whole("no", status: "503 Service Unavailable", type: "text/plain")
                }) { dead in
                    try await FaultUpstream.run(script: script) { upstream in
                        let environment = [
                            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(collector.port)",
                            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=collector-secret",
                            "OTEL_SERVICE_NAME": "my-gateway", "OTEL_BSP_SCHEDULE_DELAY": "50",
                        ]
                        try await RunningServer.with(
                            providers(dead.baseURL, upstream.baseURL), environment: environment
                        ) { server in
                            try await server.withClient { gateway in
                                try await gateway.generation.streamGenerate(
                                    .asking { $0.requestID = "traced" },
                                    metadata: ["traceparent": "\(Self.parent)", "tracestate": "rojo=1"]
                                ) { response in
                                    for try await _ in response.messages {}
                                }
                            }
                            try await Self.expectTree(
                                Self.spans(await collector.requests.element(0)), at: [dead, upstream])
                            let export = await collector.requests.element(0)
                            #expect(export.headers["api-key"] == "collector-secret")
                            #expect(export.headers["content-type"] == "application/json")
                            #expect(export.text.contains("my-gateway"))
                            try await Self.expectRecord(of: server)
                        }
                        // What was left goes out when the server stops.
                        #expect(collector.requests.all.count >= 1)
                    }
                }
            }
        }

        private static func expectTree(_ spans: [OTLPSpan], at upstreams: [FaultUpstream]) async throws {
            let server = try #require(spans.first { $0.kind == 2 })
            #expect(server.name == "roundhouse.v1.GenerationService/StreamGenerate")
            #expect(server.parentSpanId == "00f067aa0ba902b7" && server.traceState == "rojo=1")
            #expect(spans.allSatisfy { $0.traceId == Self.trace })
            let children = spans.filter { $0.kind != 2 }
            #expect(children.allSatisfy { $0.parentSpanId == server.spanId })
            let attempts = children.filter { $0.kind == 3 }
            #expect(attempts.map(\.name) == ["chat m", "chat m"] && children.contains { $0.name == "route" })
            for (attempt, upstream) in zip(attempts, upstreams) {
                let told = await upstream.requests.element(0).headers
                #expect(
                    told["traceparent"] == "00-\(Self.trace)-\(attempt.spanId)-01" && told["tracestate"] == "rojo=1")
            }
        }

        private static func expectRecord(of server: RunningServer) async throws {
            try await server.withClient { gateway in
                _ = try await gateway.admin.saveState(.init())
                let found = try await gateway.telemetry.listRequests(.with { $0.filter = "trace_id = \(Self.trace)" })
                #expect(found.requests.map(\.id) == ["traced"] && found.requests.map(\.traceID) == [Self.trace])
            }
        }

        @Test func `Calls that ask no model leave a span, too, and those that ask one tell it`() async throws {
            try await FaultUpstream.run(script: { $0.path == "/v1/traces" ? .whole("{}") : .answer(to: $0, ["a"]) }) {
                collector in
                let environment = [
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(collector.port)",
                    "OTEL_BSP_SCHEDULE_DELAY": "50",
                ]
                try await RunningServer.with(providers(collector.baseURL), environment: environment) { server in
                    try await server.withClient { gateway in
                        let metadata: Metadata = ["traceparent": "\(Self.parent)"]
                        _ = try await gateway.generation.countTokens(
                            .with {
                                $0.model = "all"
                                $0.messages = [.saying("hi")]
                            }, metadata: metadata)
                        _ = try await gateway.registry.listModels(.init(), metadata: metadata)
                        await #expect(throws: RPCError.self) {
                            try await gateway.registry.getModel(.with { $0.model = "first/none" }, metadata: metadata)
                        }
                        try await gateway.expectServing()
                    }
                }
                // What was left went out when the server stopped.
                let spans = try collector.requests.all.filter { $0.path == "/v1/traces" }.flatMap(Self.spans)
                #expect(spans.allSatisfy { $0.traceId == Self.trace && $0.parentSpanId == "00f067aa0ba902b7" })
                #expect(
                    spans.map(\.name) == [
                        "roundhouse.v1.GenerationService/CountTokens", "roundhouse.v1.RegistryService/ListModels",
                        "roundhouse.v1.RegistryService/GetModel",
                    ])
            }
        }

        @Test func `Without a collector the client's trace goes through as it is`() async throws {
            try await FaultUpstream.run {
                .answer(to: $0, ["a"])
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        _ = try await gateway.generation.generate(
                            .asking(), metadata: ["traceparent": "\(Self.parent)"])
                        _ = try await gateway.generation.generate(.asking())
                    }
                }
                #expect(upstream.requests.all.map { $0.headers["traceparent"] } == [Self.parent, nil])
            }
        }

        @Test func `A collector that is away costs no request and no time at the end`() async throws {
            try await FaultUpstream.run {
                .answer(to: $0, ["a"])
            } _: { upstream in
                let environment = [
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "10",
                ]
                try await RunningServer.with(providers(upstream.baseURL), environment: environment) { server in
                    try await server.withClient { gateway in
                        for _ in 0..<20 { _ = try await gateway.generation.generate(.asking()) }
                    }
                    let line = await server.log.first { $0.contains("Spans cannot be exported") }
                    #expect(line != nil)
                }
            }
        }

        @Test(arguments: [false, true])
        func `No line has the text or a key, unless the text is asked for`(prompts: Bool) async throws {
            let secrets = ["secret-prompt", "secret-answer", "secret-text", "sk-secret-key"]
            try await FaultUpstream.run { request in
                request.text.contains("fail")
                    ? .whole(
                        #"{"error":{"message":"bad secret-prompt sk-secret-key","type":"invalid_request_error"}}"#,
                        status: "400 Bad Request")
                    : .answer(to: request, ["secret-answer"])
            } _: { upstream in
                var yaml = providers(
                    upstream.baseURL, settings: "log: { level: trace, requests: all, prompts: \(prompts) }")
                yaml = yaml.replacing("base_url:", with: "api_key: sk-secret-key, base_url:")
                let log = Mutex<Lines?>(nil)
                try await RunningServer.with(yaml) { server in
                    log.withLock { $0 = server.log }
                    try await server.withClient { gateway in
                        _ = try await gateway.stream(.asking("secret-prompt") { $0.requestID = "one" })
                        _ = try await gateway.generation.generate(.asking("secret-prompt") { $0.requestID = "two" })
                        _ = try await gateway.failure(of: .asking("secret-prompt fail") { $0.requestID = "three" })
                        _ = try? await gateway.generation.embed(
                            .with {
                                $0.model = "all"
                                $0.inputs = ["other", "secret-text"]
                                $0.requestID = "four"
                            })
                    }
                }
                let lines = try #require(log.withLock { $0 }).all
                for id in ["one", "two", "three"] {
                    #expect(lines.contains { $0.contains("request_id=\(id)") && $0.contains("status=") })
                }
                for secret in secrets {
                    let found = lines.filter { $0.contains(secret) }
                    let isText = secret != "sk-secret-key"
                    #expect(prompts && isText ? !found.isEmpty : found.isEmpty, "\(found)")
                    #expect(found.allSatisfy { $0.contains("DEBUG") && $0.contains("request_id=") })
                }
                #expect(lines.contains { $0.contains("log.prompts") } == prompts)
            }
        }

        @Test func `A log that nobody reads holds up neither requests nor the end`() async throws {
            try await FaultUpstream.run {
                .answer(to: $0, ["a"])
            } _: { upstream in
                let yaml = providers(upstream.baseURL, settings: "log: { requests: all }")
                try await RunningServer.with(yaml, readsLog: false) { server in
                    try await server.withClient { gateway in
                        // Some hundred bytes each: far more than a pipe has room for.
                        for _ in 0..<1500 { _ = try await gateway.generation.generate(.asking()) }
                    }
                }
            }
        }

        private static func spans(_ export: FaultUpstream.Request) throws -> [OTLPSpan] {
            let body = try JSONDecoder().decode(OTLPExport.self, from: Data(export.body))
            return body.resourceSpans.flatMap(\.scopeSpans).flatMap(\.spans)
        }
    }
}

private struct OTLPExport: Decodable {
    struct Resource: Decodable { var scopeSpans: [Scope] }
    struct Scope: Decodable { var spans: [OTLPSpan] }

    var resourceSpans: [Resource]
}

private struct OTLPSpan: Decodable {
    var traceId: String
    var spanId: String
    var parentSpanId: String?
    var traceState: String?
    var name: String
    var kind: Int
}
