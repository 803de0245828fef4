import Inference
import ModelRegistry
import Synchronization
import Testing

@testable import ModelLifecycle

private struct Refused: Error, CustomStringConvertible {
    var description: String { "no answer" }
}

@Suite("Profiler", .timeLimit(.minutes(1)))
struct ProfilerTests {
    @Test(
        "Percentiles are by nearest rank",
        arguments: [
            (Array(1...100), [50, 95, 99]), (Array(1...10).reversed(), [5, 10, 10]), ([7], [7, 7, 7]),
            ([1, 2], [1, 2, 2]), (Array(1...200), [100, 190, 198]),
        ])
    func percentiles(values: [Int], expected: [Int]) {
        #expect([50, 95, 99].map { values.percentile($0) } == expected)
        #expect(values.percentile(100) == values.max())
        #expect([Int]().percentile(50) == nil)
    }

    @Test("Runs are measured, failed ones counted, and both ends are told")
    func measures() async throws {
        let loading = LoadingDouble()
        let model = loading.add("a", size: 30)
        let events = EventCatcher()
        let time = SteppedTime(wallMicroseconds: 5)
        let updates = Mutex<[Profiler.Update]>([])
        let runs = Mutex(0)
        let profile = try await Profiler(loading: loading, events: events, time: time.time).profile(
            Profiler.Request(model: model, runs: 5),
            report: { update in updates.withLock { $0.append(update) } },
            perform: { request in
                #expect(request.maxOutputTokens == 32 && request.prompt == Profiler.Request.defaultPrompt)
                // Kept in memory all the while.
                #expect(loading.leases(InstanceKey(model: model)) == 1)
                let run = runs.withLock { count in
                    count += 1
                    return count
                }
                guard run != 2 else { throw Refused() }
                return ProfileSample(
                    latency: .milliseconds(100 * run), firstToken: .milliseconds(10 * run), inputTokens: 12,
                    outputTokens: 10)
            }
        )
        #expect(profile.runs == 5 && profile.failedRuns == 1)
        #expect(profile.latencyP50 == .milliseconds(300) && profile.latencyP95 == .milliseconds(500))
        #expect(profile.latencyP99 == .milliseconds(500))
        #expect(profile.firstTokenP50 == .milliseconds(30) && profile.firstTokenP95 == .milliseconds(50))
        // 9 tokens of each run, in 90, 270, 360 and 450 ms.
        #expect(abs(profile.tokensPerSecond - 36 / 1.17) < 1e-9)
        #expect(profile.memoryBytes == 30)
        #expect(profile.inputTokens == 12 && profile.outputTokens == 40)
        #expect(profile.madeAtMicroseconds == 5)
        #expect(loading.leases(InstanceKey(model: model)) == 0)
        let reported = updates.withLock { $0 }
        #expect(reported.contains(.failedRun(2, reason: "no answer")))
        #expect(reported.contains { if case .progress = $0 { true } else { false } })
        #expect(events.events.map(\.kind) == [.profilingStarted, .profilingCompleted])
        #expect(events.events.last?.attributes["latency_p50_ms"] == "300")
        #expect(events.events.last?.attributes["failed_runs"] == "1")
    }

    @Test("Three failures in a row end it", arguments: [(10, 3), (2, 2)])
    func failing(runs: Int, asked: Int) async {
        let loading = LoadingDouble()
        let events = EventCatcher()
        let count = Mutex(0)
        await #expect(throws: ProfileError.self) {
            try await Profiler(loading: loading, events: events).profile(
                Profiler.Request(model: .local("cloud"), runs: runs), report: { _ in },
                perform: { _ in
                    count.withLock { $0 += 1 }
                    throw Refused()
                }
            )
        }
        #expect(count.withLock { $0 } == asked)
        #expect(loading.calls.isEmpty)
        #expect(events.events.last?.kind == .profilingCompleted)
        #expect(events.events.last?.attributes["error"]?.hasSuffix("no answer") == true)
    }

    @Test("A model that cannot be loaded has no profile, and none was begun")
    func notLoaded() async {
        let loading = LoadingDouble()
        let model = loading.add("broken")
        let error = LifecycleError.loadFailed(model, reason: "no tensor", retryAfter: nil)
        loading.fail(InstanceKey(model: model), error)
        let events = EventCatcher()
        await #expect(throws: ProfileError.notLoaded(error)) {
            try await Profiler(loading: loading, events: events).profile(
                Profiler.Request(model: model), report: { _ in }, perform: { _ in throw Refused() })
        }
        #expect(events.events.isEmpty)
    }

    @Test("A caller that leaves ends it and frees the model")
    func cancelled() async {
        let loading = LoadingDouble()
        let model = loading.add("a")
        let events = EventCatcher()
        let gate = Turnstile()
        await withTaskGroup { group in
            group.addTask {
                await #expect(throws: ProfileError.cancelled) {
                    try await Profiler(loading: loading, events: events).profile(
                        Profiler.Request(model: model), report: { _ in },
                        perform: { _ in
                            await gate.pass()
                            return ProfileSample(latency: .seconds(1))
                        }
                    )
                }
            }
            await Turns.until { gate.isAwaited }
            group.cancelAll()
            gate.open()
        }
        #expect(loading.leases(InstanceKey(model: model)) == 0)
        #expect(events.events.last?.attributes["error"] == "the caller left")
    }

    @Test("Answers in one piece have the engine's own tokens per second")
    func onePiece() {
        let samples = [10.0, 30.0].map { rate in
            ProfileSample(latency: .seconds(1), firstToken: .seconds(1), outputTokens: 8, tokensPerSecond: rate)
        }
        let profile = ModelProfile(samples: samples, failedRuns: 0, memoryBytes: 0, madeAtMicroseconds: 0)
        #expect(profile.tokensPerSecond == 20)
    }
}
