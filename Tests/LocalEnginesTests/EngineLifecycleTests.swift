import Inference
import Testing

@testable import LocalEngines

@Suite struct EngineLifecycleTests {
    private let start = ContinuousClock.now

    private func endpoint(_ launch: Int) -> EngineEndpoint {
        EngineEndpoint(host: "127.0.0.1", port: 1, apiKey: "k", pid: 1, contextLength: nil, launch: launch)
    }

    private func readyLifecycle() -> EngineLifecycle {
        var lifecycle = EngineLifecycle(name: "local/a")
        _ = lifecycle.request(launch: 1, now: self.start)
        _ = lifecycle.becameReady(self.endpoint(1), now: self.start)
        return lifecycle
    }

    @Test func theFirstRequestStartsAndTheNextOnesJoin() {
        var lifecycle = EngineLifecycle(name: "local/a")
        #expect(lifecycle.request(launch: 1, now: self.start) == .wait([.launch(1, after: .zero)]))
        #expect(lifecycle.request(launch: 2, now: self.start) == .wait([]))
        #expect(lifecycle.becameReady(self.endpoint(1), now: self.start) == [.answer(self.endpoint(1))])
        #expect(lifecycle.request(launch: 3, now: self.start) == .ready(self.endpoint(1)))
    }

    @Test func aCrashedEngineRestartsWithDoublingBackoffAndFailsAtTheFifth() {
        var lifecycle = self.readyLifecycle()
        for (index, delay) in [250, 500, 1000, 2000].enumerated() {
            let next = index + 2
            let effects = lifecycle.ended(launch: next - 1, .crashed(reason: "bang"), next: next, now: self.start)
            #expect(effects.last == .launch(next, after: .milliseconds(delay)))
            _ = lifecycle.becameReady(self.endpoint(next), now: self.start)
        }
        _ = lifecycle.ended(launch: 5, .crashed(reason: "bang"), next: 6, now: self.start)
        #expect(lifecycle.state == .failed)
        #expect(lifecycle.restarts == 4)
        guard case .refused(let fault) = lifecycle.request(launch: 7, now: self.start) else {
            Issue.record("a failed engine was started before its backoff")
            return
        }
        #expect(fault.kind == .unreachable && fault.message.contains("bang"))
        #expect(
            lifecycle.request(launch: 8, now: self.start + .seconds(4)) == .wait([.launch(8, after: .zero)]),
            "the backoff of the fifth failure is over"
        )
    }

    @Test func anEngineThatWasStableBeginsWithACleanRecord() {
        var lifecycle = self.readyLifecycle()
        for launch in 1...20 {
            let later = self.start + .seconds(60) * launch
            let effects = lifecycle.ended(launch: launch, .crashed(reason: "bang"), next: launch + 1, now: later)
            #expect(effects.last == .launch(launch + 1, after: .milliseconds(250)))
            _ = lifecycle.becameReady(self.endpoint(launch + 1), now: later)
        }
    }

    @Test(arguments: [(1, 250), (2, 500), (7, 16_000), (8, 30_000), (1_000_000, 30_000), (0, 250)])
    func theBackoffDoublesUpToItsLimit(failures: Int, milliseconds: Int) {
        #expect(EngineLifecycle.Policy().backoff(afterFailures: failures) == .milliseconds(milliseconds))
    }

    @Test func anEngineThatRefusesIsNotTriedAgainAtOnce() {
        var lifecycle = EngineLifecycle(name: "local/a")
        _ = lifecycle.request(launch: 1, now: self.start)
        let effects = lifecycle.ended(launch: 1, .refused(reason: "bad file"), next: 2, now: self.start)
        #expect(effects == [.refuse(UpstreamFault(.unreachable, "bad file"))])
        #expect(lifecycle.state == .failed)
        #expect(
            lifecycle.request(launch: 3, now: self.start + .seconds(29)) == .refused(.init(.unreachable, "bad file")))
        #expect(lifecycle.request(launch: 4, now: self.start + .seconds(30)) == .wait([.launch(4, after: .zero)]))
    }

    @Test func whatWasMissingAndCameClearsTheFailure() {
        var lifecycle = EngineLifecycle(name: "local/a")
        let changes = [lifecycle.checked(problem: "no engine"), lifecycle.checked(problem: "no engine")]
        #expect(changes == [true, false])
        #expect(lifecycle.state == .failed && lifecycle.reason == "no engine")
        #expect(
            lifecycle.request(launch: 1, now: self.start) == .wait([.launch(1, after: .zero)]), "a request may look")
        _ = lifecycle.ended(launch: 1, .unavailable(reason: "no engine"), next: 2, now: self.start)
        let cleared = lifecycle.checked(problem: nil)
        #expect(cleared && lifecycle.state == .stopped)
    }

    @Test func aRequestWhileStoppingStartsAgainAfterwards() {
        var lifecycle = self.readyLifecycle()
        #expect(lifecycle.stop(reason: "idle") == [.stop(launch: 1)])
        #expect(lifecycle.request(launch: 2, now: self.start) == .wait([]))
        #expect(lifecycle.ended(launch: 1, .stopped, next: 3, now: self.start) == [.launch(3, after: .zero)])
        #expect(lifecycle.state == .starting)
    }

    /// Every sequence of six events, with stale ones among them, against what must hold whatever happens.
    @Test func noSequenceOfEventsLosesALaunchOrAWaiter() {
        struct World {
            var lifecycle: EngineLifecycle
            var now: ContinuousClock.Instant
            /// Launches asked for whose end was not told yet.
            var running: Set<Int> = []
            var last = 0
            var waiters = 0
        }
        let initial = World(lifecycle: EngineLifecycle(name: "local/a"), now: self.start)
        var explored = 0

        func apply(_ effects: [EngineLifecycle.Effect], _ world: inout World) {
            for effect in effects {
                switch effect {
                case .launch(let launch, _): world.running.insert(launch)
                case .answer, .refuse: world.waiters = 0
                case .stop(let launch): #expect(world.running.contains(launch))
                }
            }
        }

        func explore(_ world: World, depth: Int) {
            explored += 1
            #expect(world.running.count <= 1, "two processes for one model")
            switch world.lifecycle.phase {
            case .starting(let launch), .stopping(let launch, _): #expect(world.running == [launch])
            case .ready(let endpoint, _):
                #expect(world.running == [endpoint.launch])
                #expect(world.waiters == 0, "someone waits for an engine that is ready")
            case .stopped, .failed:
                #expect(world.running.isEmpty)
                #expect(world.waiters == 0, "someone waits and nobody will come")
            }
            guard depth > 0 else { return }
            let exits: [EngineExit] = [
                .stopped, .crashed(reason: "c"), .refused(reason: "r"), .unavailable(reason: "u"),
            ]
            for event in 0..<9 {
                var next = world
                next.last += 1
                let current = world.running.first
                switch event {
                case 0:
                    switch next.lifecycle.request(launch: next.last, now: next.now) {
                    case .wait(let effects):
                        next.waiters += 1
                        apply(effects, &next)
                    case .ready, .refused: break
                    }
                case 1: apply(next.lifecycle.becameReady(self.endpoint(current ?? 0), now: next.now), &next)
                case 2...5:
                    guard let current else { continue }
                    next.running.remove(current)
                    apply(
                        next.lifecycle.ended(launch: current, exits[event - 2], next: next.last, now: next.now), &next)
                case 6: apply(next.lifecycle.stop(reason: "s"), &next)
                case 7:
                    // News of a process long gone changes nothing.
                    let before = next.lifecycle.phase
                    apply(
                        next.lifecycle.ended(launch: -1, .crashed(reason: "old"), next: next.last, now: next.now), &next
                    )
                    apply(next.lifecycle.becameReady(self.endpoint(-1), now: next.now), &next)
                    #expect(next.lifecycle.phase == before)
                    continue
                default:
                    next.now += .seconds(31)
                    _ = next.lifecycle.checked(problem: nil)
                }
                explore(next, depth: depth - 1)
            }
        }
        explore(initial, depth: 6)
        #expect(explored > 10_000)
    }
}
