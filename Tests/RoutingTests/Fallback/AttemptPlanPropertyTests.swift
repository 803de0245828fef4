import Inference
import ModelRegistry
import Testing

@testable import Routing

/// Random searches: whatever happens, the bounds hold, and nobody is asked of whom a fault said that it has no chance.
@Suite("Any search through candidates")
struct AttemptPlanPropertyTests {
    private struct Event {
        var place: Int
        var fault: UpstreamFault?
        var at: ContinuousClock.Instant
        var endedAt: ContinuousClock.Instant
    }

    private struct Search {
        let begin = ContinuousClock.now
        var policy = FallbackPolicy()
        var line = ""
        var chain = ""
        var deadline: Duration?
        var needsPrefill = false

        init(_ dice: inout Dice) {
            self.policy.maxAttempts = Int.random(in: 0...7, using: &dice)
            self.policy.attemptsPerModel = Int.random(in: 0...3, using: &dice)
            self.policy.maxTime = .seconds(Int.random(in: 1...20, using: &dice))
            self.policy.prefersOtherProvider = dice.happens(70)
            self.line = Self.models(Int.random(in: 0...6, using: &dice), &dice)
            self.chain = Self.models(Int.random(in: 0...2, using: &dice), &dice)
            self.deadline = dice.happens(60) ? .milliseconds(Int.random(in: 0...8_000, using: &dice)) : nil
            self.needsPrefill = dice.happens(10)
        }

        private static func models(_ count: Int, _ dice: inout Dice) -> String {
            (0..<count).map { place in
                let name = dice.one(of: ["a", "b", "local"]) + "/\(place)"
                let length = dice.one(of: ["", ":1000", ":2000", ":3000"])
                return name + length + (dice.happens(50) ? "+" : "")
            }.joined(separator: " ")
        }
    }

    @Test("Its bounds hold and it ends", arguments: 0..<40)
    func walks(block: Int) throws {
        for seed in 0..<50 {
            var dice = Dice(block * 1000 + seed)
            let search = Search(&dice)
            try self.walk(search, &dice)
        }
    }

    private func walk(_ search: Search, _ dice: inout Dice) throws {
        let chain = try candidates(search.chain)
        let deadline = search.deadline.map { search.begin + $0 }
        var plan = AttemptPlan(
            candidates: try candidates(search.line), policy: search.policy, begin: search.begin, deadline: deadline)
        var now = search.begin
        var events: [Event] = []
        var refused: Set<Int> = []
        var steps = 0
        search: while true {
            steps += 1
            try #require(steps < 100, "it does not end")
            var budgetAsked = 0
            let grants = dice.happens(90)
            let step = plan.next(at: now, needsPrefill: search.needsPrefill) {
                budgetAsked += 1
                return grants
            }
            #expect(budgetAsked <= 1)
            switch step {
            case .giveUp:
                break search
            case .wait(let delay, let place):
                #expect(delay > .zero)
                #expect(delay <= max(search.policy.backoffMax, search.policy.maxRetryAfterWait))
                #expect(events.contains { $0.place == place })
                now += delay
            case .ask(let place):
                if dice.happens(5) {
                    plan.refused(place)
                    refused.insert(place)
                    continue
                }
                self.check(place, of: plan, search, at: now, events, refused, deadline)
                if dice.happens(3) { break search }
                let begin = now
                now += .milliseconds(Int.random(in: 0...900, using: &dice))
                let fault = UpstreamFault(dice.one(of: UpstreamFault.everyKind), "")
                events.append(Event(place: place, fault: fault, at: begin, endedAt: now))
                let isChained = fault.disposition == .largerContext || fault.disposition == .otherFilter
                plan.failed(
                    place, fault, at: now, jitter: Double.random(in: 0..<1, using: &dice),
                    chain: isChained ? chain : [])
            }
        }
        #expect(events.count <= max(1, search.policy.maxAttempts))
    }

    /// Says by the definition, from the whole history, whether a place may be asked now.
    private func check(
        _ place: Int, of plan: AttemptPlan, _ search: Search, at now: ContinuousClock.Instant, _ events: [Event],
        _ refused: Set<Int>, _ deadline: ContinuousClock.Instant?
    ) {
        let asked = events.filter { $0.place == place }
        if let deadline { #expect(now < deadline) }
        #expect(search.begin.duration(to: now) < search.policy.maxTime)
        #expect(asked.count < max(1, search.policy.attemptsPerModel))
        #expect(!refused.contains(place))
        #expect(!self.isBarred(place, of: plan, search, events), "asked \(place) in \(search.line) after \(events)")
        guard let last = asked.last else { return }
        // The same again: only where waiting may help, after the wait, and when nobody new is left.
        #expect(last.fault?.disposition == .retrySame)
        if let retryAfter = last.fault?.retryAfter { #expect(last.endedAt + retryAfter <= now) }
        for other in plan.candidates.indices where !events.contains(where: { $0.place == other }) {
            #expect(refused.contains(other) || self.isBarred(other, of: plan, search, events))
        }
    }

    private func isBarred(_ place: Int, of plan: AttemptPlan, _ search: Search, _ events: [Event]) -> Bool {
        let model = plan.candidates[place].model
        if search.needsPrefill && !model.capabilities.contains(.prefill) { return true }
        for event in events {
            guard let fault = event.fault else { continue }
            let failed = plan.candidates[event.place].model
            let isInChain = search.chain.split(separator: " ").contains { word in
                word.split(separator: ":")[0].filter { $0 != "+" } == model.id.description
            }
            switch fault.disposition {
            case .fail: return true
            case .keyIsDead where failed.id.provider == model.id.provider: return true
            case .otherFilter where failed.id.provider == model.id.provider && !isInChain: return true
            case .largerContext:
                guard let floor = failed.contextLength else { continue }
                guard let length = model.contextLength else { return !isInChain }
                if length <= floor { return true }
            case .keyIsDead, .otherFilter, .retrySame, .retryOther: continue
            }
        }
        return false
    }
}
