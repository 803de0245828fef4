import Inference
import Testing

@testable import ModelLifecycle

@Suite("Scheduler")
struct SchedulerTests {
    private let a: ModelID
    private let b: ModelID
    private let c: ModelID
    private let models: [ManagedModel]

    init() {
        self.a = .local("a")
        self.b = .local("b")
        self.c = .local("c")
        self.models = [.local("a"), .local("b"), .local("c")]
    }

    private func world(memory: Int64? = nil, places: Int? = nil) -> World {
        World(self.models, limits: .forTests(memory: memory, places: places))
    }

    private func evictions(_ world: World) -> [ModelID] {
        world.events.filter { $0.kind == .modelEvicted }.compactMap(\.model)
    }

    // MARK: - Requests

    @Test("a load is shared by all who ask for it, and all are granted together")
    func shared() throws {
        var world = self.world()
        let tickets = (0..<5).map { _ in world.request(self.a) }
        #expect(world.launches.count == 1)
        world.ready(try #require(world.launch(of: self.a)))
        for ticket in tickets { #expect(world.isGranted(ticket)) }
        #expect(world.scheduler.instances[InstanceKey(model: self.a)]?.life?.leases == 5)
        #expect(world.events.map(\.kind) == [.modelLoading, .modelLoaded])
        #expect(world.problems == [])
    }

    @Test("what is ready is leased at once, and counted")
    func fastPath() throws {
        var world = self.world()
        #expect(world.scheduler.lease(self.a) == nil)
        let launch = try world.serve(self.a)
        let leased = world.scheduler.lease(self.a)
        let instance = try #require(leased)
        #expect(instance.launch == launch)
        #expect(world.scheduler.instances[instance.key]?.life?.leases == 2)
        let isQuiet = world.scheduler.releaseQuietly(instance.key, launch: launch, at: world.now)
        #expect(isQuiet)
        // A lease of a life that is over changes nothing.
        let isIgnored = world.scheduler.releaseQuietly(instance.key, launch: launch + 99, at: world.now)
        #expect(isIgnored)
        #expect(world.scheduler.instances[instance.key]?.life?.leases == 1)
    }

    @Test("a model that is not known, disabled, or without that version is refused")
    func refused() throws {
        var disabled = ManagedModel.local("b")
        disabled.isEnabled = false
        var world = World([self.models[0], disabled])
        let unknown = world.request(self.c)
        #expect(world.refusal(unknown) == .notLoadable(self.c))
        let off = world.request(self.b)
        #expect(world.refusal(off) == .disabled(self.b))
        let version = world.load(self.a, version: "v9")
        guard case .notFound(let words) = world.refusal(version) else {
            Issue.record("refused with \(String(describing: world.refusal(version)))")
            return
        }
        #expect(words.contains("'v9'"))
    }

    @Test("more callers than the queue takes are refused, for a model that loads; a ready one has no queue")
    func queueFull() throws {
        var limits = LifecycleLimits.forTests()
        limits.maxQueue = 3
        var world = World(self.models, limits: limits)
        for _ in 0..<3 { _ = world.request(self.a) }
        let fourth = world.request(self.a)
        #expect(world.refusal(fourth) == .queueFull(self.a, limit: 3))
        world.ready(try #require(world.launch(of: self.a)))
        for _ in 0..<10 {
            let ticket = world.request(self.a)
            #expect(world.isGranted(ticket))
        }
    }

    // MARK: - Room

    @Test("loads go on side by side where memory allows, up to max_concurrent_loads")
    func concurrentLoads() throws {
        var world = self.world()
        for model in [self.a, self.b, self.c] { _ = world.request(model) }
        #expect(world.launches.count == 2)
        #expect(world.state(self.c) == .queued)
        world.ready(try #require(world.launch(of: self.a)))
        #expect(world.state(self.c) == .loading)
        #expect(world.problems == [])
    }

    @Test("the model that was idle for longest makes room, and no other")
    func evictsOldest() throws {
        var world = self.world(memory: 25)
        let first = try world.serve(self.a)
        let second = try world.serve(self.b)
        world.release(first)
        world.now += .seconds(1)
        world.release(second)
        _ = world.request(self.c)
        #expect(world.state(self.a) == .unloading)
        #expect(world.state(self.b) == .ready)
        world.end(first)
        #expect(world.state(self.c) == .loading)
        #expect(self.evictions(world) == [self.a])
        #expect(world.problems == [])
    }

    @Test("pinned models are never evicted: what cannot fit beside them is refused, with their names")
    func pinned() throws {
        var world = World([.local("a", pinned: true), self.models[1]], limits: .forTests(memory: 15))
        let first = try world.serve(self.a)
        world.release(first)
        let ticket = world.request(self.b)
        guard
            case .insufficientMemory(let model, let device, let needed, let available, _, let reason) = world.refusal(
                ticket)
        else {
            Issue.record("answered with \(String(describing: world.answers[ticket]))")
            return
        }
        #expect(model == self.b && device == .cpu && needed == 10 && available == 5)
        #expect(reason.contains("local/a is pinned"))
        #expect(world.state(self.a) == .ready && world.state(self.b) == .unloaded)
        // Once it is pinned no longer, there is a way.
        world.send(.models([self.models[0], self.models[1]]))
        let again = world.request(self.b)
        world.end(first)
        world.ready(try #require(world.launch(of: self.b)))
        #expect(world.isGranted(again))
        #expect(world.problems == [])
    }

    @Test("a model larger than the quota is refused at once, and evicts nobody")
    func tooLarge() throws {
        var world = self.world(memory: 15)
        world.sizes[self.b] = 16
        let first = try world.serve(self.a)
        world.release(first)
        let ticket = world.request(self.b)
        guard case .insufficientMemory = world.refusal(ticket) else {
            Issue.record("answered with \(String(describing: world.answers[ticket]))")
            return
        }
        #expect(world.state(self.a) == .ready)
        // Said once in the events, however often it is asked for.
        _ = world.request(self.b)
        #expect(world.events.count { $0.kind == .modelLoadError } == 1)
    }

    @Test("what is in use gets its time first, then it is drained for those who wait")
    func minResidency() throws {
        var world = self.world(memory: 15)
        let first = try world.serve(self.a)
        let waiting = world.request(self.b)
        #expect(world.wakeAt == world.now + .seconds(2))
        world.advance(.milliseconds(1999))
        #expect(world.state(self.a) == .ready)
        world.advance(.milliseconds(1))
        #expect(world.state(self.a) == .draining)
        world.release(first)
        world.end(first)
        world.ready(try #require(world.launch(of: self.b)))
        #expect(world.isGranted(waiting))
    }

    @Test("a small model behind a large one that waits starts when it takes nothing from it")
    func backfill() throws {
        var world = self.world(memory: 30)
        world.sizes = [self.a: 20, self.b: 20, self.c: 10]
        _ = try world.serve(self.a)
        _ = world.request(self.b)
        #expect(world.state(self.b) == .queued)
        // 10 are free now, and 10 will be beside b once a has gone.
        _ = world.request(self.c)
        #expect(world.state(self.c) == .loading)
        #expect(world.problems == [])
    }

    @Test("max_loaded_models counts whatever has not ended")
    func places() throws {
        var world = self.world(places: 1)
        let first = try world.serve(self.a)
        world.release(first)
        let ticket = world.request(self.b)
        #expect(world.state(self.a) == .unloading && world.state(self.b) == .queued)
        world.end(first)
        world.ready(try #require(world.launch(of: self.b)))
        #expect(world.isGranted(ticket))
        #expect(world.problems == [])
    }

    @Test("an idle model leaves when another takes more than predicted; one in use does not")
    func excess() throws {
        var world = self.world(memory: 25)
        world.mayExceed = true
        let first = try world.serve(self.a)
        _ = world.request(self.b)
        let second = try #require(world.launch(of: self.b))
        world.ready(second, memory: [.cpu: 20])
        #expect(world.reason(self.b) == "models take more memory than they may together")
        #expect(world.state(self.a) == .ready)
        world.release(first)
        #expect(world.state(self.a) == .unloading)
        #expect(world.state(self.b) == .ready)
        // The next load of it reckons with what it took.
        #expect(world.scheduler.instances[InstanceKey(model: self.b)]?.prediction == [.cpu: 20])
        #expect(world.problems == [])
    }

    @Test("a plan tells what a load does, and does nothing")
    func plan() throws {
        var world = self.world(memory: 25)
        let first = try world.serve(self.a)
        try world.serve(self.b)
        world.release(first)
        world.now += .seconds(3)
        let key = InstanceKey(model: self.c)
        let size: (Int64) -> MemoryEstimate = { MemoryEstimate(weightBytes: $0, devices: [.cpu: $0]) }
        let one = world.scheduler.plan(for: key, size(10), at: world.now)
        #expect(one.isFeasible && one.evictions.map(\.key.model) == [self.a])
        #expect(one.evictions.first?.idle == .seconds(3) && one.evictions.first?.freedBytes == 10)
        let both = world.scheduler.plan(for: key, size(20), at: world.now)
        #expect(both.evictions.map(\.isBusy) == [false, true])
        let none = world.scheduler.plan(for: key, size(5), at: world.now)
        #expect(none.isFeasible && none.evictions.isEmpty)
        let never = world.scheduler.plan(for: key, size(26), at: world.now)
        #expect(!never.isFeasible && never.reason.contains("26 B"))
        let loaded = world.scheduler.plan(for: InstanceKey(model: self.a), size(10), at: world.now)
        #expect(loaded.isLoaded && loaded.evictions.isEmpty)
        #expect(world.state(self.a) == .ready && world.state(self.b) == .ready)
    }
}
