import Inference
import ModelRegistry
import Testing

@testable import Routing

/// A plan whose attempts fail by a script, driven as the executor drives it, with every wait slept through.
private struct Drive {
    var plan: AttemptPlan
    var now = ContinuousClock.now
    var jitter = 0.5
    var chain: [Candidate] = []
    /// What was asked, and `~` for each wait with its milliseconds.
    var story: [String] = []

    init(
        _ line: String,
        policy: FallbackPolicy = FallbackPolicy(),
        deadline: Duration? = nil,
        chain: String = ""
    ) throws {
        self.plan = AttemptPlan(
            candidates: try candidates(line), policy: policy, begin: self.now,
            deadline: deadline.map { [now] in now + $0 })
        self.chain = try candidates(chain)
    }

    /// Fails each attempt by what the script holds for its model, the last of it over and over; a model without a script
    /// answers.
    mutating func run(
        _ script: [String: [UpstreamFault.Kind]], needsPrefill: Bool = false, mayRetry: Bool = true,
        each: Duration = .milliseconds(10)
    ) -> String {
        var script = script
        while true {
            switch self.plan.next(at: self.now, needsPrefill: needsPrefill, mayRetry: { mayRetry }) {
            case .giveUp:
                return (self.story + ["end"]).joined(separator: " ")
            case .wait(let delay, _):
                self.story.append("~\(Int(delay / .milliseconds(1)))")
                self.now += delay
            case .ask(let place):
                let name = self.plan.candidates[place].model.id.description
                self.story.append(name)
                guard let kinds = script[name], let kind = kinds.first else {
                    return (self.story + ["ok"]).joined(separator: " ")
                }
                if kinds.count > 1 { script[name] = Array(kinds.dropFirst()) }
                self.now += each
                self.plan.failed(
                    place, UpstreamFault(kind, "no"), at: self.now, jitter: self.jitter, chain: self.chain)
            }
        }
    }
}

@Suite("The plan of attempts")
struct AttemptPlanTests {
    @Test(
        "Where waiting may help, the same model is asked again, after the others",
        arguments: UpstreamFault.everyKind
    )
    func dispositions(kind: UpstreamFault.Kind) throws {
        var alone = try Drive("a/m")
        let story = alone.run(["a/m": [kind]])
        switch UpstreamFault(kind, "").disposition {
        case .retrySame:
            let wait = UpstreamFault(kind, "").retryAfter.map { Int($0 / .milliseconds(1)) } ?? 50
            #expect(story == "a/m ~\(wait) a/m end")
        case .retryOther, .largerContext, .otherFilter, .keyIsDead, .fail:
            #expect(story == "a/m end")
        }
        var pair = try Drive("a/m b/m")
        let expected = UpstreamFault(kind, "").disposition == .fail ? "a/m end" : "a/m b/m ok"
        #expect(pair.run(["a/m": [kind]]) == expected)
    }

    @Test(
        "One that said something else than what was sent may be asked once more to go on, where everyone is asked once")
    func diverged() throws {
        var policy = FallbackPolicy()
        policy.attemptsPerModel = 1
        var drive = try Drive("a/m b/m", policy: policy)
        #expect(drive.run(["a/m": [.truncated], "b/m": [.diverged, .truncated]]) == "a/m b/m b/m end")
        var other = try Drive("a/m b/m", policy: policy)
        #expect(other.run(["a/m": [.truncated], "b/m": [.diverged]], mayRetry: false) == "a/m b/m end")
    }

    @Test("Everyone is asked once before anyone is asked twice, and the first to be ready is asked first")
    func secondRound() throws {
        var drive = try Drive("a/m b/m c/m")
        let story = drive.run([
            "a/m": [.rateLimited(retryAfter: .seconds(2))], "b/m": [.serverError], "c/m": [.modelNotFound],
        ])
        // 50 ms of b's wait are counted from its failure, of which the attempt at c took 10.
        #expect(story == "a/m b/m c/m ~40 b/m ~1930 a/m end")
    }

