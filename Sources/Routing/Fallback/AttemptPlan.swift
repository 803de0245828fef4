import Inference
import ModelRegistry

/// Who is asked next after who failed how: one request's search through its candidates.
///
/// A value without a clock and without tasks: events and times go in, the next step comes out. Everyone is asked once
/// before anyone is asked twice, and whoever is asked twice was given time to recover.
struct AttemptPlan: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Places are those of ``candidates``.
    enum Step: Sendable, Hashable {
        /// It counts as asked.
        case ask(Int)
        /// Then ask for the next step again: it will be to ask this one, if there is still time.
        case wait(Duration, then: Int)
        /// Nobody is left, or no time.
        case giveUp
    }

    /// In the order of asking, then those of the chains that faults brought in.
    private(set) var candidates: [Candidate]
    /// How many attempts there were, those under way counted.
    private(set) var askedCount = 0
    let deadline: Instant?
    private let policy: FallbackPolicy
    private let begin: Instant
    private var asked: [Asked] = []
    private var bars = Bars()
    private var isOver = false
    /// Whom ``Step/wait(_:then:)`` waits for.
    private var awaited: Int?

    private struct Asked {
        let place: Int
        var times = 1
        /// From when on it may be asked again; `nil`: never, or while it is being asked.
        var readyAt: Instant?
    }

    /// What faults have told of who has no chance.
    private struct Bars {
        /// Places of those that must not be asked in this search.
        var refused: [Int] = []
        var deadKeys: [ProviderID] = []
        /// Their filter refused the prompt.
        var filters: [ProviderID] = []
        /// Rather not.
        var troubled: [ProviderID] = []
        /// Models with a context no longer than that are too small for the prompt.
        var contextFloor: Int?
        /// Places of the chain's models, in its order.
        var contextChain: [Int] = []
        var filterChain: [Int] = []
    }

    init(candidates: [Candidate], policy: FallbackPolicy, begin: Instant, deadline: Instant?) {
        self.candidates = candidates
        self.policy = policy
        self.begin = begin
        self.deadline = deadline
    }

    private var mostAttempts: Int { max(1, self.policy.maxAttempts) }

    /// Whether nothing is left to be done about a request that has run out of time.
    func isPast(_ now: Instant) -> Bool {
        if let deadline = self.deadline, now >= deadline { return true }
        return self.begin.duration(to: now) >= self.policy.maxTime
    }

    // MARK: Steps

    /// What to do now.
    ///
    /// - Parameters:
    ///   - needsPrefill: only models are asked that go on from a begun answer.
    ///   - mayRetry: whether the budget has room for asking a model again; called at most once, and only when that is the
    ///     next step.
    mutating func next(at now: Instant, needsPrefill: Bool = false, mayRetry: () -> Bool = { true }) -> Step {
        guard !self.isOver, self.askedCount < self.mostAttempts, !self.isPast(now) else { return .giveUp }
        if let awaited = self.awaited { return self.goOn(to: awaited, at: now) }
        if let fresh = self.freshPlace(needsPrefill: needsPrefill, avoiding: nil) { return self.ask(fresh) }
        guard let place = self.retryPlace(at: now, needsPrefill: needsPrefill), mayRetry() else { return .giveUp }
        self.awaited = place
        return self.goOn(to: place, at: now)
    }

    /// Whom to ask beside one that is slow; it counts as asked.
    ///
    /// - Returns: `nil` when nobody is left who was not asked.
    mutating func hedge(beside slow: Int, at now: Instant, needsPrefill: Bool = false) -> Int? {
        guard !self.isOver, self.askedCount < self.mostAttempts, !self.isPast(now) else { return nil }
        let provider = self.candidates[slow].id.provider
        guard let place = self.freshPlace(needsPrefill: needsPrefill, avoiding: provider) else { return nil }
        _ = self.ask(place)
        return place
    }

    private mutating func ask(_ place: Int) -> Step {
        self.askedCount += 1
        if let known = self.asked.firstIndex(where: { $0.place == place }) {
            self.asked[known].times += 1
            self.asked[known].readyAt = nil
        } else {
            self.asked.append(Asked(place: place))
        }
        return .ask(place)
    }

    private mutating func goOn(to place: Int, at now: Instant) -> Step {
        let readyAt = self.asked.first { $0.place == place }?.readyAt ?? now
        guard readyAt <= now else { return .wait(now.duration(to: readyAt), then: place) }
        self.awaited = nil
        return self.ask(place)
    }

    // MARK: What happened

    /// An attempt failed.
    ///
    /// - Parameters:
    ///   - jitter: 0..<1, drawn anew each time.
    ///   - chain: the models that the policy has for such a fault.
    mutating func failed(
        _ place: Int, _ fault: UpstreamFault, at now: Instant, jitter: Double, chain: [Candidate] = []
    ) {
        let entry = self.candidates[place].entry
        switch fault.disposition {
        case .retrySame:
            self.mayComeBack(place, fault, at: now, jitter: jitter)
        case .retryOther:
            if fault.kind == .diverged { self.mayGoOn(place, at: now) }
        case .largerContext:
            // Where its length is not known there is nothing to compare with: the others may try.
            if let length = entry.model.contextLength {
                self.bars.contextFloor = max(self.bars.contextFloor ?? 0, length)
            }
            self.bars.contextChain = self.adopt(chain)
        case .otherFilter:
            self.bars.filters.append(entry.model.id.provider)
            self.bars.filterChain = self.adopt(chain)
        case .keyIsDead:
            self.bars.deadKeys.append(entry.model.id.provider)
        case .fail:
            self.isOver = true
        }
        if self.policy.prefersOtherProvider, fault.isLikelyShared(by: entry.model.id.provider) {
            self.bars.troubled.append(entry.model.id.provider)
        }
    }

    /// Another was quicker: it is as good as before.
    mutating func lost(_ place: Int, at now: Instant) {
        guard let known = self.asked.firstIndex(where: { $0.place == place }) else { return }
        if self.asked[known].times < self.policy.attemptsPerModel { self.asked[known].readyAt = now }
    }

    /// It was not asked after all, and must not be asked in this search.
    mutating func refused(_ place: Int) {
        self.askedCount -= 1
        self.bars.refused.append(place)
    }

    /// It is well: it may be asked to go on from what it would not have said by itself. That it was asked for the answer
    /// anew is not held against it, so that this is possible also where everyone is asked once.
    private mutating func mayGoOn(_ place: Int, at now: Instant) {
        guard let known = self.asked.firstIndex(where: { $0.place == place }) else { return }
        self.asked[known].times -= 1
        self.asked[known].readyAt = now
    }

    private mutating func mayComeBack(_ place: Int, _ fault: UpstreamFault, at now: Instant, jitter: Double) {
        guard let known = self.asked.firstIndex(where: { $0.place == place }) else { return }
        let times = self.asked[known].times
        guard times < self.policy.attemptsPerModel else { return }
        var delay = max(.zero, self.policy.backoffBase)
        for _ in 1..<times where delay < self.policy.backoffMax { delay *= 2 }
        delay = min(delay, self.policy.backoffMax) * jitter
        if let retryAfter = fault.retryAfter {
            guard retryAfter <= self.policy.maxRetryAfterWait else { return }
            delay = max(delay, retryAfter)
        }
        self.asked[known].readyAt = now + max(.zero, delay)
    }

    /// The places of a chain's models, new ones added.
    private mutating func adopt(_ chain: [Candidate]) -> [Int] {
        chain.map { member in
            if let known = self.candidates.firstIndex(where: { $0.id == member.id }) { return known }
            self.candidates.append(member)
            return self.candidates.count - 1
        }
    }

    // MARK: Choosing

    /// The next that was not asked: of a chain for filters first, then in order, those of providers in trouble last.
    private func freshPlace(needsPrefill: Bool, avoiding avoided: ProviderID?) -> Int? {
        // Nothing has happened yet: in almost every request that is all that is ever looked at.
        if self.asked.isEmpty, !needsPrefill { return self.candidates.isEmpty ? nil : 0 }
        if !self.bars.filters.isEmpty {
            for place in self.bars.filterChain where self.isFresh(place, needsPrefill: needsPrefill) { return place }
        }
        var second: Int?
        for place in self.candidates.indices where self.isFresh(place, needsPrefill: needsPrefill) {
            let provider = self.candidates[place].id.provider
            if provider != avoided && !self.bars.troubled.contains(provider) { return place }
            second = second ?? place
        }
        return second
    }

    /// The one asked before that is ready first, and was asked less often, when it is worth to be waited for.
    private func retryPlace(at now: Instant, needsPrefill: Bool) -> Int? {
        var best: (place: Int, readyAt: Instant, times: Int)?
        for entry in self.asked {
            guard let known = entry.readyAt, self.mayAnswer(entry.place, needsPrefill: needsPrefill) else { continue }
            let readyAt = max(known, now)
            if let best, (best.readyAt, best.times) <= (readyAt, entry.times) { continue }
            best = (entry.place, readyAt, entry.times)
        }
        guard let best, !self.isPast(best.readyAt) else { return nil }
        // After a wait there must be time for an answer.
        if let deadline = self.deadline, best.readyAt > now, best.readyAt + self.policy.leastAttemptTime > deadline {
            return nil
        }
        return best.place
    }

    private func isFresh(_ place: Int, needsPrefill: Bool) -> Bool {
        !self.asked.contains { $0.place == place } && self.mayAnswer(place, needsPrefill: needsPrefill)
    }

    /// Whether nothing that is known rules it out.
    private func mayAnswer(_ place: Int, needsPrefill: Bool) -> Bool {
        let provider = self.candidates[place].id.provider
        if needsPrefill && !self.candidates[place].entry.model.capabilities.contains(.prefill) { return false }
        if self.bars.refused.contains(place) || self.bars.deadKeys.contains(provider) { return false }
        if self.bars.filters.contains(provider) && !self.bars.filterChain.contains(place) { return false }
        guard let floor = self.bars.contextFloor else { return true }
        guard let length = self.candidates[place].entry.model.contextLength else {
            // Whoever wrote the chain knows better than we do.
            return self.bars.contextChain.contains(place)
        }
        return length > floor
    }

    // MARK: Time

    /// How many more candidates may be asked, those that were asked already not counted.
    func othersLeft(needsPrefill: Bool = false) -> Int {
        let room = self.mostAttempts - self.askedCount
        guard room > 0, !self.isOver, self.candidates.count > 1 else { return 0 }
        var count = 0
        for place in self.candidates.indices where count < room && self.isFresh(place, needsPrefill: needsPrefill) {
            count += 1
        }
        return count
    }

    /// How long the attempt that begins now may go without output: its share of what is left until the client's deadline.
    ///
    /// A whole answer has no first token: all of it has to come within the share, which is half of what is left.
    ///
    /// - Returns: `nil` when nobody is left to be asked after it, or there is no deadline: the deadline itself and the
    ///   provider's own limits are enough then.
    func firstOutputLimit(at now: Instant, isWhole: Bool, needsPrefill: Bool = false) -> Duration? {
        guard let deadline = self.deadline else { return nil }
        let others = self.othersLeft(needsPrefill: needsPrefill)
        guard others > 0 else { return nil }
        let rest = max(.zero, now.duration(to: deadline))
        return min(rest, max(rest / (isWhole ? 2 : others + 1), self.policy.leastAttemptTime))
    }
}
