import Inference
import Testing

@testable import ModelLifecycle

@Suite("Lives")
struct SchedulerLifeTests {
    private let a: ModelID
    private let b: ModelID
    private let models: [ManagedModel]

    init() {
        self.a = .local("a")
        self.b = .local("b")
        self.models = [.local("a"), .local("b")]
    }

    private func instance(_ world: World, _ model: ModelID) -> Instance? {
        world.scheduler.instances[InstanceKey(model: model)]
    }

    // MARK: - Failures

    @Test("a crash is tried again after a backoff that doubles, and given up after five, with the last words")
    func backoff() throws {
        var world = World(self.models)
        let ticket = world.request(self.a)
        for wait in [250, 500, 1000, 2000] {
            world.end(try #require(world.launch(of: self.a)), .crashed(reason: "out of cheese"))
            #expect(world.state(self.a) == .queued)
            #expect(world.reason(self.a) == "restart: out of cheese")
            world.advance(.milliseconds(wait - 1))
            #expect(world.launch(of: self.a) == nil)
            world.advance(.milliseconds(1))
        }
        #expect(world.answers[ticket] == nil, "who waits is not bothered with what may still go well")
        world.end(try #require(world.launch(of: self.a)), .crashed(reason: "out of cheese"))
        #expect(world.state(self.a) == .failed)
        guard case .loadFailed(_, let reason, let retryAfter) = world.refusal(ticket) else {
            Issue.record("answered with \(String(describing: world.answers[ticket]))")
            return
        }
        #expect(reason == "out of cheese (failure 5 in a row)" && retryAfter == .seconds(4))
        let early = world.request(self.a)
        #expect(world.refusal(early) == .loadFailed(self.a, reason: reason, retryAfter: .seconds(4)))
        #expect(world.scheduler.availability(of: self.a, at: world.now) == .unavailable(reason: reason))
        world.advance(.seconds(4))
        #expect(world.scheduler.availability(of: self.a, at: world.now) == .unloaded)
        let late = world.request(self.a)
        world.ready(try #require(world.launch(of: self.a)))
        #expect(world.isGranted(late))
        #expect(self.instance(world, self.a)?.restarts == 4)
        #expect(world.problems == [])
    }

    @Test("an engine that dies under its requests comes back, though nobody waits")
    func restartsWhatWasInUse() throws {
        var world = World(self.models)
        let first = try world.serve(self.a)
        world.end(first, .crashed(reason: "signal 9"))
        #expect(world.state(self.a) == .queued)
        world.advance(.milliseconds(250))
        let second = try #require(world.launch(of: self.a))
        #expect(second != first)
        // The lease of the life that is over is given back late: it counts for nothing.
        world.send(.release(InstanceKey(model: self.a), launch: first))
        world.ready(second)
        #expect(self.instance(world, self.a)?.life?.leases == 0)
        #expect(world.problems == [])
    }

    @Test("a restart that nobody waits for takes nothing from others")
    func modestRestart() throws {
        var world = World(self.models, limits: .forTests(memory: 15))
        let first = try world.serve(self.a)
        world.release(first)
        world.end(first, .crashed(reason: "signal 9"))
        _ = try world.serve(self.b)
        world.advance(.seconds(5))
        #expect(world.state(self.a) == .unloaded && world.state(self.b) == .ready)
        #expect(world.problems == [])
    }

    @Test("a minute of readiness clears the record")
    func stable() throws {
        var world = World(self.models)
        for _ in 0..<12 {
            let launch = try world.serve(self.a)
            world.advance(.seconds(60))
            world.end(launch, .crashed(reason: "again"))
            #expect(self.instance(world, self.a)?.failuresInARow == 1)
            world.advance(.milliseconds(250))
        }
        #expect(world.state(self.a) == .loading)
    }

    @Test("a model that the engine refuses is not tried again at once")
    func refusedByEngine() throws {
        var world = World(self.models)
        let ticket = world.request(self.a)
        world.end(try #require(world.launch(of: self.a)), .refused(reason: "unknown architecture"))
        #expect(world.refusal(ticket) == .loadFailed(self.a, reason: "unknown architecture", retryAfter: .seconds(30)))
        #expect(world.state(self.a) == .failed && world.launches.isEmpty)
    }

    @Test("what the runtime let go of by itself is unloaded, without an error")
    func released() throws {
        var world = World(self.models)
        let launch = try world.serve(self.a)
        world.release(launch)
        world.end(launch, .released(reason: "its keep-alive passed"))
        #expect(world.state(self.a) == .unloaded && world.reason(self.a) == "its keep-alive passed")
        #expect(world.events.last?.kind == .modelUnloaded)
    }

    @Test("what is missing is said before anyone asks, looked for again, and found")
    func missing() throws {
        var limits = LifecycleLimits.forTests()
        limits.recheckInterval = .seconds(5)
        var world = World([], limits: limits)
        world.missing[self.a] = "the engine is not installed"
        world.send(.models(self.models))
        #expect(world.state(self.a) == .failed && world.state(self.b) == .unloaded)
        #expect(
            world.scheduler.availability(of: self.a, at: world.now)
                == .unavailable(reason: "the engine is not installed"))
        let ticket = world.request(self.a)
        #expect(world.refusal(ticket) == .loadFailed(self.a, reason: "the engine is not installed", retryAfter: nil))
        world.missing = [:]
        world.advance(.seconds(5))
        #expect(world.state(self.a) == .unloaded)
        #expect(world.scheduler.availability(of: self.a, at: world.now) == .unloaded)
        #expect(world.problems == [])
    }

    @Test("a runtime that does not say what a model would take is not waited for for ever")
    func silentRuntime() throws {
        var world = World(self.models)
        world.answersPreparations = false
        let ticket = world.request(self.a)
        let number = try #require(world.preparations.keys.first)
        world.advance(.seconds(60))
        guard case .loadFailed(_, let reason, nil) = world.refusal(ticket) else {
            Issue.record("answered with \(String(describing: world.answers[ticket]))")
            return
        }
        #expect(reason.contains("60 s"))
        // The answer that comes after all changes nothing.
        world.prepare(number, RuntimeModel(id: self.a))
        #expect(world.state(self.a) == .failed && world.problems == [])
    }

    @Test("a load has time by its size, from its last progress; then it is killed and counts as a crash")
    func loadBudget() throws {
        var world = World(self.models)
        world.sizes[self.a] = 2 << 30
        _ = world.request(self.a)
        let launch = try #require(world.launch(of: self.a))
        world.advance(.seconds(149))
        world.send(.report(launch: launch, .loading(loadedBytes: 1 << 30, totalBytes: 2 << 30)))
        world.advance(.seconds(149))
        // Telling the same figure again is no progress.
        world.send(.report(launch: launch, .loading(loadedBytes: 1 << 30, totalBytes: 2 << 30)))
        #expect(world.launches[launch]?.isKilled == false)
        world.advance(.seconds(1))
        #expect(world.launches[launch]?.isKilled == true)
        world.end(launch, .stopped)
        #expect(world.reason(self.a) == "restart: it made no progress for 150 s while loading")
    }

    @Test("a hung engine is replaced after three probes in a row without an answer")
    func hung() throws {
        var world = World(self.models)
        let launch = try world.serve(self.a)
        for isAlive in [false, false, true, false, false] { world.send(.probed(launch: launch, isAlive: isAlive)) }
        #expect(world.launches[launch]?.isKilled == false)
        world.send(.probed(launch: launch, isAlive: false))
        #expect(world.launches[launch]?.isKilled == true)
        world.end(launch, .stopped)
        #expect(world.state(self.a) == .queued)
        #expect(world.reason(self.a).contains("it hung"))
    }

    // MARK: - Leaving

    @Test("an unload waits for leases, cuts them after the grace, and tells what it did")
    func unloadGrace() throws {
        var world = World(self.models)
        let launch = try world.serve(self.a)
        try world.serve(self.a)
        let patient = world.unload(self.a)
        #expect(world.state(self.a) == .draining && world.answers[patient] == nil)
        let hasty = world.unload(self.a, grace: .seconds(10))
        world.release(launch)
        world.maySever = true
        world.advance(.seconds(10))
        #expect(world.state(self.a) == .unloading)
        world.end(launch)
        let outcome = UnloadOutcome(wasLoaded: true, freedBytes: 10, drainedLeases: 1, cutLeases: 1)
        #expect(world.answers[patient] == .unloaded(outcome) && world.answers[hasty] == .unloaded(outcome))
        let nothing = world.unload(self.a)
        #expect(world.answers[nothing] == .unloaded(UnloadOutcome(wasLoaded: false)))
        #expect(world.problems == [])
    }

    @Test("an instance that does not end when it is told to is killed")
    func stubborn() throws {
        var world = World(self.models)
        let launch = try world.serve(self.a)
        world.release(launch)
        _ = world.unload(self.a)
        world.advance(.seconds(29))
        #expect(world.launches[launch]?.isKilled == false)
        world.advance(.seconds(1))
        #expect(world.launches[launch]?.isKilled == true)
    }

    @Test("idleness counts from the last release, not for pinned models, and not while anyone waits")
    func idle() throws {
        var world = World([.local("a", ttl: .seconds(10)), .local("b", pinned: true, ttl: .seconds(10))])
        let first = try world.serve(self.a)
        let second = try world.serve(self.b)
        world.release(first)
        world.release(second)
        world.advance(.seconds(9))
        try world.serve(self.a)
        world.advance(.seconds(60))
        #expect(world.state(self.a) == .ready)
        world.release(first)
        let status = world.scheduler.status(of: InstanceKey(model: self.a), engine: "", at: world.now, wall: 0)
        #expect(status?.expiresIn == .seconds(10) && status?.idle == .zero)
        world.advance(.seconds(10))
        #expect(world.state(self.a) == .unloading && world.state(self.b) == .ready)
        #expect(world.reason(self.a) == "idle for 10 s")
        #expect(world.problems == [])
    }

    @Test("a shutdown refuses who waits, ends what runs, and is over when nothing is left")
    func shutDown() throws {
        var world = World(self.models)
        let first = try world.serve(self.a)
        let waiting = world.request(self.b)
        let second = try #require(world.launch(of: self.b))
        world.maySever = true
        world.send(.shutDown)
        #expect(world.refusal(waiting) == .shuttingDown)
        let late = world.request(self.a)
        #expect(world.refusal(late) == .shuttingDown)
        world.end(second)
        #expect(!world.isFinished)
        world.advance(.seconds(10))
        #expect(world.launches[first]?.isKilled == true)
        world.end(first)
        #expect(world.isFinished && world.problems == [])
    }

    // MARK: - Warming

    @Test("a first, internal request is answered before it is ready, unless a request waits to do it")
    func warming() throws {
        var world = World(self.models)
        let cold = world.load(self.a, warms: true)
        let launch = try #require(world.launch(of: self.a))
        world.ready(launch)
        #expect(world.state(self.a) == .warming && world.warming == [launch] && world.answers[cold] == nil)
        world.warmed(launch)
        #expect(world.state(self.a) == .ready && world.answers[cold] == .loaded(InstanceKey(model: self.a)))
        let again = world.load(self.a, warms: true)
        #expect(world.answers[again] != nil && world.warming.isEmpty, "it is warm already")

        let request = world.request(self.b)
        let warm = world.load(self.b, warms: true)
        world.ready(try #require(world.launch(of: self.b)))
        #expect(world.isGranted(request) && world.answers[warm] != nil && world.warming.isEmpty)
        #expect(world.problems == [])
    }

    @Test("what was loaded cold is warmed beside requests, and not evicted meanwhile")
    func warmingLater() throws {
        var world = World(self.models, limits: .forTests(memory: 15))
        let cold = world.load(self.a)
        let launch = try #require(world.launch(of: self.a))
        world.ready(launch)
        #expect(world.answers[cold] != nil)
        let warm = world.load(self.a, warms: true)
        #expect(world.warming == [launch] && world.answers[warm] == nil)
        _ = world.request(self.b)
        world.advance(.seconds(10))
        #expect(world.state(self.a) == .ready)
        world.warmed(launch, UpstreamFault(.serverError, "no tokens"))
        guard case .loadFailed(_, let reason, _) = world.refusal(warm) else {
            Issue.record("answered with \(String(describing: world.answers[warm]))")
            return
        }
        #expect(reason.contains("no tokens"))
        #expect(world.state(self.a) == .unloading)
        #expect(world.problems == [])
    }

    // MARK: - The registry changes

    @Test("who waits for the old version gets the new one, and the old one drains")
    func newVersion() throws {
        var model = self.models[0]
        model.versions = [RuntimeModel(id: self.a, version: "1"), RuntimeModel(id: self.a, version: "2")]
        model.activeVersion = "1"
        var world = World([model], limits: .forTests(memory: 25))
        let held = world.request(self.a)
        let old = try #require(world.launch(of: self.a, version: "1"))
        world.ready(old)
        #expect(world.isGranted(held))
        let loaded = world.load(self.a, version: "2")
        let new = try #require(world.launch(of: self.a, version: "2"))
        world.ready(new)
        #expect(world.answers[loaded] == .loaded(InstanceKey(model: self.a, version: "2")))
        model.activeVersion = "2"
        world.send(.models([model]))
        #expect(world.state(self.a, version: "1") == .draining)
        let next = world.request(self.a)
        #expect(world.isGranted(next) && world.launches[new]?.leases == 1)
        world.release(old)
        #expect(world.state(self.a, version: "1") == .unloading)
        #expect(world.problems == [])
    }

    @Test("where only one version fits, those who wait for the old one are served by the new one after the flip")
    func newVersionInThePlaceOfTheOld() throws {
        var model = self.models[0]
        model.versions = [RuntimeModel(id: self.a, version: "1"), RuntimeModel(id: self.a, version: "2")]
        model.activeVersion = "1"
        var world = World([model], limits: .forTests(memory: 15))
        _ = world.request(self.a)
        let old = try #require(world.launch(of: self.a, version: "1"))
        world.ready(old)
        let loaded = world.load(self.a, version: "2")
        world.advance(.seconds(2))
        #expect(world.state(self.a, version: "1") == .draining)
        let between = world.request(self.a)
        world.release(old)
        world.end(old)
        let new = try #require(world.launch(of: self.a, version: "2"))
        world.ready(new)
        #expect(world.answers[loaded] != nil && world.answers[between] == nil)
        model.activeVersion = "2"
        world.send(.models([model]))
        #expect(world.isGranted(between) && world.launches[new]?.leases == 1)
        #expect(world.problems == [])
    }

    @Test("a model that is removed or disabled drains, and those who wait for it are told", arguments: [true, false])
    func removed(_ isRemoved: Bool) throws {
        var world = World(self.models)
        let launch = try world.serve(self.a)
        let waiting = world.request(self.b)
        var disabled = self.models
        for index in disabled.indices { disabled[index].isEnabled = false }
        world.send(.models(isRemoved ? [] : disabled))
        #expect(world.state(self.a) == .draining && world.state(self.b) == .unloading)
        let expected = isRemoved ? LifecycleError.notFound("local/b was removed") : .disabled(self.b)
        #expect(world.refusal(waiting) == expected)
        world.release(launch)
        for launch in world.launches.keys { world.end(launch) }
        #expect(world.scheduler.instances.isEmpty == isRemoved)
        #expect(world.problems == [])
    }

    // MARK: - Progress

    @Test("who wants to know is told of each phase, and of bytes four times a second")
    func progress() throws {
        var limits = LifecycleLimits.forTests()
        limits.maxConcurrentLoads = 1
        var world = World(self.models, limits: limits)
        _ = world.request(self.b)
        let other = try #require(world.launch(of: self.b))
        let ticket = world.request(self.a, progress: true)
        world.now += .seconds(1)
        world.ready(other)
        let launch = try #require(world.launch(of: self.a))
        for bytes in Int64(1)...100 {
            world.now += .milliseconds(10)
            world.send(.report(launch: launch, .loading(loadedBytes: bytes, totalBytes: 100)))
        }
        world.ready(launch)
        let told = try #require(world.progress[ticket])
        var phases = told.map(\.phase)
        phases = phases.indices.filter { $0 == 0 || phases[$0] != phases[$0 - 1] }.map { phases[$0] }
        #expect(phases == [.queued, .starting, .loading, .ready])
        #expect(told.first { $0.message == "other models are being loaded" }?.queuePosition == 1)
        let bytes = told.filter { $0.phase == .loading }.map(\.loadedBytes)
        #expect(bytes == [1, 26, 51, 76, 100])
        #expect(told.last?.elapsed == .seconds(2))
    }
}
