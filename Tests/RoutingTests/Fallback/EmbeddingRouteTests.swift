import Inference
import ModelRegistry
import TestSupport
import Testing

@testable import Routing

@Suite("Vectors by way of the router")
struct EmbeddingRouteTests {
    private let request = EmbeddingRequest(id: "r", model: "", inputs: ["one", "two"])
    private let target = InferenceRequest.Target.alias("all")

    @Test("Who cannot is passed over, who answers is told, and the deadline is shared out")
    func failsOver() async throws {
        let bench = try RouteBench("a/m b/m", category: .embedding)
        let usage = Usage(inputTokens: 2, outputTokens: 0, reportedCostNanoUSD: 5)
        try bench["b"].setEmbedding { _ in EmbeddingAnswer(vectors: [[1], [2]], usage: usage) }
        let routed = try await bench.router.embed(
            self.request, target: self.target, deadline: bench.time.now + .seconds(8))
        #expect(routed.model.description == "b/m")
        #expect(routed.answer.vectors == [[1], [2]])
        #expect(story(routed.attempts) == "a/m unsupported, b/m ok")
        #expect(routed.attempts.last?.usage == usage)
        #expect(routed.attempts.last?.cost == Cost(nanoUSD: 5))
        let asked = try bench["a"].embeddingRequests + bench["b"].embeddingRequests
        #expect(asked.map(\.model) == ["m", "m"])
        #expect(asked.map(\.timeLimit) == [.seconds(4), nil])
        #expect(bench.figures[routed.model].firstTokenNanoseconds.isNaN)
        #expect(bench.figures[routed.model].successRate == 1)
        #expect(bench.isIdle)
    }

    @Test("One that uses up its share of the deadline is passed over; without a deadline the time is over for all")
    func tooSlow() async throws {
        let bench = try RouteBench("a/m b/m", category: .embedding)
        try bench["a"].setEmbedding { _ throws(UpstreamFault) in throw UpstreamFault(.timedOut(.total), "slow") }
        try bench["b"].setEmbedding { _ in EmbeddingAnswer(vectors: [[1], [2]]) }
        let deadline = bench.time.now + .seconds(8)
        let routed = try await bench.router.embed(self.request, target: self.target, deadline: deadline)
        #expect(story(routed.attempts) == "a/m timed_out_first_token, b/m ok")
        let error = await #expect(throws: RoutingFailure.self) {
            try await bench.router.embed(self.request, target: self.target)
        }
        #expect(story(attempts(of: error)) == "a/m timed_out_total")
    }

    @Test("Failures open breakers and are all told")
    func fails() async throws {
        let bench = try RouteBench("a/m", category: .embedding)
        try bench["a"].setEmbedding { _ throws(UpstreamFault) in throw UpstreamFault(.serverError, "no") }
        let error = await #expect(throws: RoutingFailure.self) {
            try await bench.router.embed(self.request, target: self.target)
        }
        #expect(story(attempts(of: error)) == "a/m server_error, a/m server_error")
        for _ in 0..<3 {
            await #expect(throws: RoutingFailure.self) {
                try await bench.router.embed(self.request, target: self.target)
            }
        }
        #expect(bench.events.events.map(\.kind) == [.breakerOpened])
        #expect(bench.figures[try modelID("a/m")].inFlight == 0)
    }
}
