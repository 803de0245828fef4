import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// An upstream that is too busy, and the only one.
    @Suite struct Retry {
        private static func busy(_ seconds: Int) -> [FaultUpstream.Step] {
            .whole(
                #"{"error":{"message":"slow down","type":"rate_limit_exceeded"}}"#, status: "429 Too Many Requests",
                headers: ["retry-after: \(seconds)"])
        }

        @Test(arguments: [true, false])
        func `A short Retry-After is waited for, unseen`(isStreamed: Bool) async throws {
            try await FaultUpstream.run { request in
                request.placeOnConnection == 0 ? Self.busy(1) : .answer(to: request, ["yes"])
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        let begin = ContinuousClock.now
                        let (text, attempts) = try await Self.ask(gateway, isStreamed: isStreamed)
                        let taken = begin.duration(to: .now)
                        #expect(text == "yes")
                        #expect(attempts.map(\.model) == ["first/m", "first/m"])
                        #expect(attempts.map(\.fault) == ["rate_limited", ""])
                        #expect(attempts.first?.httpStatus == 429 && attempts.first?.disposition == "retry_same")
                        #expect(taken >= .seconds(1) && taken < .seconds(20), "\(taken)")
                    }
                }
                #expect(upstream.requests.all.count == 2)
            }
        }

        private static func ask(
            _ gateway: Gateway, isStreamed: Bool
        ) async throws -> (String, [Roundhouse_V1_Attempt]) {
            if isStreamed {
                let answer = try await gateway.stream(.asking())
                #expect(answer.error == nil && answer.isTruthful)
                #expect(answer.messages.first?.started.attempt == 2)
                return (answer.text, answer.completed?.attempts ?? [])
            }
            let answer = try await gateway.generation.generate(.asking())
            return (answer.text, answer.completed.attempts)
        }

        @Test func `A long Retry-After is the client's to wait for, and it is told at once`() async throws {
            try await FaultUpstream.run { _ in
                Self.busy(60)
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        let begin = ContinuousClock.now
                        let error = try await gateway.failure(of: .asking())
                        #expect(begin.duration(to: .now) < .seconds(5))
                        #expect(error.code == .resourceExhausted)
                        #expect(try error.errorInfo().reason == "UPSTREAM_RATE_LIMITED")
                        #expect(try error.retryInfo()?.delay == .seconds(60))
                        #expect(error.metadata[stringValues: "grpc-retry-pushback-ms"].contains("60000"))
                    }
                }
                #expect(upstream.requests.all.count == 1)
            }
        }

        @Test func `What does not fit into the client's deadline is not waited for`() async throws {
            try await FaultUpstream.run { _ in
                Self.busy(5)
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        var options = CallOptions.defaults
                        options.timeout = .seconds(4)
                        let begin = ContinuousClock.now
                        let error = try #require(try await gateway.stream(.asking(), options: options).error)
                        #expect(begin.duration(to: .now) < .seconds(3))
                        #expect(error.code == .resourceExhausted, "\(error)")
                        #expect(try error.retryInfo()?.delay == .seconds(5))
                    }
                }
                #expect(upstream.requests.all.count == 1)
            }
        }
    }
}
