import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// Identical requests in flight take one upstream call, and none of them can tell but by `completed.shared`.
    @Suite struct Sharing {
        /// A token of the prompt costs 1,000 nano-USD and one of the answer 2,000.
        private static func configuration(_ baseURL: String) -> String {
            """
            local: { enabled: false }
            providers:
              - id: first
                kind: custom
                base_url: '\(baseURL)'
                models: [{ name: m, price_input: 1, price_output: 2 }]
            """
        }

        private static func question(_ edit: (inout Roundhouse_V1_StreamGenerateRequest) -> Void = { _ in })
            -> Roundhouse_V1_StreamGenerateRequest
        {
            .asking("hi", "first/m") {
                $0.temperature = 0
                $0.shareIdentical = true
                edit(&$0)
            }
        }

        /// Says "Par", and "is" when the gate is opened.
        private func withUpstream(
            _ body: @escaping @Sendable (Gateway, FaultUpstream, Gate) async throws -> Void
        ) async throws {
            let rest = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + .event(Chunk.text("Par")) + [.wait(rest)] + .event(Chunk.text("is"))
                    + .event(Chunk.finish) + .event(Chunk.usage(3, 2)) + .event("[DONE]") + .lastChunk
            } _: { upstream in
                try await RunningServer.with(Self.configuration(upstream.baseURL)) { server in
                    try await server.withClient { try await body($0, upstream, rest) }
                }
            }
        }

        /// Asks, and opens `gate` with the first text.
        private static func ask(
            _ gateway: Gateway, _ gate: Gate, _ request: Roundhouse_V1_StreamGenerateRequest = Self.question()
        ) async throws -> Answer {
            try await gateway.stream(request) { message in
                if !message.textDelta.text.isEmpty { gate.open() }
            }
        }

        @Test func `Two are answered by one call, and the second pays nothing`() async throws {
            try await self.withUpstream { gateway, upstream, rest in
                let firstHasText = Gate()
                let secondHasText = Gate()
                async let first = Self.ask(gateway, firstHasText)
                await firstHasText.opened()
                async let second = Self.ask(gateway, secondHasText)
                await secondHasText.opened()
                rest.open()
                let answers = try await [first, second]
                for answer in answers {
                    #expect(answer.error == nil && answer.isTruthful && answer.text == "Paris")
                    #expect(answer.completed?.usage.inputTokens == 3 && answer.completed?.usage.outputTokens == 2)
                }
                #expect(answers.map { $0.completed?.shared } == [false, true])
                #expect(answers.map { $0.completed?.cost.nanoUsd } == [7_000, 0])
                #expect(upstream.requests.all.count == 1)
                var kept: [Roundhouse_V1_RequestRecord] = []
                let areThere = try await Processes.until(within: .seconds(20)) {
                    kept = try await gateway.telemetry.listRequests(.init()).requests
                    return kept.count == 2
                }
                #expect(areThere && Set(kept.map(\.cacheStatus)) == [.none, .shared])
                #expect(kept.first { $0.cacheStatus == .shared }?.attempts.isEmpty == true)
            }
        }

        @Test func `One that leaves does not cut the other, be it the one that began the call`() async throws {
            try await self.withUpstream { gateway, upstream, rest in
                let firstHasText = Gate()
                let secondHasText = Gate()
                try await withThrowingTaskGroup { group in
                    group.addTask { _ = try? await Self.ask(gateway, firstHasText) }
                    await firstHasText.opened()
                    async let second = Self.ask(gateway, secondHasText)
                    await secondHasText.opened()
                    group.cancelAll()
                    try await group.waitForAll()
                    rest.open()
                    let answer = try await second
                    #expect(answer.isTruthful && answer.text == "Paris" && answer.completed?.shared == true)
                }
                #expect(upstream.requests.all.count == 1)
            }
        }

        @Test func `When all have left the upstream's socket is closed`() async throws {
            try await self.withUpstream { gateway, upstream, _ in
                let gates = [Gate(), Gate()]
                await withTaskGroup { group in
                    for gate in gates {
                        group.addTask { _ = try? await Self.ask(gateway, gate) }
                        await gate.opened()
                    }
                    group.cancelAll()
                }
                _ = await upstream.closures.element(0)
                #expect(upstream.requests.all.count == 1)
            }
        }

        @Test func `Requests that differ, may be answered differently or do not ask for it share nothing`() async throws
        {
            try await self.withUpstream { gateway, upstream, rest in
                let requests = [
                    Self.question(), Self.question { $0.maxOutputTokens = 5 }, Self.question { $0.clearTemperature() },
                    Self.question { $0.shareIdentical = false },
                ]
                let gates = requests.map { _ in Gate() }
                try await withThrowingTaskGroup { group in
                    for (request, gate) in zip(requests, gates) {
                        group.addTask { try await Self.ask(gateway, gate, request) }
                        await gate.opened()
                    }
                    rest.open()
                    for try await answer in group {
                        #expect(answer.text == "Paris" && answer.completed?.shared == false)
                    }
                }
                #expect(upstream.requests.all.count == requests.count)
            }
        }
    }
}
