import GRPCCore
import GRPCProtobuf
import GRPCTransport
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// What the figures of requests tell while they run, afterwards, and after the server was gone.
    @Suite struct Metrics {
        private static func answer(_ request: FaultUpstream.Request) -> [FaultUpstream.Step] {
            request.text.contains("fail")
                ? .whole("no", status: "500 Internal Server Error", type: "text/plain")
                : .answer(to: request, ["a", "b", "c"])
        }

        @Test func `Figures of models, of the system and of everything tell what requests did`() async throws {
            try await FaultUpstream.run {
                Self.answer($0)
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        try await gateway.makeRequests(streams: 8, whole: 4, failures: 3)
                        let model = try await gateway.telemetry.getModelMetrics(
                            .with {
                                $0.model = "first/m"
                                $0.range = .oneHour
                            })
                        #expect(model.total.outcomeCounts == ["success": 12, "failed": 3])
                        #expect(model.total.latency.count == 12 && model.total.firstTokenLatency.count == 8)
                        #expect(model.total.inputTokens == 36 && model.total.outputTokens == 36)
                        // A server's error is worth another attempt.
                        let attempts = model.total.attemptOutcomeCounts
                        let failed = attempts["failed"] ?? 0
                        #expect(attempts["success"] == 12 && failed >= 3 && model.total.attemptCount == 12 + failed)
                        #expect(abs(model.total.successRate - 12 / Double(12 + failed)) < 1e-12)
                        #expect(model.health.errors == 40 && model.health.judgedAttemptCount == 12 + failed)
                        #expect(model.points.count == 60)
                        #expect(model.points.reduce(0) { $0 + $1.metrics.requestCount } == 15)
                        let system = try await gateway.telemetry.getSystemMetrics(.init())
                        #expect(system.total.requestCount == 15 && system.models.map(\.model) == ["first/m"])
                        #expect(system.models.first?.total.requestCount == 15 && system.points.count == 96)
                        let overview = try await gateway.telemetry.getTelemetry(.init())
                        #expect(overview.models.map(\.model) == ["first/m"])
                        #expect(overview.models.first?.usageCount == model.total.attemptCount)
                        #expect(overview.models.first?.hasLastUseTime == true)
                        #expect(overview.summary.requestCount == 15 && overview.summary.usedCount == 1)
                        #expect(try await gateway.telemetry.listAnomalies(.init()).anomalies.isEmpty)
                        #expect(try await gateway.telemetry.listRecommendations(.init()).nextPageToken.isEmpty)
                    }
                }
            }
        }

        @Test func `A watch tells of an answer while it runs, and then what became of it`() async throws {
            let gate = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + .event(Chunk.text(String(repeating: "word ", count: 200))) + [.wait(gate)]
                    + .event(Chunk.finish) + .event(Chunk.usage(3, 200)) + .event("[DONE]") + .lastChunk
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        async let answer = gateway.stream(.asking())
                        try await gateway.watch { seen in
                            // Its tokens are told while nothing has ended.
                            guard let running = seen.first(where: { $0.inFlight > 0 }) else { return false }
                            #expect(running.system.requestCount == 0)
                            gate.open()
                            return seen.last?.inFlight == 0 && seen.contains { $0.system.requestCount == 1 }
                        } finally: { seen in
                            let ended = seen.flatMap(\.models).filter { $0.metrics.requestCount > 0 }
                            #expect(ended.map(\.model) == ["first/m"] && ended.map(\.metrics.outputTokens) == [200])
                            #expect(seen.allSatisfy { $0.outputTokensPerSecond >= 0 })
                            #expect(seen.last?.models.map(\.model) == ["first/m"], "it answered a moment ago")
                        }
                        #expect(try await answer.isTruthful)
                    }
                }
            }
        }

        @Test func `Tokens are told while they come`() async throws {
            let gate = Gate()
            let next = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + .event(Chunk.text("a")) + [.wait(gate)]
                    + .event(Chunk.text(String(repeating: "x", count: 4000))) + [.wait(next)]
                    + .event(Chunk.finish) + .event(Chunk.usage(3, 1000)) + .event("[DONE]") + .lastChunk
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        async let answer = gateway.stream(.asking())
                        try await gateway.watch { seen in
                            guard seen.contains(where: { $0.inFlight > 0 }) else { return false }
                            gate.open()
                            return seen.contains { $0.outputTokensPerSecond > 100 }
                        } finally: { seen in
                            let told = seen.reduce(0.0) { sum, message in
                                let seconds = Double(message.elapsed.seconds) + Double(message.elapsed.nanos) / 1e9
                                return sum + message.outputTokensPerSecond * seconds
                            }
                            // A token for four bytes; the first one may have come before the watch did.
                            #expect((999...1001).contains(told.rounded()), "\(told)")
                            #expect(seen.allSatisfy { $0.system.requestCount == 0 })
                        }
                        next.open()
                        #expect(try await answer.completed?.usage.outputTokens == 1000)
                    }
                }
            }
        }

        @Test func `Requests that wait for a free place at their provider are queued`() async throws {
            let gate = Gate()
            try await FaultUpstream.run { request in
                [.wait(gate)] + .answer(to: request, ["a"])
            } _: { upstream in
                let configuration = providers(
                    upstream.baseURL, timeouts: "{ connect: 5s }, max_concurrent_requests: 1")
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        try await withThrowingTaskGroup(of: Bool.self) { group in
                            for _ in 0..<3 { group.addTask { try await gateway.stream(.asking()).isTruthful } }
                            let seen = try await gateway.watched { $0.last?.models.first?.queued == 2 }
                            #expect(seen.last?.models.first?.inFlight == 1 && seen.last?.inFlight == 3)
                            gate.open()
                            for try await isTruthful in group { #expect(isTruthful) }
                        }
                        let after = try await gateway.watched { !$0.isEmpty }
                        #expect(after.last?.models.map(\.queued) == [0] && after.last?.inFlight == 0)
                    }
                }
            }
        }

        @Test func `SIGTERM ends a watch, and the watch does not hold up the end`() async throws {
            try await RunningServer.with(providers("http://127.0.0.1:1")) { server in
                try await server.withClient { gateway in
                    let error = try await #require(throws: RPCError.self) {
                        try await gateway.telemetry.watchMetrics(.with { $0.interval.seconds = 60 }) { response in
                            for try await _ in response.messages { server.terminate() }
                        }
                    }
                    let info = try error.errorInfo()
                    #expect(error.code == .unavailable && info.reason == "SHUTTING_DOWN")
                }
            }
        }

        @Test(arguments: [true, false])
        func `Figures are there again after a restart, and after kill -9`(isKilled: Bool) async throws {
            let directory = try TemporaryDirectory()
            try await FaultUpstream.run {
                Self.answer($0)
            } _: { upstream in
                let configuration = providers(upstream.baseURL)
                let before = try await RunningServer.with(
                    configuration, in: directory, endingWith: isKilled ? .signaled(9) : .exited(0)
                ) { server in
                    try await server.withClient { gateway in
                        try await gateway.makeRequests(streams: 8, whole: 4, failures: 3)
                        // What the log has is what may be relied on.
                        let areKept = try await Processes.until(within: .seconds(20)) {
                            try await gateway.telemetry.listRequests(.init()).requests.count == 15
                        }
                        #expect(areKept)
                        let figures = try await gateway.figures()
                        if isKilled { server.kill() }
                        return figures
                    }
                }
                try await RunningServer.with(configuration, in: directory) { server in
                    try await server.withClient { gateway in
                        let after = try await gateway.figures()
                        #expect(after == before)
                        try await gateway.makeRequests(streams: 0, whole: 1, failures: 0)
                        let next = try await gateway.telemetry.getSystemMetrics(.init())
                        #expect(next.total.requestCount == 16 && next.total.outcomeCounts["failed"] == 3)
                        let first = try await gateway.watched { !$0.isEmpty }
                        #expect(first.first?.system.requestCount == 0, "what was before the start is no news")
                    }
                }
            }
        }
    }
}

