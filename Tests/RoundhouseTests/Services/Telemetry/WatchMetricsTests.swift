import GRPCCore
import Inference
import ModelLifecycle
import RoundhouseAPI
import Routing
import SwiftProtobuf
import Telemetry
import TestSupport
import Testing

@testable import Roundhouse

@Suite("TelemetryService: a watch of metrics", .timeLimit(.minutes(1)))
struct WatchMetricsTests {
    @Test("The first message comes at once, the others in their interval")
    func beats() async throws {
        try await ServiceBench.with { bench in
            let x = try modelID("cloud/x")
            let output = OutputCounter()
            bench.scripts.edit {
                $0.inFlight = 3
                $0.liveModels = [LiveModel(model: x, inFlight: 2, output: output)]
                $0.live[x] = LiveFigures(breaker: .halfOpen, inFlight: 2)
            }
            bench.loading.set(devices: [
                DeviceMemory(device: .cpu, totalBytes: 100, freeBytes: 90, quotaBytes: 80, actualBytes: 7)
            ])
            try await bench.telemetry.watchMetrics(.with { $0.interval = .with { $0.seconds = 2 } }) { response in
                var messages = response.messages.makeAsyncIterator()
                let first = try #require(try await messages.next())
                #expect(first.time.seconds == 1000 && !first.hasElapsed && first.inFlight == 3)
                #expect(first.modelMemoryBytes == 7 && first.modelMemoryLimitBytes == 80)
                let model = try #require(first.models.first)
                #expect(first.models.count == 1 && model.model == "cloud/x" && model.inFlight == 2)
                #expect(model.breaker == "half_open" && model.state == .unspecified && model.memoryBytes == 0)
                output.add(30)
                bench.figures.record(x)
                await bench.time.passWhenSomebodySleeps(.seconds(2))
                let second = try #require(try await messages.next())
                #expect(second.elapsed.seconds == 2 && second.system.requestCount == 1)
                #expect(second.models.first?.metrics.requestCount == 1 && second.outputTokensPerSecond == 15)
            }
        }
    }

    @Test("Those are told that are in memory, answer, or did in the last five minutes")
    func busy() async throws {
        try await ServiceBench.with { bench in
            let models = try ["cloud/idle", "cloud/busy", "cloud/late", "cloud/recent", "local/a"].map(modelID)
            let quiet: [Duration?] = [nil, nil, .seconds(301), .seconds(299), .seconds(9000)]
            bench.scripts.edit { values in
                values.liveModels = zip(models, quiet).map { model, quiet in
                    LiveModel(
                        model: model, inFlight: model.name == "busy" ? 1 : 0, quiet: quiet, output: OutputCounter())
                }
            }
            try bench.setLoaded("local/a")
            try bench.setLoaded("local/b") {
                $0.state = .queued
                $0.waiters = 2
                $0.memory = [:]
            }
            let first = try await bench.firstMessage(.init())
            #expect(first.models.map(\.model) == ["cloud/busy", "cloud/recent", "local/a", "local/b"])
            #expect(first.models.map(\.state) == [.unspecified, .unspecified, .ready, .queued])
            #expect(first.models.map(\.queued) == [0, 0, 0, 2] && first.models.map(\.memoryBytes) == [0, 0, 100, 0])
            let named = try await bench.firstMessage(.with { $0.models = ["local/b", "cloud/x", "local/b"] })
            #expect(named.models.map(\.model) == ["cloud/x", "local/b"])
        }
    }

    @Test("Attempts that wait for a load, or for a free place at their provider, are queued and not answered")
    func queued() async throws {
        try await ServiceBench.with { bench in
            let a = try modelID("local/a")
            bench.scripts.edit {
                $0.liveModels = [LiveModel(model: a, inFlight: 5, output: OutputCounter())]
                $0.waiting = [a: 1]
            }
            try bench.setLoaded("local/a") {
                $0.state = .loading
                $0.waiters = 2
            }
            let model = try #require(try await bench.firstMessage(.init()).models.first)
            #expect(model.queued == 3 && model.inFlight == 2 && model.state == .loading)
        }
    }

