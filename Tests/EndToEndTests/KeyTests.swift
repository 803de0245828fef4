import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// Keys of a provider: which one is sent, and what a refusal of it means.
    @Suite struct Keys {
        private static func configuration(_ baseURL: String, _ keys: String) -> String {
            """
            local: { enabled: false }
            providers:
              - { id: first, kind: custom, base_url: '\(baseURL)', \(keys), models: [{ name: m }] }
            """
        }

        private static let refusals: [Int: [FaultUpstream.Step]] = [
            429: .whole(
                #"{"error":{"message":"slow down","type":"rate_limit_exceeded"}}"#, status: "429 Too Many Requests",
                headers: ["retry-after: 60"]),
            401: .whole(
                #"{"error":{"message":"wrong key: key-a","code":"invalid_api_key"}}"#, status: "401 Unauthorized"),
        ]

        /// What was sent as the key, request by request.
        private static func sent(_ upstream: FaultUpstream) -> [String] {
            upstream.requests.all.map { $0.headers["authorization"] ?? "none" }
        }

        @Test(arguments: [429, 401])
        func `The next key takes over from one that is refused, unseen, and stays`(status: Int) async throws {
            try await FaultUpstream.run { request in
                request.headers["authorization"] == "Bearer key-a"
                    ? Self.refusals[status] ?? [] : .answer(to: request, ["yes"])
            } _: { upstream in
                let configuration = Self.configuration(upstream.baseURL, "api_keys: [key-a, key-b]")
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        let whole = try await gateway.generation.generate(.asking("hi", "first/m"))
                        #expect(whole.text == "yes")
                        #expect(whole.completed.attempts.map(\.fault) == [""])
                        let streamed = try await gateway.stream(.asking("hi", "first/m"))
                        #expect(streamed.text == "yes" && streamed.isTruthful)
                        #expect(streamed.completed?.attempts.map(\.fault) == [""])
                    }
                }
                #expect(Self.sent(upstream) == ["Bearer key-a", "Bearer key-b", "Bearer key-b"])
            }
        }

        @Test func `When every key is refused the error names them by place and shows none`() async throws {
            try await FaultUpstream.run { _ in
                Self.refusals[401] ?? []
            } _: { upstream in
                let configuration = Self.configuration(upstream.baseURL, "api_keys: [key-a, key-b]")
                try await RunningServer.with(configuration) { server in
                    let error = try await server.withClient { try await $0.failure(of: .asking("hi", "first/m")) }
                    #expect(error.code == .failedPrecondition)
                    #expect(try error.errorInfo().reason == "UPSTREAM_AUTHENTICATION_FAILED")
                    #expect(!error.message.contains("key-a") && !error.message.contains("key-b"), "\(error)")
                    let lines = server.log.all
                    #expect(!lines.contains { $0.contains("key-a") || $0.contains("key-b") }, "\(lines)")
                }
                #expect(Self.sent(upstream) == ["Bearer key-a", "Bearer key-b"])
            }
        }

        @Test func `What a command writes is a key`() async throws {
            try await FaultUpstream.run { request in
                .answer(to: request, ["yes"])
            } _: { upstream in
                let configuration = Self.configuration(upstream.baseURL, "api_key_command: printf k1")
                try await RunningServer.with(configuration) { server in
                    let answer = try await server.withClient {
                        try await $0.generation.generate(.asking("hi", "first/m"))
                    }
                    #expect(answer.text == "yes")
                }
                #expect(Self.sent(upstream) == ["Bearer k1"])
            }
        }
    }
}
