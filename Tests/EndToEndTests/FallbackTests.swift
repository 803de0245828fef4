import GRPCCore
import GRPCProtobuf
import GRPCTransport
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// The first provider fails in some way, before its first token.
    @Suite struct Fallback {
        /// Ways to fail, each with the name that `attempts` gives it.
        enum Failure: String, CaseIterable, Sendable {
            case refusesConnections = "unreachable"
            case returns500 = "server_error"
            case closesAfterTheHeaders = "truncated"
            case sendsNoHTTP = "malformed"
            case stalls = "timed_out_first_token"

            func steps(_ never: Gate) -> [FaultUpstream.Step] {
                switch self {
                case .refusesConnections: [.reset]
                case .returns500: .whole("it broke", status: "500 Internal Server Error", type: "text/plain")
                case .closesAfterTheHeaders: .streamHead() + [.close]
                case .sendsNoHTTP: [.send("\u{1}\u{2}SSH-2.0-OpenSSH_9.2\r\n\r\n"), .close]
                case .stalls: .streamHead() + [.wait(never)]
                }
            }
        }

        @Test(arguments: Failure.allCases)
        func `The answer comes from the second, and attempts tell why`(_ failure: Failure) async throws {
            let closedPort = try #require(ClosedPort())
            let never = Gate()
            try await FaultUpstream.run { _ in
                failure.steps(never)
            } _: { first in
                try await FaultUpstream.run { request in
                    .answer(to: request, ["Par", "is"])
                } _: { second in
                    let firstURL =
                        failure == .refusesConnections ? "http://127.0.0.1:\(closedPort.port)/v1" : first.baseURL
                    let configuration = providers(
                        firstURL, second.baseURL, timeouts: "{ connect: 2s, first_token: 400ms }")
                    try await RunningServer.with(configuration) { server in
                        try await server.withClient { try await self.check($0, failure) }
                    }
                    #expect(second.requests.all.count == 2)
                }
            }
        }

        private func check(_ gateway: Gateway, _ failure: Failure) async throws {
            let answer = try await gateway.stream(.asking())
            #expect(answer.error == nil && answer.isTruthful)
            #expect(answer.text == "Paris")
            #expect(answer.messages.first?.started.model == "second/m")
            #expect(answer.messages.first?.started.attempt == 2)
            let whole = try await gateway.generation.generate(.asking())
            #expect(whole.text == "Paris" && whole.model == "second/m")
            for attempts in [answer.completed?.attempts ?? [], whole.completed.attempts] {
                #expect(attempts.map(\.model) == ["first/m", "second/m"])
                #expect(attempts.map(\.fault) == [failure.rawValue, ""], "\(attempts)")
                #expect(attempts.first?.message.isEmpty == false)
            }
            #expect(answer.completed?.finishReason == .stop)
            #expect(answer.completed?.usage.inputTokens == 3 && answer.completed?.usage.outputTokens == 2)
            #expect(answer.completed?.usage.estimated == false)
        }

        @Test func `Events that are no JSON send the request on, too`() async throws {
            try await FaultUpstream.run { _ in
                .stream(["{{{ not json"])
            } _: { first in
                try await FaultUpstream.run { request in
                    .answer(to: request, ["yes"])
                } _: { second in
                    try await RunningServer.with(providers(first.baseURL, second.baseURL)) { server in
                        let answer = try await server.withClient { try await $0.stream(.asking()) }
                        #expect(answer.text == "yes" && answer.isTruthful)
                        #expect(answer.completed?.attempts.first?.fault == "malformed")
                    }
                }
            }
        }

        @Test func `With both down the status says UNAVAILABLE, gives both reasons, and when to come back`()
            async throws
        {
            let closedPort = try #require(ClosedPort())
            try await FaultUpstream.run { _ in
                .whole("it broke", status: "500 Internal Server Error", type: "text/plain")
            } _: { second in
                let configuration = providers(
                    "http://127.0.0.1:\(closedPort.port)/v1", second.baseURL,
                    settings: "routing: { retry: { attempts_per_model: 1 } }")
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        let answer = try await gateway.stream(.asking())
                        #expect(answer.messages.isEmpty, "nothing may come before the first token")
                        let streamed = try #require(answer.error)
                        let whole = try await gateway.failure(of: .asking())
                        for error in [streamed, whole] {
                            #expect(error.code == .unavailable)
                            #expect(error.message.contains("first/m: unreachable"), "\(error.message)")
                            #expect(error.message.contains("second/m: server_error"), "\(error.message)")
                            let info = try error.errorInfo()
                            #expect(info.domain == "roundhouse" && info.reason == "UPSTREAM_ERROR")
                            #expect(info.metadata["attempt_1"]?.contains("unreachable") == true)
                            #expect(info.metadata["attempt_2"]?.contains("server_error") == true)
                            let delay = try error.retryInfo()?.delay
                            #expect(delay.map { $0 > .zero } == true)
                        }
                    }
                }
            }
        }
    }
}