    @Test("A candidate whose time to come back has passed is not waited for")
    func readyAlready() throws {
        var drive = try Drive("a/m b/m")
        let story = drive.run(["a/m": [.serverError], "b/m": [.invalidRequest]], each: .seconds(1))
        #expect(story == "a/m b/m end")
        var other = try Drive("a/m b/m")
        #expect(
            other.run(["a/m": [.serverError], "b/m": [.modelNotFound]], each: .seconds(1)) == "a/m b/m a/m end")
    }

    @Test("The waits double up to their most, drawn by the jitter")
    func backoff() throws {
        var policy = FallbackPolicy()
        policy.maxAttempts = 8
        policy.attemptsPerModel = 8
        var drive = try Drive("a/m", policy: policy)
        drive.jitter = 1
        #expect(
            drive.run(["a/m": [.serverError]])
                == "a/m ~100 a/m ~200 a/m ~400 a/m ~800 a/m ~1600 a/m ~2000 a/m ~2000 a/m end")
        var eager = try Drive("a/m", policy: policy)
        eager.jitter = 0
        #expect(eager.run(["a/m": [.serverError]]) == Array(repeating: "a/m", count: 8).joined(separator: " ") + " end")
    }

    @Test(
        "Retry-After is waited for when it is short enough and the deadline leaves time for an answer",
        arguments: [
            (Duration.seconds(1), nil, "a/m ~1000 a/m end"),
            (.seconds(10), nil, "a/m ~10000 a/m end"),
            (.seconds(11), nil, "a/m end"),
            (.seconds(1), .seconds(2), "a/m ~1000 a/m end"),
            (.seconds(1), .milliseconds(1_200), "a/m end"),
            (.seconds(3), .seconds(2), "a/m end"),
        ] as [(Duration, Duration?, String)]
    )
    func retryAfter(delay: Duration, deadline: Duration?, expected: String) throws {
        var drive = try Drive("a/m", deadline: deadline)
        #expect(drive.run(["a/m": [.rateLimited(retryAfter: delay)]]) == expected)
    }

    @Test("Without room in the budget nobody is asked twice, but everyone once")
    func budget() throws {
        var drive = try Drive("a/m b/m")
        let script: [String: [UpstreamFault.Kind]] = ["a/m": [.serverError], "b/m": [.serverError]]
        #expect(drive.run(script, mayRetry: false) == "a/m b/m end")
    }

    @Test("Attempts are bounded for all candidates together and for each")
    func bounds() throws {
        let names = (0..<9).map { "p/\($0)" }
        let script = Dictionary(uniqueKeysWithValues: names.map { ($0, [UpstreamFault.Kind.malformed]) })
        var drive = try Drive(names.joined(separator: " "))
        #expect(drive.run(script) == "p/0 p/1 p/2 p/3 p/4 p/5 end")
        var policy = FallbackPolicy()
        policy.attemptsPerModel = 3
        var two = try Drive("p/0 p/1", policy: policy)
        two.jitter = 0
        #expect(two.run(script) == "p/0 p/1 p/0 p/1 p/0 p/1 end")
    }

    @Test("After a fault that its provider's other models share, those of others come first", arguments: [true, false])
    func otherProvider(prefers: Bool) throws {
        var policy = FallbackPolicy()
        policy.prefersOtherProvider = prefers
        var drive = try Drive("a/1 a/2 b/1", policy: policy)
        let script: [String: [UpstreamFault.Kind]] = ["a/1": [.unreachable], "b/1": [.modelNotFound]]
        #expect(drive.run(script) == (prefers ? "a/1 b/1 a/2 ok" : "a/1 a/2 ok"))
        var own = try Drive("a/1 a/2 b/1", policy: policy)
        #expect(own.run(["a/1": [.malformed]]) == "a/1 a/2 ok")
        // Models of ours do not fall together.
        var local = try Drive("local/1 local/2 b/1", policy: policy)
        #expect(local.run(["local/1": [.unreachable]]) == "local/1 local/2 ok")
    }

    @Test("A dead key rules its provider out")
    func deadKey() throws {
        var drive = try Drive("a/1 a/2 b/1")
        #expect(drive.run(["a/1": [.authenticationFailed], "b/1": [.modelNotFound]]) == "a/1 b/1 end")
    }

    @Test("A prompt that is too long goes only to models known to hold more, then to the chain")
    func largerContext() throws {
        var drive = try Drive("a/1:8000 a/2:8000 a/3:4000 b/4 b/5:9000", chain: "c/6:2000 c/7 c/8:99000")
        let script: [String: [UpstreamFault.Kind]] = [
            "a/1": [.contextLengthExceeded], "b/5": [.contextLengthExceeded], "c/7": [.contextLengthExceeded],
        ]
        #expect(drive.run(script) == "a/1:8000".dropLast(5) + " b/5 c/7 c/8 ok")
        // Nothing to compare with.
        var unknown = try Drive("a/1 a/2 a/3:10")
        #expect(
            unknown.run(["a/1": [.contextLengthExceeded], "a/2": [.contextLengthExceeded]]) == "a/1 a/2 a/3 ok")
        var retried = try Drive("a/1:8000 b/1:8000")
        #expect(
            retried.run(["a/1": [.serverError], "b/1": [.contextLengthExceeded]]) == "a/1 b/1 end",
            "who is too small is not asked again either")
    }

    @Test("A filtered prompt goes to the chain first, then to other providers")
    func otherFilter() throws {
        var drive = try Drive("a/1 a/2 b/1", chain: "a/free c/1")
        let script: [String: [UpstreamFault.Kind]] = [
            "a/1": [.contentFiltered], "a/free": [.serverError], "c/1": [.contentFiltered],
        ]
        #expect(drive.run(script) == "a/1 a/free c/1 b/1 ok")
        var alone = try Drive("a/1 a/2")
        #expect(alone.run(["a/1": [.contentFiltered]]) == "a/1 end")
    }

    @Test("A begun answer goes only to models that can go on with it")
    func prefill() throws {
        var drive = try Drive("a/1 a/2+ b/1 b/2+")
        #expect(drive.run(["a/2": [.truncated]], needsPrefill: true) == "a/2 b/2 ok")
        var nobody = try Drive("a/1 b/1")
        #expect(nobody.run([:], needsPrefill: true) == "end")
    }

    @Test("Nobody is asked when the time of the search is over")
    func time() throws {
        var policy = FallbackPolicy()
        policy.maxTime = .seconds(3)
        let script: [String: [UpstreamFault.Kind]] = ["a/1": [.serverError], "b/1": [.serverError]]
        var drive = try Drive("a/1 b/1 c/1", policy: policy)
        #expect(drive.run(script, each: .seconds(2)) == "a/1 b/1 end")
        var late = try Drive("a/1 b/1 c/1", deadline: .seconds(1))
        #expect(late.run(script, each: .seconds(1)) == "a/1 end")
        var passed = try Drive("a/1", deadline: .zero)
        #expect(passed.run([:]) == "end")
    }

    @Test("One whose breaker is open costs no attempt and is not asked in this search")
    func refused() throws {
        var policy = FallbackPolicy()
        policy.maxAttempts = 1
        var drive = try Drive("a/1 b/1", policy: policy)
        #expect(drive.plan.next(at: drive.now) == .ask(0))
        drive.plan.refused(0)
        #expect(drive.plan.next(at: drive.now) == .ask(1))
        drive.plan.failed(1, UpstreamFault(.serverError, ""), at: drive.now, jitter: 0)
        #expect(drive.plan.next(at: drive.now) == .giveUp)
    }

    @Test("A hedge is a candidate that was not asked, best of another provider; a loser may be asked again")
    func hedge() throws {
        var drive = try Drive("a/1 a/2 b/1")
        #expect(drive.plan.next(at: drive.now) == .ask(0))
        #expect(drive.plan.hedge(beside: 0, at: drive.now) == 2)
        drive.plan.lost(0, at: drive.now)
        drive.plan.failed(2, UpstreamFault(.truncated, ""), at: drive.now, jitter: 0.5)
        #expect(drive.plan.next(at: drive.now) == .ask(1))
        drive.plan.failed(1, UpstreamFault(.modelNotFound, ""), at: drive.now, jitter: 0.5)
        #expect(drive.plan.next(at: drive.now) == .ask(0))
        #expect(drive.plan.hedge(beside: 0, at: drive.now) == nil)
    }

    @Test("The deadline is shared out over those who may still be asked")
    func shares() throws {
        var drive = try Drive("a/1 b/1 c/1", deadline: .seconds(30))
        let begin = drive.now
        #expect(drive.plan.next(at: begin) == .ask(0))
        #expect(drive.plan.firstOutputLimit(at: begin, isWhole: false) == .seconds(10))
        #expect(drive.plan.firstOutputLimit(at: begin, isWhole: true) == .seconds(15))
        drive.plan.failed(0, UpstreamFault(.modelNotFound, ""), at: begin, jitter: 0)
        #expect(drive.plan.next(at: begin + .seconds(10)) == .ask(1))
        #expect(drive.plan.firstOutputLimit(at: begin + .seconds(10), isWhole: false) == .seconds(10))
        #expect(
            drive.plan.firstOutputLimit(at: begin + .milliseconds(29_600), isWhole: false) == .milliseconds(250),
            "never less than an attempt needs")
        #expect(
            drive.plan.firstOutputLimit(at: begin + .milliseconds(29_900), isWhole: false) == .milliseconds(100),
            "but never more than is left")
        drive.plan.failed(1, UpstreamFault(.modelNotFound, ""), at: begin, jitter: 0)
        #expect(drive.plan.next(at: begin + .seconds(20)) == .ask(2))
        #expect(drive.plan.firstOutputLimit(at: begin + .seconds(20), isWhole: false) == nil, "the last has all of it")
        var free = try Drive("a/1 b/1")
        #expect(free.plan.next(at: free.now) == .ask(0))
        #expect(free.plan.firstOutputLimit(at: free.now, isWhole: false) == nil)
        var few = FallbackPolicy()
        few.maxAttempts = 2
        var bounded = try Drive("a/1 b/1 c/1", policy: few, deadline: .seconds(30))
        #expect(bounded.plan.next(at: bounded.now) == .ask(0))
        #expect(bounded.plan.firstOutputLimit(at: bounded.now, isWhole: false) == .seconds(15))
    }
}
