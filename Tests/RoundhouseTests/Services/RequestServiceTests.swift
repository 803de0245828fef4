import GRPCCore
import Inference
import Persistence
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("TelemetryService: requests")
struct RequestServiceTests {
    private static func record() throws -> RequestRecord {
        let (a, b) = (try modelID("cloud/org/x"), try modelID("local/a"))
        let usage = Usage(
            inputTokens: 1, outputTokens: 2, cachedInputTokens: 3, cacheWriteInputTokens: 4, reasoningTokens: 5,
            audioInputTokens: 6, audioOutputTokens: 7, isEstimated: true)
        let fault = UpstreamFault(.overloaded(retryAfter: nil), "busy", httpStatus: 529)
        return RequestRecord(
            id: "r", requestedModel: "default", model: b, startedAtMicroseconds: 1_500_000,
            latency: .milliseconds(2500),
            firstTokenLatency: .milliseconds(250), queueTime: .milliseconds(10), loadTime: .seconds(1), usage: usage,
            cost: Cost(nanoUSD: 8, isEstimated: true), finishReason: .toolCalls,
            attempts: [
                Attempt(model: a, duration: .milliseconds(20), fault: fault),
                Attempt(model: b, duration: .seconds(2), usage: usage, cost: Cost(nanoUSD: 8), isHedge: true),
            ],
            status: "UNAVAILABLE", errorMessage: "cut", isStreamed: true, cacheStatus: .miss, client: "billing",
            tags: ["batch"], metadata: ["team": "blue"])
    }

    private func ask(
        _ request: Roundhouse_V1_ListRequestsRequest,
        _ answer: @escaping @Sendable (RequestQuery) async throws -> RequestPage
    ) async throws -> Roundhouse_V1_ListRequestsResponse {
        try await ServiceBench.with { bench in
            bench.scripts.edit { $0.requests = answer }
            return try await bench.telemetry.listRequests(request)
        }
    }

    @Test("A record is told with everything that is kept of it")
    func whole() async throws {
        let record = try Self.record()
        let answer = try await self.ask(.init()) { _ in
            RequestPage(
                requests: [StoredRequest(sequence: 7, record: record)], nextToken: "next", lastSequence: 9)
        }
        #expect(answer.nextPageToken == "next" && answer.lastSequence == 9)
        let expected = try Roundhouse_V1_RequestRecord(
            jsonString: """
                {"sequence": "7", "id": "r", "requestedModel": "default", "model": "local/a", "provider": "local",
                 "startTime": "1970-01-01T00:00:01.500Z", "latency": "2.5s", "firstTokenLatency": "0.25s",
                 "queueTime": "0.01s", "loadTime": "1s",
                 "usage": {"inputTokens": "1", "outputTokens": "2", "cachedInputTokens": "3",
                   "cacheWriteInputTokens": "4", "reasoningTokens": "5", "audioInputTokens": "6",
                   "audioOutputTokens": "7", "estimated": true},
                 "cost": {"nanoUsd": "8", "estimated": true}, "finishReason": "FINISH_REASON_TOOL_CALLS",
                 "attempts": [
                   {"model": "cloud/org/x", "provider": "cloud", "fault": "overloaded", "message": "busy",
                    "duration": "0.02s", "httpStatus": 529, "disposition": "retry_same"},
                   {"model": "local/a", "provider": "local", "duration": "2s", "hedge": true, "cost": {"nanoUsd": "8"},
                    "usage": {"inputTokens": "1", "outputTokens": "2", "cachedInputTokens": "3",
                      "cacheWriteInputTokens": "4", "reasoningTokens": "5", "audioInputTokens": "6",
                      "audioOutputTokens": "7", "estimated": true}}],
                 "status": "UNAVAILABLE", "errorMessage": "cut", "streamed": true, "cacheStatus": "CACHE_STATUS_MISS",
                 "client": "billing", "tags": ["batch"], "metadata": {"team": "blue"}}
                """)
        #expect(answer.requests == [expected])
    }

    @Test("What is not known is left out")
    func bare() async throws {
        let record = RequestRecord(
            id: "r", requestedModel: "auto", startedAtMicroseconds: 0, latency: .zero, status: "OK", isStreamed: false)
        let answer = try await self.ask(.init()) { _ in
            RequestPage(requests: [StoredRequest(sequence: 1, record: record)])
        }
        let told = try #require(answer.requests.first)
        #expect(!told.hasFirstTokenLatency && !told.hasQueueTime && !told.hasLoadTime && !told.hasUsage)
        #expect(!told.hasCost && told.model.isEmpty && told.provider.isEmpty && told.client.isEmpty)
        #expect(told.finishReason == .unspecified && told.cacheStatus == .none && told.attempts.isEmpty)
        for status in CacheStatus.allCases {
            #expect("\(Roundhouse_V1_CacheStatus(status))" == "\(status)")
        }
    }

    @Test("A question that is wrong is refused with its place, and a store that fails is unavailable")
    func refusals() async throws {
        let wrong = try await refusal {
            try await self.ask(.with { $0.filter = "latency > 2" }) { _ in RequestPage() }
        }
        #expect(wrong.code == .invalidArgument && wrong.reason == "INVALID_FILTER" && wrong.fields == ["filter"])
        #expect(wrong.metadata["position"] == "11" && wrong.message.contains("250ms"), "\(wrong.message)")
        let negative = try await refusal { try await self.ask(.with { $0.pageSize = -1 }) { _ in RequestPage() } }
        #expect(negative.fields == ["page_size"])
        let token = try await refusal { try await self.ask(.with { $0.pageToken = "7" }) { _ in RequestPage() } }
        #expect(token.fields == ["page_token"])
        let failed = try await refusal {
            try await self.ask(.init()) { _ in throw StoreError(.failed, path: "/db", "the disk failed") }
        }
        #expect(failed.code == .unavailable && failed.reason == "STORAGE_FAILED" && failed.retryDelay == .seconds(5))
    }
}
