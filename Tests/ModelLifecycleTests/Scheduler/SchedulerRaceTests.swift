import Inference
import Testing

@testable import ModelLifecycle

/// The races that have hurt the users of other servers for years.
@Suite("Races")
struct SchedulerRaceTests {
    private let a: ModelID
    private let b: ModelID
    private let models: [ManagedModel]

    init() {
        self.a = .local("a")
        self.b = .local("b")
        self.models = [.local("a"), .local("b")]
    }

    /// A world with room for one of two models.
    private func narrow() -> World { World(self.models, limits: .forTests(memory: 15)) }

    @Test("a request that takes the eviction victim: before the decision it is served, after it the next turn is its")
    func requestTakesVictim() throws {
        var world = self.narrow()
        let first = try world.serve(self.a)
        let waiting = world.request(self.b)
        // Still in use and ready: another request is served at once and does not hang.
        let second = world.request(self.a)
        #expect(world.isGranted(second))
        world.advance(.seconds(2))
        #expect(world.state(self.a) == .draining)
        // The decision has fallen: this one waits behind the other, and nothing comes back to life.
        let third = world.request(self.a)
        #expect(world.answers[third] == nil)
        world.release(first)
        #expect(world.state(self.a) == .draining)
        world.release(first)
        #expect(world.state(self.a) == .unloading)
        world.end(first)
        let other = try #require(world.launch(of: self.b))
        world.ready(other)
        #expect(world.isGranted(waiting))
        world.release(other)
        #expect(world.state(self.b) == .unloading)
        world.end(other)
        world.ready(try #require(world.launch(of: self.a)))
        #expect(world.isGranted(third))
        #expect(world.problems == [])
    }

    @Test("a TTL unload against a request: whichever came first decides, and the request is served either way")
    func idleAgainstRequest() throws {
        let models = [ManagedModel.local("a", ttl: .seconds(60))]
        var world = World(models)
        let launch = try world.serve(self.a)
        world.release(launch)
        #expect(world.wakeAt == world.now + .seconds(60))
        // The request comes in the very moment in which the time is up, before the tick.
        world.now += .seconds(60)
        let early = world.request(self.a)
        #expect(world.isGranted(early))
        world.send(.tick)
        #expect(world.state(self.a) == .ready)
        world.release(launch)
        // After the tick it waits for the end, and is loaded again.
        world.advance(.seconds(60))
        #expect(world.state(self.a) == .unloading)
        let late = world.request(self.a)
        #expect(world.answers[late] == nil)
        world.end(launch)
        world.ready(try #require(world.launch(of: self.a)))
        #expect(world.isGranted(late))
        #expect(world.events.map(\.kind).contains(.modelUnloaded))
        #expect(world.problems == [])
    }

    @Test("a cancelled load goes on, and serves whoever comes next")
    func cancelledLoad() throws {
        var world = World(self.models)
        let ticket = world.request(self.a)
        world.abandon(ticket)
        #expect(world.state(self.a) == .loading)
        let next = world.request(self.a)
        #expect(world.launches.count == 1)
        world.ready(try #require(world.launch(of: self.a)))
        #expect(world.isGranted(next))
        #expect(world.answers[ticket] == nil)
        #expect(world.problems == [])
    }

    @Test("a crash while draining is the end that it was drained for")
    func crashWhileDraining() throws {
        var world = self.narrow()
        let first = try world.serve(self.a)
        let waiting = world.request(self.b)
        world.advance(.seconds(2))
        #expect(world.state(self.a) == .draining)
        world.end(first, .crashed(reason: "signal 9"))
        #expect(world.state(self.a) == .unloaded)
        #expect(world.reason(self.a).contains("signal 9"))
        world.ready(try #require(world.launch(of: self.b)))
        #expect(world.isGranted(waiting))
        #expect(world.problems == [])
    }

    @Test("an unload during a load gives it up, and tells those who waited why")
    func unloadDuringLoad() throws {
        var world = World(self.models)
        let waiting = world.request(self.a)
        let launch = try #require(world.launch(of: self.a))
        let unload = world.unload(self.a)
        #expect(world.refusal(waiting) == .unloaded(self.a, reason: "asked"))
        #expect(world.launches[launch]?.isStopping == true)
        // It became ready in the same moment: too late.
        world.ready(launch)
        #expect(world.state(self.a) == .unloading)
        let next = world.request(self.a)
        world.end(launch)
        #expect(world.answers[unload] != nil)
        world.ready(try #require(world.launch(of: self.a)))
        #expect(world.isGranted(next))
        #expect(world.problems == [])
    }

    @Test("back-to-back swaps wait for released memory, until it is seen free or five seconds have passed")
    func backToBackSwaps() throws {
        var limits = LifecycleLimits.forTests()
        limits.memoryShare = 0.8
        var world = World(self.models, limits: limits, free: 1000)
        world.sizes = [self.a: 600, self.b: 600]
        let first = try world.serve(self.a)
        world.read(free: 400)
        world.release(first)
        let waiting = world.request(self.b)
        #expect(world.state(self.a) == .unloading)
        let questions = world.memoryQuestions
        world.end(first)
        // Gone, but the system does not show it yet.
        #expect(world.launch(of: self.b) == nil)
        #expect(world.scheduler.ledger.devices.first?.releasingBytes == 600)
        #expect(world.memoryQuestions == questions + 1)
        world.read(free: 800)
        #expect(world.launch(of: self.b) == nil, "400 of 600 are less than 75 %")
        world.read(free: 900)
        let second = try #require(world.launch(of: self.b))
        world.ready(second)
        #expect(world.isGranted(waiting))
        // Now one whose memory never comes back, such as one shared with another program.
        world.read(free: 400)
        world.release(second)
        let again = world.request(self.a)
        world.end(second)
        world.read(free: 700)
        world.advance(.milliseconds(4999))
        #expect(world.launch(of: self.a) == nil)
        world.advance(.milliseconds(1))
        #expect(world.launch(of: self.a) != nil)
        #expect(world.answers[again] == nil)
        #expect(world.problems == [])
    }

    @Test("ten clients ask for two models that fit one at a time: all are answered, in turns, without starvation")
    func tenClients() throws {
        var world = self.narrow()
        var waiting: [Int: ModelID] = [:]
        var served: [ModelID: Int] = [:]
        var longestWait = 0
        var since: [Int: Int] = [:]
        for client in 0..<10 {
            let model = client.isMultiple(of: 2) ? self.a : self.b
            let ticket = world.request(model)
            waiting[ticket] = model
        }
        for round in 0..<400 {
            // Every granted client works for 300 ms, then asks for the other model.
            world.now += .milliseconds(300)
            world.send(.tick)
            for (ticket, model) in waiting.sorted(by: { $0.key < $1.key }) {
                guard case .granted(let instance) = world.answers[ticket] else { continue }
                waiting[ticket] = nil
                longestWait = max(longestWait, round - since[ticket, default: 0])
                served[model, default: 0] += 1
                world.release(instance.launch)
                let next = model == self.a ? self.b : self.a
                let ticket = world.request(next)
                waiting[ticket] = next
                since[ticket] = round
            }
            for (launch, state) in world.launches {
                if state.isStopping { world.end(launch) } else if !state.isReady { world.ready(launch) }
            }
        }
        #expect(served[self.a, default: 0] > 100 && served[self.b, default: 0] > 100)
        #expect(longestWait < 20)
        #expect(world.events.contains { $0.kind == .modelEvicted })
        #expect(world.problems == [])
    }
}
