import GRPCCore
import GRPCProtobuf
import GRPCTransport
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// A stream is OK if and only if it is whole.
    @Suite struct Truth {
        /// Ways to end after two tokens that are no end.
        enum Cut: String, CaseIterable, Sendable {
            case connectionCloses
            case connectionResets
            case bodyEndsWithoutFinish
            case errorInside200

            var steps: [FaultUpstream.Step] {
                let tokens: [FaultUpstream.Step] =
                    .streamHead() + .event(Chunk.text("one ")) + .event(Chunk.text("two"))
                return switch self {
                case .connectionCloses: tokens + [.close]
                case .connectionResets: tokens + [.reset]
                case .bodyEndsWithoutFinish: tokens + .lastChunk
                case .errorInside200: tokens + .event(Chunk.error) + .lastChunk
                }
            }

            var reason: String { self == .errorInside200 ? "UPSTREAM_ERROR" : "UPSTREAM_TRUNCATED" }
        }

        @Test(arguments: Cut.allCases)
        func `An answer that is cut is never a short answer`(_ cut: Cut) async throws {
            try await FaultUpstream.run { _ in
                cut.steps
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        let answer = try await gateway.stream(.asking())
                        #expect(answer.isTruthful && answer.completed == nil)
                        let error = try #require(answer.error)
                        #expect(error.code == .unavailable)
                        let info = try error.errorInfo()
                        // A reset may overtake what was sent before it.
                        if cut != .connectionResets {
                            #expect(answer.text == "one two")
                            #expect(info.reason == cut.reason, "\(error)")
                            #expect(info.metadata["text_bytes_sent"] == "7")
                            let retry = try error.retryInfo()
                            #expect(retry == nil, "a client that retries would get the text twice")
                        }
                        if cut == .errorInside200 { #expect(error.message.contains("the boiler has burst")) }
                    }
                }
            }
        }

        @Test func `An error inside a 200 before any token sends the request on`() async throws {
            try await FaultUpstream.run { _ in
                .stream([Chunk.error])
            } _: { first in
                try await FaultUpstream.run { request in
                    .answer(to: request, ["steam"])
                } _: { second in
                    try await RunningServer.with(providers(first.baseURL, second.baseURL)) { server in
                        let answer = try await server.withClient { try await $0.stream(.asking()) }
                        #expect(answer.text == "steam" && answer.isTruthful)
                        #expect(answer.completed?.attempts.first?.fault == "server_error")
                        #expect(answer.completed?.attempts.first?.message.contains("the boiler has burst") == true)
                    }
                }
            }
        }

        @Test func `A missing DONE after the finish is no fault`() async throws {
            try await FaultUpstream.run { _ in
                .stream([Chunk.text("fine"), Chunk.finish], done: false)
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    let answer = try await server.withClient { try await $0.stream(.asking()) }
                    #expect(answer.error == nil && answer.isTruthful)
                    #expect(answer.text == "fine")
                    #expect(answer.completed?.usage.estimated == true, "nobody told the tokens")
                }
            }
        }

        @Test func `Every violation of a request names its field`() async throws {
            let closedPort = try #require(ClosedPort())
            try await RunningServer.with(providers("http://127.0.0.1:\(closedPort.port)/v1")) { server in
                try await server.withClient { gateway in
                    let error = try await gateway.failure(
                        of: .asking {
                            $0.temperature = 9
                            $0.maxOutputTokens = -1
                        })
                    #expect(error.code == .invalidArgument)
                    #expect(error.message.contains("temperature") && error.message.contains("max_output_tokens"))
                    let unknown = try await gateway.failure(of: .asking("hi", "nobody/none"))
                    #expect(unknown.code == .notFound)
                    let info = try unknown.errorInfo()
                    #expect(info.reason == "MODEL_NOT_FOUND")
                }
            }
        }
    }
}
