import Inference
import Synchronization
import Testing

@testable import ModelLifecycle

/// Keeps what was reported.
private final class Reports: Sendable {
    private let updates = Mutex<[WarmUp.Update]>([])

    func take(_ update: WarmUp.Update) { self.updates.withLock { $0.append(update) } }

    var results: [WarmUpResult] {
        self.updates.withLock { $0 }.compactMap { if case .result(let result) = $0 { result } else { nil } }
    }
    var phases: [LoadPhase] {
        self.updates.withLock { $0 }.compactMap { if case .progress(let progress) = $0 { progress.phase } else { nil } }
    }
}

@Suite("Warm-up", .timeLimit(.minutes(1)))
struct WarmUpTests {
    @Test("Enabled models that are not lazy are loaded by priority, and counted by category; twice costs nothing")
    func all() async throws {
        let loading = LoadingDouble()
        let (a, b) = (loading.add("a"), loading.add("b", category: .embedding))
        loading.add("lazy", isLazy: true)
        loading.add("off", isEnabled: false)
        let warmUp = WarmUp(loading: loading, priority: { $0 == b ? 1 : 2 })
        let reports = Reports()

        let first = try await warmUp.run(WarmUp.Request(), report: reports.take)
        #expect(first.status == .success)
        #expect(first.modelsLoaded == [a, b])
        #expect(first.results.map(\.model) == [b, a])
        #expect(first.loadedCounts == [.text: 1, .embedding: 1, .image: 0, .voice: 0, .video: 0])
        #expect(first.totalLoaded == 2)
        #expect(first.message == "Of 2 models: 2 loaded.")
        #expect(loading.calls("load") == ["local/b", "local/a"])
        #expect(Set(reports.results) == Set(first.results))
        #expect(reports.phases.count { $0 == .ready } == 2)

        let second = try await warmUp.run(WarmUp.Request(), report: reports.take)
        #expect(second.status == .alreadyWarm && second.modelsLoaded.isEmpty && second.totalLoaded == 2)
        #expect(second.results.map(\.outcome) == [.alreadyWarm, .alreadyWarm])
        #expect(loading.calls("load").count == 2)

        let third = try await warmUp.run(WarmUp.Request(includesLazy: true), report: reports.take)
        #expect(third.modelsLoaded == [.local("lazy")])
    }

    @Test("What does not fit beside what was warmed is skipped with the reason; smaller ones after it are not")
    func fits() async throws {
        let loading = LoadingDouble(capacity: 100)
        let models = [
            loading.add("a", size: 60), loading.add("b", size: 50), loading.add("c", size: 30),
            loading.add("huge", size: 101),
        ]
        let idle = loading.add("idle", size: 40, isLazy: true, isLoaded: true)
        let summary = try await WarmUp(loading: loading).run(WarmUp.Request()) { _ in }
        #expect(summary.results.map(\.model) == models)
        #expect(summary.results.map(\.outcome) == [.warmed, .skipped, .warmed, .skipped])
        #expect(summary.results[1].reason == "it does not fit beside local/a")
        #expect(summary.results[3].reason == "it needs 101 of 100 bytes")
        #expect(summary.status == .success)
        #expect(summary.message == "Of 4 models: 2 loaded, 2 skipped.")
        // The idle one made room.
        #expect(loading.status(of: idle) == nil)
    }

    @Test("What is in use is never evicted, and nothing is where evicting is not allowed", arguments: [true, false])
    func inUse(isBusy: Bool) async throws {
        let loading = LoadingDouble(capacity: 100)
        let other = loading.add("other", size: 80, isLazy: true, isLoaded: true)
        if isBusy { loading.lease(InstanceKey(model: other), 1) }
        let new = loading.add("new", size: 30)
        let summary = try await WarmUp(loading: loading).run(WarmUp.Request(models: [new], evicts: isBusy)) { _ in }
        #expect(summary.results.map(\.outcome) == [.skipped])
        #expect(summary.status == .alreadyWarm)
        #expect(loading.status(of: other)?.state == .ready)
        #expect(loading.calls("load").isEmpty)
    }

