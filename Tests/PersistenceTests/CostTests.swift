import Inference
import Testing

@testable import Persistence

@Suite("Costs and rarer figures of requests")
struct CostTests {
    @Test("Every figure of a request and its attempts is there again after it was written", arguments: [true, false])
    func roundTrip(isSingle: Bool) async throws {
        let usage = Usage(
            inputTokens: 100, outputTokens: 20, cachedInputTokens: 60, cacheWriteInputTokens: 5, reasoningTokens: 7,
            audioInputTokens: 3, audioOutputTokens: 2, reportedCostNanoUSD: 12_345)
        let cost = Cost(nanoUSD: 12_345)
        let model = try #require(ModelID("cloud/large"))
        let other = try #require(ModelID("cloud/small"))
        let answered = Attempt(model: model, duration: .milliseconds(5), usage: usage, cost: cost)
        let failed = Attempt(
            model: other, duration: .milliseconds(2), fault: UpstreamFault(.truncated, "cut"),
            usage: Usage(inputTokens: 100, outputTokens: 3, isEstimated: true),
            cost: Cost(nanoUSD: 9, isEstimated: true), isHedge: true)
        let record = RequestRecord(
            id: "r", requestedModel: "auto", model: model, startedAtMicroseconds: 1, latency: .milliseconds(7),
            usage: usage, cost: isSingle ? cost : cost + Cost(nanoUSD: 9, isEstimated: true), finishReason: .stop,
            attempts: isSingle ? [answered] : [failed, answered], status: "OK", isStreamed: true)
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await store.insert([record])
        #expect(try await store.recentRequests(limit: 10) == [record])
        try store.close()
    }

    @Test("A setting is there until it is forgotten")
    func settings() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        #expect(try await store.setting("openrouter_filter") == nil)
        try await store.set("{}", for: "openrouter_filter")
        try await store.set("{\"a\":1}", for: "openrouter_filter")
        #expect(try await store.setting("openrouter_filter") == "{\"a\":1}")
        try await store.set(nil, for: "openrouter_filter")
        #expect(try await store.setting("openrouter_filter") == nil)
        try store.close()
    }
}
