import Inference
import ModelRegistry
import Synchronization
import Testing

@testable import ModelLifecycle

/// An alias as the registry would keep it.
private final class AliasDouble: Sendable {
    private let state: Mutex<(active: InstanceKey, flips: [String], refusal: RegistryEditError?)>
    let loading: LoadingDouble

    init(_ active: InstanceKey, _ loading: LoadingDouble) {
        self.state = Mutex((active, [], nil))
        self.loading = loading
    }

    var active: InstanceKey { self.state.withLock { $0.active } }
    func refuse(_ error: RegistryEditError?) { self.state.withLock { $0.refusal = error } }

    func flip(to key: InstanceKey) throws(RegistryEditError) -> Int {
        if let refusal = self.state.withLock({ $0.refusal }) { throw refusal }
        self.loading.note("flip \(key)")
        return self.state.withLock { state in
            state.active = key
            return 1
        }
    }
}

@Suite("Model switcher", .timeLimit(.minutes(1)))
struct ModelSwitcherTests {
    private let old = InstanceKey(model: .local("old"))
    private let new = InstanceKey(model: .local("new"))

    /// Old and new models of 60 bytes, the old one loaded.
    private func with(
        capacity: Int64,
        time: SteppedTime = SteppedTime(),
        _ body: @Sendable (ModelSwitcher, LoadingDouble, AliasDouble, EventCatcher) async throws -> Void
    ) async throws {
        let loading = LoadingDouble(capacity: capacity)
        loading.add("old", size: 60, isLoaded: true)
        loading.add("new", size: 60)
        let events = EventCatcher()
        let switcher = ModelSwitcher(loading: loading, events: events, time: time.time, settling: .zero)
        let alias = AliasDouble(self.old, loading)
        try await withThrowingTaskGroup { group in
            group.addTask { await switcher.run() }
            try await body(switcher, loading, alias, events)
            group.cancelAll()
        }
    }

    private func request(
        keepPreviousLoaded: Bool = false,
        isStillUsed: @escaping @Sendable (InstanceKey) -> Bool = { _ in false }
    ) -> ModelSwitcher.Request {
        ModelSwitcher.Request(
            subject: "default", alias: "default", old: [self.old], new: self.new, reason: "better",
            keepPreviousLoaded: keepPreviousLoaded, isStillUsed: isStillUsed)
    }

    private func perform(
        _ switcher: ModelSwitcher,
        _ alias: AliasDouble,
        _ request: ModelSwitcher.Request? = nil
    ) async throws(SwitchError) -> ModelSwitcher.Outcome<Int> {
        let request = request ?? self.request()
        return try await switcher.perform(
            request,
            flip: { () async throws(RegistryEditError) in try alias.flip(to: request.new) },
            flipBack: { (_) async throws(RegistryEditError) in _ = try alias.flip(to: request.old[0]) }
        )
    }

