import Inference
import Testing

@testable import ModelLifecycle

@Suite("Eviction")
struct EvictionPolicyTests {
    private static let start = ContinuousClock.now

    private func candidate(_ name: String, _ bytes: Int64, idle: Int, busy: Bool = false) -> EvictionPolicy.Candidate {
        EvictionPolicy.Candidate(
            key: InstanceKey(model: .local(name)),
            holds: Resources([.memory(.cpu): bytes, .place: 1]),
            isBusy: busy,
            since: Self.start - .seconds(idle)
        )
    }

    private func names(_ bytes: Int64, _ candidates: [EvictionPolicy.Candidate], places: Int64 = 0) -> [String]? {
        let shortage = Resources([.memory(.cpu): bytes, .place: places])
        return EvictionPolicy.victims(for: shortage, among: candidates)?.map(\.key.model.name)
    }

    @Test("takes the one that was idle for longest, and no more than are needed")
    func leastRecentlyUsed() {
        let candidates = [candidate("new", 10, idle: 1), candidate("old", 10, idle: 9), candidate("mid", 10, idle: 5)]
        #expect(names(10, candidates) == ["old"])
        #expect(names(11, candidates) == ["old", "mid"])
        #expect(names(30, candidates) == ["old", "mid", "new"])
        #expect(names(31, candidates) == nil)
        #expect(names(0, candidates) == [])
    }

    @Test("spares the small ones when a large one is needed anyway")
    func sizeAware() {
        let candidates = [
            candidate("small", 2, idle: 9), candidate("large", 20, idle: 5), candidate("other", 20, idle: 1),
        ]
        #expect(names(20, candidates) == ["large"])
        #expect(names(22, candidates) == ["small", "large"])
        #expect(names(1, candidates) == ["small"])
    }

    @Test("takes busy ones only when idle ones do not suffice, and then spares them first")
    func busyLast() {
        let candidates = [candidate("busy", 10, idle: 100, busy: true), candidate("idle", 10, idle: 1)]
        #expect(names(10, candidates) == ["idle"])
        #expect(names(20, candidates) == ["idle", "busy"])
        let unequal = [candidate("busy", 30, idle: 100, busy: true), candidate("idle", 10, idle: 1)]
        // The busy one alone would do; the idle one alone would not.
        #expect(names(20, unequal) == ["busy"])
    }

    @Test("knows places, and takes no one who does not help")
    func places() {
        let gpu = EvictionPolicy.Candidate(
            key: InstanceKey(model: .local("gpu")), holds: Resources([.memory(.cuda(0)): 50]), isBusy: false,
            since: Self.start - .seconds(99))
        let candidates = [gpu, candidate("cpu", 10, idle: 1)]
        #expect(names(5, candidates) == ["cpu"])
        #expect(names(0, candidates, places: 1) == ["cpu"])
        #expect(names(0, candidates, places: 2) == nil)
    }

    @Test("covers what is missing, with nobody superfluous, whatever the sizes", arguments: 0..<200)
    func minimal(_ seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let candidates = (0..<Int.random(in: 1...7, using: &random)).map { index in
            candidate(
                "m\(index)", Int64.random(in: 1...20, using: &random), idle: Int.random(in: 0...50, using: &random),
                busy: Bool.random(using: &random))
        }
        let shortage = Resources([.memory(.cpu): Int64.random(in: 1...60, using: &random)])
        let all = candidates.reduce(Resources()) { $0 + $1.holds }
        guard let victims = EvictionPolicy.victims(for: shortage, among: candidates) else {
            return #expect(!shortage.fits(in: all))
        }
        #expect(shortage.fits(in: victims.reduce(Resources()) { $0 + $1.holds }))
        for victim in victims {
            let rest = victims.filter { $0 != victim }.reduce(Resources()) { $0 + $1.holds }
            #expect(!shortage.fits(in: rest), "\(victim.key) is superfluous")
        }
    }
}
