import Inference
import ModelRegistry
import Routing
import TestSupport
import Testing

@testable import Roundhouse

@Suite("A continued answer and the client's limit of tokens")
struct ContinuationLimitTests {
    /// What came of a request that `a/m` begins and whoever is left goes on with.
    private struct Outcome {
        var told = Told()
        var record: RequestRecord
    }

    private func ask(
        limit: Int?,
        _ providers: [ScriptedProvider]
    ) async throws -> Outcome {
        let models = try providers.enumerated().map { place, provider in
            ModelDescription(
                id: try #require(ModelID(provider: provider.id, name: "m")),
                capabilities: [.chat, .streaming, .prefill], priority: place)
        }
        let registry = Registry(
            try RegistrySnapshot(
                providers: providers.map { ProviderDescription(id: $0.id, kind: "custom") }, models: models,
                aliases: [Alias(name: "all", targets: models.map(\.id))]))
        let catalog = ProviderCatalog(Dictionary(uniqueKeysWithValues: providers.map { ($0.id, $0) }))
        let records = RecordKeeper()
        let router = Router(registry: registry, catalog: catalog, policy: .oneAttemptEach)
        let pipeline = Pipeline(router: router, recorder: records, counters: RequestCounters())
        let request = InferenceRequest(
            id: "r", target: .alias("all"), messages: [Message(.user, "12345678")],
            sampling: SamplingParameters(maxOutputTokens: limit), routing: RoutingOptions(recovery: .continue))
        var told = Told()
        do {
            try await pipeline.run(request, delivery: .streamed) { outputs in
                for output in outputs { told.take(output) }
            }
        } catch let failure as RequestFailure {
            told.failure = failure
        }
        return Outcome(told: told, record: try #require(records.records.first))
    }

    private func begins(_ text: String, _ name: String = "a") throws -> ScriptedProvider {
        try provider(name) { _ in
            .answer([[.textDelta(text)]], fault: UpstreamFault(.truncated, "cut"))
        }
    }

    @Test(
        "The next is asked for what is left of the limit",
        arguments: [(nil, nil), (100, 90), (11, 1), (10, 1), (9, 1)] as [(Int?, Int?)])
    func reduces(limit: Int?, left: Int?) async throws {
        // 40 bytes are about 10 tokens.
        let begun = String(repeating: "word ", count: 8)
        let first = try self.begins(begun)
        let second = try provider("b") { _ in
            .answer([[.textDelta("End."), .usage(Usage(inputTokens: 20, outputTokens: 3)), .finished(.stop)]])
        }
        let outcome = try await self.ask(limit: limit, [first, second])
        #expect(outcome.told.isOK && outcome.told.text == begun + "End.")
        #expect(first.requests.map(\.inference.sampling.maxOutputTokens) == [limit])
        #expect(second.requests.map(\.prefill) == [begun])
        #expect(second.requests.map(\.inference.sampling.maxOutputTokens) == [left])
        // Both are part of the answer: 6 and 10 tokens that are estimated, 20 and 3 that are counted.
        let usage = try #require(outcome.told.completions.first).usage
        #expect(usage == Usage(inputTokens: 26, outputTokens: 13, isEstimated: true))
        #expect(outcome.record.usage == usage && outcome.record.status == "OK")
    }

    @Test("A cut answer that seems to fill its limit is not taken for whole", arguments: [9, 10])
    func cut(limit: Int) async throws {
        let second = try provider("b") { _ in .refuse(UpstreamFault(.serverError, "no")) }
        let outcome = try await self.ask(
            limit: limit, [try self.begins(String(repeating: "word ", count: 8)), second])
        #expect(second.requests.count == 1)
        #expect(outcome.told.failure?.reason == "UPSTREAM_TRUNCATED" && outcome.told.completions.isEmpty)
        #expect(outcome.record.status == "UNAVAILABLE" && outcome.record.finishReason == nil)
    }

    @Test("An answer that three were needed for keeps its limit, and of one that failed everything is in the record")
    func twice() async throws {
        let (one, two) = (String(repeating: "one ", count: 10), String(repeating: "two ", count: 10))
        let third = try provider("c") { _ in .refuse(UpstreamFault(.serverError, "no")) }
        let outcome = try await self.ask(limit: 100, [try self.begins(one), try self.begins(two, "b"), third])
        #expect(third.requests.map(\.prefill) == [one + two])
        #expect(third.requests.map(\.inference.sampling.maxOutputTokens) == [80])
        #expect(outcome.told.text == one + two && outcome.told.failure?.reason == "UPSTREAM_TRUNCATED")
        // The prompt was read twice, the second time with the beginning.
        #expect(outcome.record.usage == Usage(inputTokens: 6 + 16, outputTokens: 20, isEstimated: true))
    }

    @Test(
        "A begun answer takes its part of the limit, at most all of it but one token; nothing that was not begun does")
    func request() {
        let request = InferenceRequest(
            id: "r", messages: [Message(.user, "hi")], sampling: SamplingParameters(maxOutputTokens: 5))
        let whole = UpstreamRequest(inference: request, model: "m", delivery: .streamed)
        #expect(whole.inference.sampling.maxOutputTokens == 5)
        let over = UpstreamRequest(
            inference: request, model: "m", delivery: .streamed, prefill: "more than five tokens of it")
        #expect(over.inference.sampling.maxOutputTokens == 1)
        #expect(request.sampling.outputTokensLeft(after: "more than five tokens of it") == 0)
    }
}