extension Gateway {
    fileprivate func makeRequests(streams: Int, whole: Int, failures: Int) async throws {
        for _ in 0..<streams { _ = try await self.stream(.asking()) }
        for _ in 0..<whole { _ = try await self.generation.generate(.asking()) }
        for _ in 0..<failures { _ = try await self.failure(of: .asking("fail")) }
    }

    /// What is told of the day, but for what depends on the moment of asking.
    fileprivate func figures() async throws -> [Roundhouse_V1_Metrics] {
        let system = try await self.telemetry.getSystemMetrics(.init())
        let month = try await self.telemetry.getSystemMetrics(.with { $0.range = .thirtyDays })
        let model = try await self.telemetry.getModelMetrics(.with { $0.model = "first/m" })
        return [system.total, month.total, model.total].map { metrics in
            var metrics = metrics
            metrics.attemptsPerSecond = 0
            return metrics
        }
    }

    /// Watches until what was seen is enough.
    fileprivate func watched(
        _ isEnough: @escaping @Sendable ([Roundhouse_V1_WatchMetricsResponse]) async throws -> Bool
    ) async throws -> [Roundhouse_V1_WatchMetricsResponse] {
        try await self.telemetry.watchMetrics(.with { $0.interval.nanos = 200_000_000 }) { response in
            var seen: [Roundhouse_V1_WatchMetricsResponse] = []
            for try await message in response.messages {
                seen.append(message)
                if try await isEnough(seen) { break }
            }
            return seen
        }
    }

    fileprivate func watch(
        until isEnough: @escaping @Sendable ([Roundhouse_V1_WatchMetricsResponse]) async throws -> Bool,
        finally look: ([Roundhouse_V1_WatchMetricsResponse]) throws -> Void
    ) async throws {
        let seen = try await self.watched(isEnough)
        try look(seen)
    }
}