    @Test("A watch ends with UNAVAILABLE when the server stops; one that comes later at once")
    func ends() async throws {
        try await ServiceBench.with { bench in
            let end = bench.watchEnd
            let watched = try await refusal {
                try await bench.telemetry.watchMetrics(.init()) { response in
                    for try await _ in response.messages { end.come() }
                }
            }
            #expect(watched.code == .unavailable && watched.reason == "SHUTTING_DOWN")
            let late = try await refusal { _ = try await bench.allMessages() }
            #expect(late.code == .unavailable && late.reason == "SHUTTING_DOWN")
        }
    }

    @Test("A client that leaves ends its watch")
    func leaves() async throws {
        let bench = try ServiceBench()
        let watch = MetricsWatch(
            sampler: LiveSampler(ports: bench.ports, live: bench.live, wanted: nil), interval: .seconds(1))
        await #expect(throws: CancellationError.self) {
            try await watch.run { message in
                if !message.hasElapsed { watch.left.send() }
            }
        }
        #expect(bench.time.sleeperCount == 0)
    }

    @Test("While a client does not read, no message is made; the next one tells of all that time")
    func slowClient() async throws {
        let bench = try ServiceBench()
        let x = try modelID("cloud/x")
        let (made, arrival) = AsyncStream.makeStream(of: Roundhouse_V1_WatchMetricsResponse.self)
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let watch = MetricsWatch(
            sampler: LiveSampler(ports: bench.ports, live: bench.live, wanted: [x]), interval: .seconds(1))
        let count = OutputCounter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await watch.run { message in
                    count.add(1)
                    arrival.yield(message)
                    if message.hasElapsed { return }
                    for await _ in gate { return }
                }
            }
            var messages = made.makeAsyncIterator()
            #expect(await messages.next()?.hasElapsed == false)
            for _ in 0..<100 {
                bench.figures.record(x)
                bench.time.advance(by: .seconds(1))
                await Task.yield()
            }
            #expect(count.tokens == 1, "it waits for its client")
            opening.yield()
            let next = try #require(await messages.next())
            #expect(next.elapsed.seconds == 100 && next.system.requestCount == 100)
            group.cancelAll()
        }
    }

    @Test(
        "An interval that is none is refused with its bounds",
        arguments: [(0, 199_000_000), (60, 1), (-1, 0), (0, 0), (1, -1)] as [(Int64, Int32)])
    func intervals(seconds: Int64, nanos: Int32) async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal {
                try await bench.firstMessage(
                    .with {
                        $0.interval.seconds = seconds
                        $0.interval.nanos = nanos
                        $0.models = ["local/a", "nonsense"]
                    })
            }
            #expect(refusal.code == .invalidArgument && refusal.fields == ["interval", "models[1]"])
            #expect(refusal.message.contains("200ms") && refusal.message.contains("1m"), "\(refusal.message)")
        }
    }

    @Test("A model that nobody knows is not found")
    func unknown() async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal {
                try await bench.firstMessage(.with { $0.models = ["local/a", "cloud/never"] })
            }
            #expect(refusal.code == .notFound && refusal.metadata["model"] == "cloud/never")
        }
    }
}

extension ServiceBench {
    /// The first message of a watch, which is then left.
    fileprivate func firstMessage(
        _ request: Roundhouse_V1_WatchMetricsRequest
    ) async throws -> Roundhouse_V1_WatchMetricsResponse {
        try await self.telemetry.watchMetrics(request) { response in
            for try await message in response.messages { return message }
            throw NotRefused()
        }
    }

    fileprivate func allMessages() async throws -> [Roundhouse_V1_WatchMetricsResponse] {
        try await self.telemetry.watchMetrics(.init()) { response in
            try await response.messages.reduce(into: []) { $0.append($1) }
        }
    }
}