    @Test("With room for both the new one is loaded, then the flip, then the old one goes, which nobody waits for")
    func loadFirst() async throws {
        let time = SteppedTime()
        try await self.with(capacity: 200, time: time) { switcher, loading, alias, events in
            let (load, drain) = (Turnstile(), Turnstile())
            loading.hold(self.new, at: load)
            loading.holdDrain(self.old, at: drain)
            async let performed = self.perform(switcher, alias)
            await Turns.until { load.isAwaited }
            #expect(alias.active == self.old)
            time.advance(by: .milliseconds(1500))
            load.open()
            let outcome = try await performed
            #expect(outcome.plan.strategy == .loadFirst)
            #expect(outcome.loadDuration == .milliseconds(1500) && outcome.flipDuration == .zero)
            #expect(outcome.draining == [self.old])
            #expect(alias.active == self.new)
            drain.open()
            await Turns.until { loading.calls.last == "unloaded local/old" }
            #expect(
                loading.calls == [
                    "plan local/new", "load local/new", "loaded local/new", "flip local/new", "unload local/old",
                    "unloaded local/old",
                ])
            let event = try #require(events.events.first)
            #expect(events.events.count == 1)
            #expect(event.kind == .modelSwitched && event.alias == "default" && event.reason == "better")
            #expect(event.model == self.new.model)
            #expect(
                event.attributes == [
                    "previous_model": "local/old", "strategy": "load_first", "load_ms": "1500", "flip_ms": "0",
                ])
        }
    }

    @Test("Without room for both the flip comes first, then the old one goes, then the new one comes")
    func drainFirst() async throws {
        try await self.with(capacity: 100) { switcher, loading, alias, events in
            let drain = Turnstile()
            loading.holdDrain(self.old, at: drain)
            async let performed = self.perform(switcher, alias)
            await Turns.until { drain.isAwaited }
            #expect(alias.active == self.new)
            #expect(events.events.isEmpty)
            drain.open()
            let outcome = try await performed
            #expect(outcome.plan.strategy == .drainFirst && outcome.draining.isEmpty)
            #expect(outcome.plan.load?.evictions.map(\.key) == [self.old])
            #expect(
                loading.calls == [
                    "plan local/new", "flip local/new", "unload local/old", "unloaded local/old", "load local/new",
                    "loaded local/new",
                ])
            #expect(events.events.first?.attributes["strategy"] == "drain_first")
        }
    }

    @Test("The old one stays loaded when it is to, or when something else leads to it", arguments: [true, false])
    func stays(isKept: Bool) async throws {
        try await self.with(capacity: 200) { switcher, loading, alias, _ in
            let request = self.request(keepPreviousLoaded: isKept, isStillUsed: { _ in !isKept })
            let outcome = try await self.perform(switcher, alias, request)
            #expect(outcome.draining.isEmpty)
            #expect(loading.calls("unload").isEmpty)
        }
        try await self.with(capacity: 100) { switcher, loading, alias, _ in
            await #expect(throws: SwitchError.self) {
                _ = try await self.perform(switcher, alias, self.request(keepPreviousLoaded: true))
            }
            #expect(loading.calls == ["plan local/new"] && alias.active == self.old)
        }
    }

    @Test("Who was on the way to the old one, or waits for it, is served before it is drained", arguments: [100, 200])
    func settles(capacity: Int64) async throws {
        let loading = LoadingDouble(capacity: capacity)
        loading.add("old", size: 60, isLoaded: true)
        loading.add("new", size: 60)
        loading.put(self.old, state: .loading)
        loading.wait(for: self.old, 1)
        // Without room for both, it is the one that makes room.
        if capacity == 100 {
            loading.setPlan(
                LoadPlan(
                    key: self.new, isFeasible: true,
                    evictions: [LoadPlan.Eviction(key: self.old, freedBytes: 60, idle: .zero, isBusy: true)]))
        }
        let time = SteppedTime()
        let switcher = ModelSwitcher(loading: loading, events: EventCatcher(), time: time.time)
        let alias = AliasDouble(self.old, loading)
        try await withThrowingTaskGroup { group in
            group.addTask { await switcher.run() }
            group.addTask { _ = try await self.perform(switcher, alias) }
            await Turns.until { time.sleeperCount == 1 }
            #expect(alias.active == self.new && loading.calls("unload").isEmpty)
            #expect(time.asked == [.milliseconds(250)])
            time.advance(by: .milliseconds(250))
            await Turns.until { loading.calls("unloaded") == ["local/old"] }
            let calls = loading.calls.filter { $0.hasSuffix("local/old") || $0.hasSuffix("old cold") }
            #expect(calls == ["load local/old cold", "loaded local/old", "unload local/old", "unloaded local/old"])
            _ = try await group.next()
            group.cancelAll()
        }
    }

    @Test("What lacks an engine or a file is no want of room")
    func unavailable() async throws {
        try await self.with(capacity: 200) { switcher, loading, alias, _ in
            loading.setPlan(LoadPlan(key: self.new, isFeasible: false, reason: "new.gguf is missing"))
            let error = LifecycleError.loadFailed(self.new.model, reason: "new.gguf is missing", retryAfter: nil)
            await #expect(throws: SwitchError.notLoaded(error)) { _ = try await self.perform(switcher, alias) }
            #expect(alias.active == self.old)
        }
    }

    @Test("An old one that came back into use before it was drained stays")
    func backInUse() async throws {
        let loading = LoadingDouble(capacity: 200)
        loading.add("old", isLoaded: true)
        loading.add("new")
        let events = EventCatcher()
        let switcher = ModelSwitcher(loading: loading, events: events, settling: .zero)
        let alias = AliasDouble(self.old, loading)
        let request = self.request(isStillUsed: { alias.active == $0 })
        // Nobody drains yet: it happens that late.
        let outcome = try await self.perform(switcher, alias, request)
        #expect(outcome.draining == [self.old])
        _ = try alias.flip(to: self.old)
        let other = InstanceKey(model: loading.add("other", isLoaded: true))
        let next = ModelSwitcher.Request(
            subject: "other", old: [other], new: self.old, isStillUsed: { alias.active == $0 })
        _ = try await self.perform(switcher, alias, next)
        await withTaskGroup { group in
            group.addTask { await switcher.run() }
            await Turns.until { loading.calls.last == "unloaded local/other" }
            group.cancelAll()
        }
        #expect(loading.calls("unload") == ["local/other"])
    }

    @Test("A new model that cannot be loaded leaves the old one in its place")
    func loadFails() async throws {
        let failure = LifecycleError.loadFailed(self.new.model, reason: "no tensor", retryAfter: nil)
        try await self.with(capacity: 200) { switcher, loading, alias, events in
            loading.fail(self.new, failure)
            await #expect(throws: SwitchError.notLoaded(failure)) { _ = try await self.perform(switcher, alias) }
            #expect(alias.active == self.old && loading.status(of: self.old.model)?.state == .ready)
            #expect(events.events.isEmpty && loading.calls("flip").isEmpty)
        }
        // Even when it had to be replaced first.
        try await self.with(capacity: 100) { switcher, loading, alias, events in
            loading.fail(self.new, failure)
            await #expect(throws: SwitchError.flippedBack(failure)) { _ = try await self.perform(switcher, alias) }
            #expect(alias.active == self.old && loading.status(of: self.old.model)?.state == .ready)
            #expect(loading.calls("flip") == ["local/new", "local/old"])
            #expect(events.events.isEmpty)
            // And may be tried again.
            loading.fail(self.new, nil)
            _ = try await self.perform(switcher, alias)
            #expect(alias.active == self.new)
        }
        // What is too large is refused before anything was done.
        try await self.with(capacity: 100) { switcher, loading, alias, _ in
            let huge = InstanceKey(model: loading.add("huge", size: 101))
            let request = ModelSwitcher.Request(subject: "default", old: [self.old], new: huge)
            await #expect(throws: SwitchError.self) { _ = try await self.perform(switcher, alias, request) }
            #expect(alias.active == self.old && loading.calls == ["plan local/huge"])
        }
    }

    @Test("A flip that is refused changes nothing, and one that cannot be undone is told")
    func refused() async throws {
        let refusal = RegistryEditError.etagMismatch(entry: "alias 'default'", given: "1", current: "2")
        for capacity in [100, 200] as [Int64] {
            try await self.with(capacity: capacity) { switcher, loading, alias, events in
                alias.refuse(refusal)
                await #expect(throws: SwitchError.refused(refusal)) { _ = try await self.perform(switcher, alias) }
                #expect(alias.active == self.old && loading.status(of: self.old.model)?.state == .ready)
                #expect(events.events.isEmpty)
            }
        }
        let failure = LifecycleError.loadFailed(self.new.model, reason: "no tensor", retryAfter: nil)
        try await self.with(capacity: 100) { switcher, loading, alias, _ in
            loading.fail(self.new, failure)
            let drain = Turnstile()
            loading.holdDrain(self.old, at: drain)
            await withTaskGroup { group in
                group.addTask {
                    await #expect(throws: SwitchError.stranded(failure, flipBack: refusal)) {
                        _ = try await self.perform(switcher, alias)
                    }
                }
                await Turns.until { drain.isAwaited }
                alias.refuse(refusal)
                drain.open()
            }
        }
    }

    @Test("One subject is switched by one at a time, others meanwhile")
    func conflict() async throws {
        try await self.with(capacity: 300) { switcher, loading, alias, _ in
            let load = Turnstile()
            loading.hold(self.new, at: load)
            async let performed = self.perform(switcher, alias)
            await Turns.until { load.isAwaited }
            await #expect(throws: SwitchError.inProgress("default")) { _ = try await self.perform(switcher, alias) }
            let third = InstanceKey(model: loading.add("third"))
            let other = ModelSwitcher.Request(subject: "other", old: [], new: third)
            _ = try await self.perform(switcher, AliasDouble(third, loading), other)
            load.open()
            _ = try await performed
            _ = try await self.perform(switcher, alias)
        }
    }

    @Test("Cloud models have nothing to load and nothing to drain")
    func cloud() async throws {
        let loading = LoadingDouble()
        let events = EventCatcher()
        let switcher = ModelSwitcher(loading: loading, events: events, settling: .zero)
        let alias = AliasDouble(self.old, loading)
        await withTaskGroup(of: Void.self) { group in
            group.cancelAll()
            group.addTask {
                await #expect(throws: SwitchError.cancelled) { _ = try await self.perform(switcher, alias) }
            }
        }
        #expect(alias.active == self.old)
        let outcome = try await self.perform(switcher, alias)
        #expect(outcome.plan == SwitchPlan(strategy: .loadFirst, load: nil, drained: []))
        #expect(outcome.draining.isEmpty && alias.active == self.new)
        #expect(events.events.map(\.kind) == [.modelSwitched])
    }

    @Test("A version takes the place of another one of the same model")
    func version() async throws {
        let loading = LoadingDouble()
        let id = ModelID.local("tiny")
        let (one, two) = (InstanceKey(model: id, version: "1"), InstanceKey(model: id, version: "2"))
        loading.add(
            ManagedModel(
                id: id, versions: [RuntimeModel(id: id, version: "1"), RuntimeModel(id: id, version: "2")],
                activeVersion: "1"))
        loading.put(one)
        let events = EventCatcher()
        let switcher = ModelSwitcher(loading: loading, events: events, settling: .zero)
        let alias = AliasDouble(one, loading)
        let request = ModelSwitcher.Request(subject: "local/tiny", old: [one], new: two)
        let outcome = try await self.perform(switcher, alias, request)
        #expect(outcome.draining == [one])
        #expect(loading.calls("load") == ["local/tiny@2"])
        #expect(events.events.first?.attributes["previous_version"] == "1")
        #expect(events.events.first?.attributes["version"] == "2")
    }

    @Test("A caller that leaves before the flip stops the switch; after it the switch is finished")
    func cancelled() async throws {
        try await self.with(capacity: 200) { switcher, loading, alias, _ in
            let load = Turnstile()
            loading.hold(self.new, at: load)
            await withTaskGroup { group in
                group.addTask {
                    await #expect(throws: SwitchError.cancelled) { _ = try await self.perform(switcher, alias) }
                }
                await Turns.until { load.isAwaited }
                group.cancelAll()
                load.open()
            }
            #expect(alias.active == self.old && loading.calls("loaded") == ["local/new"])
        }
        try await self.with(capacity: 100) { switcher, loading, alias, events in
            let drain = Turnstile()
            loading.holdDrain(self.old, at: drain)
            await withTaskGroup { group in
                group.addTask {
                    await #expect(throws: SwitchError.cancelled) { _ = try await self.perform(switcher, alias) }
                }
                await Turns.until { drain.isAwaited }
                group.cancelAll()
            }
            await #expect(throws: SwitchError.inProgress("default")) { _ = try await self.perform(switcher, alias) }
            drain.open()
            await Turns.until { !events.events.isEmpty }
            #expect(loading.status(of: self.new.model)?.state == .ready && alias.active == self.new)
        }
    }

    @Test("A plan changes nothing")
    func plans() async throws {
        try await self.with(capacity: 100) { switcher, loading, alias, events in
            let plan = try await switcher.plan(self.request())
            #expect(plan.strategy == .drainFirst && plan.drained == [self.old])
            #expect(loading.calls == ["plan local/new"] && events.events.isEmpty)
        }
    }
}