    @Test("Named models are loaded also when they are lazy, each once; what fails says why")
    func named() async throws {
        let loading = LoadingDouble()
        let (lazy, off, broken) = (
            loading.add("lazy", isLazy: true), loading.add("off", isEnabled: false), loading.add("broken")
        )
        loading.add("unnamed")
        loading.fail(InstanceKey(model: broken), .loadFailed(broken, reason: "no tensor", retryAfter: nil))
        let summary = try await WarmUp(loading: loading)
            .run(WarmUp.Request(models: [lazy, off, lazy, broken, .local("cloud")])) { _ in }
        #expect(summary.results.map(\.outcome) == [.warmed, .failed, .failed, .failed])
        #expect(
            summary.results.map(\.reason) == [
                "", "local/off is disabled; enable it first", "local/broken could not be loaded: no tensor",
                "local/cloud is a cloud model: there is nothing to load",
            ])
        #expect(summary.status == .partial)
        #expect(summary.modelsLoaded == [lazy])
        #expect(loading.status(of: .local("unnamed")) == nil)
        let failing = try await WarmUp(loading: loading).run(WarmUp.Request(models: [broken])) { _ in }
        #expect(failing.status == .failed)
        let none = try await WarmUp(loading: LoadingDouble()).run(WarmUp.Request()) { _ in }
        #expect(none.status == .alreadyWarm && none.message == "There are no models to warm up.")
        #expect(none.loadedCounts.count == 5)
    }

    @Test("What lacks an engine or a file has failed: it is not room that is missing")
    func unavailable() async throws {
        let loading = LoadingDouble()
        let model = loading.add("a")
        loading.setPlan(LoadPlan(key: InstanceKey(model: model), isFeasible: false, reason: "a.gguf is missing"))
        let summary = try await WarmUp(loading: loading).run(WarmUp.Request()) { _ in }
        #expect(summary.status == .failed)
        #expect(summary.results.map(\.reason) == ["a.gguf is missing"])
    }

    @Test("At most two are loaded side by side, and each is planned when the ones before have their memory")
    func concurrency() async throws {
        let loading = LoadingDouble()
        let names = ["a", "b", "c"]
        let gates = names.map { name in
            let gate = Turnstile()
            loading.hold(InstanceKey(model: loading.add(name)), at: gate)
            return gate
        }
        async let summary = WarmUp(loading: loading).run(WarmUp.Request()) { _ in }
        await Turns.until { gates[0].isAwaited && gates[1].isAwaited }
        #expect(loading.calls == ["plan local/a", "load local/a", "plan local/b", "load local/b"])
        gates[0].open()
        await Turns.until { gates[2].isAwaited }
        gates[1].open()
        gates[2].open()
        let results = try await summary.results
        #expect(results.map(\.outcome) == [.warmed, .warmed, .warmed])
    }

    @Test("A caller that leaves lets loads go on, and begins no more")
    func cancelled() async throws {
        let loading = LoadingDouble()
        let gates = ["a", "b", "c"].map { name in
            let gate = Turnstile()
            loading.hold(InstanceKey(model: loading.add(name)), at: gate)
            return gate
        }
        await withTaskGroup { group in
            group.addTask {
                await #expect(throws: CancellationError.self) {
                    try await WarmUp(loading: loading).run(WarmUp.Request()) { _ in }
                }
            }
            await Turns.until { gates[0].isAwaited && gates[1].isAwaited }
            group.cancelAll()
            for gate in gates { gate.open() }
        }
        #expect(loading.calls("loaded").sorted() == ["local/a", "local/b"])
        #expect(loading.calls("load").count == 2)
    }

    @Test("Time is measured for each model and for all")
    func elapsed() async throws {
        let loading = LoadingDouble()
        let time = SteppedTime()
        let gate = Turnstile()
        loading.hold(InstanceKey(model: loading.add("a")), at: gate)
        async let summary = WarmUp(loading: loading, time: time.time).run(WarmUp.Request()) { _ in }
        await Turns.until { gate.isAwaited }
        time.advance(by: .seconds(3))
        gate.open()
        let done = try await summary
        #expect(done.elapsed == .seconds(3) && done.results.map(\.elapsed) == [.seconds(3)])
    }
}
