import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// What keeps failing is left alone for a while, and everyone can see it.
    @Suite struct Breaker {
        private static func settings(openFor: String) -> String {
            "routing: { retry: { attempts_per_model: 1 }, breaker: { consecutive_failures: 5, open_for: \(openFor) } }"
        }

        private static let broken: [FaultUpstream.Step] = .whole(
            "it broke", status: "500 Internal Server Error", type: "text/plain")

        @Test func `Five failures in a row open it, and then requests fail without reaching the upstream`() async throws
        {
            try await FaultUpstream.run { _ in
                Self.broken
            } _: { upstream in
                let configuration = providers(upstream.baseURL, settings: Self.settings(openFor: "1h"))
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        for place in 1...5 {
                            let error = try await gateway.failure(of: .asking())
                            #expect(error.code == .unavailable && error.message.contains("server_error"))
                            #expect(upstream.requests.all.count == place)
                        }
                        let events = try await gateway.events(.breakerOpened)
                        #expect(events.contains { $0.model == "first/m" && !$0.reason.isEmpty }, "\(events)")
                        let begin = ContinuousClock.now
                        let error = try await gateway.failure(of: .asking())
                        let streamed = try #require(try await gateway.stream(.asking()).error)
                        #expect(begin.duration(to: .now) < .seconds(1))
                        for error in [error, streamed] {
                            #expect(error.code == .unavailable)
                            #expect(error.message.contains("first/m") && error.message.contains("breaker"), "\(error)")
                            let delay = try error.retryInfo()?.delay
                            #expect(delay.map { $0 > .zero } == true)
                        }
                        let route = try await gateway.generation.explainRoute(.with { $0.model = "all" }).route
                        #expect((route.candidates + route.rejected).map(\.breaker) == ["open"])
                    }
                }
                #expect(upstream.requests.all.count == 5)
            }
        }

        @Test func `With another at hand nobody notices, and the one that failed is no longer asked`() async throws {
            try await FaultUpstream.run { _ in
                Self.broken
            } _: { first in
                try await FaultUpstream.run { request in
                    .answer(to: request, ["yes"])
                } _: { second in
                    let configuration = providers(
                        first.baseURL, second.baseURL, settings: Self.settings(openFor: "1h"))
                    try await RunningServer.with(configuration) { server in
                        try await server.withClient { gateway in
                            for _ in 0..<8 {
                                let answer = try await gateway.generation.generate(.asking())
                                #expect(answer.text == "yes" && answer.model == "second/m")
                            }
                        }
                    }
                    #expect(first.requests.all.count == 5 && second.requests.all.count == 8)
                }
            }
        }

        @Test func `It closes when the upstream is well again`() async throws {
            let isWell = Gate()
            try await FaultUpstream.run { request in
                isWell.isOpen ? .answer(to: request, ["yes"]) : Self.broken
            } _: { upstream in
                let configuration = providers(upstream.baseURL, settings: Self.settings(openFor: "100ms"))
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        for _ in 0..<5 { _ = try await gateway.failure(of: .asking()) }
                        isWell.open()
                        let isAnswered = try await Processes.until(within: .seconds(30)) {
                            (try? await gateway.generation.generate(.asking()).text) == "yes"
                        }
                        #expect(isAnswered)
                        // As many probes as the configuration says have to go well.
                        let isClosed = try await Processes.until(within: .seconds(30)) {
                            _ = try? await gateway.generation.generate(.asking())
                            return try await gateway.events(.breakerClosed).contains { $0.model == "first/m" }
                        }
                        #expect(isClosed)
                    }
                }
            }
        }
    }
}
