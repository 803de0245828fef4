import Inference
import ModelRegistry
import TestSupport
import Testing

@testable import Routing

/// Many requests at once before upstreams that do anything: whatever happens, the books close.
@Suite("Any number of routes", .timeLimit(.minutes(2)))
struct RouteChaosTests {
    /// What an upstream does to a request, by its id.
    private static func script(_ request: UpstreamRequest, _ provider: Int) -> ScriptedProvider.Script {
        var dice = Dice((Int(request.inference.id) ?? 0) * 17 + provider * 5 + request.model.utf8.count)
        let fault = UpstreamFault(dice.one(of: UpstreamFault.everyKind.filter { $0 != .cancelled }), "no")
        switch Int.random(in: 0..<10, using: &dice) {
        case 0..<4: return RouteBench.answer("x")
        case 4..<7: return .refuse(fault)
        case 7: return .answer([[.textDelta("x")], [.textDelta("y")]], fault: fault)
        case 8: return .hang(after: dice.happens(50) ? [] : [[.textDelta("x")]])
        default: return .stall
        }
    }

    @Test("Closes all books, whatever upstreams and clients do", arguments: 0..<4)
    func books(seed: Int) async throws {
        var policy = FallbackPolicy()
        policy.hedgeAfter = seed % 2 == 0 ? .milliseconds(1) : nil
        policy.hedgeBudgetRatio = 1
        policy.breaker?.openFor = .milliseconds(20)
        let scripts: [String: RouteBench.Script] = [
            "a": { Self.script($0, 0) }, "b": { Self.script($0, 1) }, "local": { Self.script($0, 2) },
        ]
        let bench = try RouteBench("a/1 a/2+ b/1 local/1 local/2+", policy: policy, scripts: scripts)
        try bench["local"].set(.loading, of: "1")
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<400 {
                group.addTask { await self.client(seed * 1_000 + number, bench) }
            }
        }
        #expect(bench.isIdle)
        #expect(bench.time.sleeperCount == 0)
    }

    private func client(_ number: Int, _ bench: RouteBench) async {
        var dice = Dice(number)
        let deadline: Duration? = dice.happens(50) ? .seconds(Int.random(in: 1...30, using: &dice)) : nil
        let request = InferenceRequest(id: "\(number)", target: .alias("all"), messages: [Message(.user, "hi")])
        let work = Task {
            let route = try bench.router.route(
                request, delivery: .streamed, deadline: deadline.map { bench.time.now + $0 })
            var routed = try await route.next()
            while true {
                do throws(UpstreamFault) {
                    var batch: [InferenceEvent]? = routed.firstEvents
                    while let events = batch {
                        if events.contains(where: { if case .finished = $0 { true } else { false } }) {
                            return route.succeeded()
                        }
                        batch = try await routed.stream.next()
                    }
                } catch {
                    #expect(route.attempts.count < 60)
                    guard error.kind != .cancelled else { return route.abandoned() }
                    route.failed(error)
                    routed = try await route.next(prefill: number % 3 == 0 ? "so far" : nil)
                }
            }
        }
        // Some leave at once, the others when the upstream has been silent for a while.
        let patience = dice.happens(20) ? Int.random(in: 0...20, using: &dice) : 5_000
        let watch = Task {
            for _ in 0..<patience where !Task.isCancelled { await Task.yield() }
            work.cancel()
        }
        _ = await work.result
        watch.cancel()
        await watch.value
    }
}
