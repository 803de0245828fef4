import GRDB
import GRPCCore
import GRPCTransport
import Inference
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import Persistence

extension EndToEnd {
    /// What is on the disk when the server is gone.
    @Suite struct Records {
        @Test func `After SIGTERM there is a record of every request`() async throws {
            let directory = try TemporaryDirectory()
            try await FaultUpstream.run { request in
                request.text.contains("fail")
                    ? .whole("no", status: "500 Internal Server Error", type: "text/plain")
                    : .answer(to: request, ["a", "b", "c"])
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL), in: directory) { server in
                    try await server.withClient { gateway in
                        for number in 0..<40 {
                            _ = try await gateway.stream(
                                .asking {
                                    $0.requestID = "stream-\(number)"
                                    $0.metadata = ["team": "blue"]
                                    $0.tags = ["batch"]
                                })
                            _ = try await gateway.generation.generate(.asking { $0.requestID = "whole-\(number)" })
                        }
                        let failed = try await gateway.failure(of: .asking("fail") { $0.requestID = "failed" })
                        #expect(failed.code == .unavailable)
                    }
                }
            }
            let store = try Store(path: directory.database)
            #expect(try await store.requestCount() == 81)
            for number in 0..<40 {
                let record = try #require(try await store.request(id: "stream-\(number)"))
                #expect(record.status == "OK" && record.isStreamed && record.finishReason == .stop)
                #expect(record.requestedModel == "all" && record.model?.description == "first/m")
                #expect(record.usage == Usage(inputTokens: 3, outputTokens: 3))
                #expect(record.metadata == ["team": "blue"] && record.tags == ["batch"])
                #expect(record.client == nil && record.queueTime == nil && record.cacheStatus == .none)
                #expect(record.firstTokenLatency.map { $0 <= record.latency } == true)
                #expect(try await store.request(id: "whole-\(number)")?.isStreamed == false)
            }
            let failed = try #require(try await store.request(id: "failed"))
            #expect(failed.status == "UNAVAILABLE" && failed.attempts.first?.fault?.kind == .serverError)
            try store.close()
        }

        @Test func `Without telemetry requests are answered and nothing is kept of them`() async throws {
            let directory = try TemporaryDirectory()
            try await FaultUpstream.run { request in
                .answer(to: request, ["a"])
            } _: { upstream in
                let configuration = providers(upstream.baseURL, settings: "telemetry: { enabled: false }")
                try await RunningServer.with(configuration, in: directory) { server in
                    try await server.withClient { gateway in
                        #expect(try await gateway.generation.generate(.asking { $0.requestID = "one" }).text == "a")
                        _ = try await gateway.stream(.asking { $0.requestID = "two" })
                        #expect(try await gateway.telemetry.listRequests(.init()).requests.isEmpty)
                        #expect(try await gateway.telemetry.getSystemMetrics(.init()).total.requestCount == 0)
                    }
                }
            }
            let store = try Store(path: directory.database)
            #expect(try await store.requestCount() == 0)
            try store.close()
        }

        @Test func `kill -9 loses at most the last second, and the file is sound`() async throws {
            let directory = try TemporaryDirectory()
            let ended = Mutex<[(id: String, time: ContinuousClock.Instant)]>([])
            let killed = try await FaultUpstream.run { request in
                .answer(to: request, ["a"])
            } _: { upstream in
                try await RunningServer.with(
                    providers(upstream.baseURL), in: directory, endingWith: .signaled(9)
                ) { server in
                    try await server.withClient { gateway in
                        let begin = ContinuousClock.now
                        var number = 0
                        while begin.duration(to: .now) < .seconds(2.5) {
                            let id = "request-\(number)"
                            _ = try await gateway.generation.generate(.asking { $0.requestID = id })
                            ended.withLock { $0.append((id, .now)) }
                            number += 1
                        }
                        server.kill()
                        return ContinuousClock.now
                    }
                }
            }
            // The lock went with the process, so this opens.
            let store = try Store(path: directory.database)
            let check = try await store.read { try String.fetchAll($0, sql: "PRAGMA integrity_check") }
            #expect(check == ["ok"])
            let old = ended.withLock { $0 }.filter { $0.time.duration(to: killed) > .seconds(1) }
            try #require(!old.isEmpty)
            for request in old {
                #expect(try await store.request(id: request.id)?.status == "OK", "\(request.id) is missing")
            }
            try store.close()
            // And the next server tells them, without a gap.
            let told = try await RunningServer.with(providers("http://127.0.0.1:1"), in: directory) { server in
                try await server.withClient { try await $0.requests("status = OK") }
            }
            #expect(Set(old.map(\.id)).isSubset(of: told.map(\.id)))
            #expect(told.map(\.sequence) == told.indices.reversed().map { Int64($0 + 1) })
        }

        @Test func `Requests are listed a moment after their end, newest first, by page and filter`() async throws {
            try await FaultUpstream.run { request in
                request.text.contains("fail")
                    ? .whole("no", status: "500 Internal Server Error", type: "text/plain")
                    : .answer(to: request, ["a", "b"])
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        for number in 0..<5 {
                            _ = try await gateway.generation.generate(.asking { $0.requestID = "ok-\(number)" })
                        }
                        _ = try await gateway.failure(of: .asking("fail") { $0.requestID = "failed" })
                        let areThere = try await Processes.until(within: .seconds(20)) {
                            try await gateway.requests().count == 6
                        }
                        #expect(areThere)
                        let all = try await gateway.requests(pageSize: 4)
                        #expect(all.map(\.id) == ["failed", "ok-4", "ok-3", "ok-2", "ok-1", "ok-0"])
                        let failed = try await gateway.requests("status = UNAVAILABLE AND faults:server_error")
                        #expect(failed.map(\.id) == ["failed"] && failed.first?.attempts.isEmpty == false)
                        #expect(failed.first?.hasUsage == false && failed.first?.errorMessage.isEmpty == false)
                        #expect(try await gateway.requests("output_tokens = 2 AND id = '*-3'").map(\.id) == ["ok-3"])
                    }
                }
            }
        }
    }
}

extension Gateway {
    /// All pages.
    fileprivate func requests(
        _ filter: String = "", pageSize: Int32 = 1000
    ) async throws -> [Roundhouse_V1_RequestRecord] {
        var requests: [Roundhouse_V1_RequestRecord] = []
        var token = ""
        repeat {
            let page = try await self.telemetry.listRequests(
                .with { ($0.filter, $0.pageSize, $0.pageToken) = (filter, pageSize, token) })
            requests += page.requests
            token = page.nextPageToken
        } while !token.isEmpty
        return requests
    }
}
