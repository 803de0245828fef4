import Inference

/// Which of several keys of one provider is used. Pure: it is told the time, and knows keys by their places only.
///
/// The first key that does not rest is used, always: who lists a key first prefers it, and an upstream keeps its prompt
/// cache by key. A fault makes a key rest, and the next one takes its place until the rest is over.
///
/// A key that stands alone rests only as long as the upstream said. Without another to turn to, refusing requests here
/// would make one refusal an outage; whoever asks then gets the upstream's own answer.
struct KeyRotation: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// After a 429 that does not say for how long.
    static let limitedRest: Duration = .seconds(30)
    /// After a 401, and after a 403 for the one model.
    static let rejectedRest: Duration = .seconds(600)
    /// When the account behind the key is out of money or quota.
    static let spentRest: Duration = .seconds(3600)
    /// No upstream is believed that asks for more.
    static let longestRest: Duration = .seconds(86_400)

    private enum Cause: Sendable {
        case limited
        case rejected
    }

    private struct Rest: Sendable {
        let until: Instant
        let cause: Cause
    }

    /// The rests of a key: by model, since upstreams limit and permit by model; under `nil` for all models.
    private var rests: [[String?: Rest]]

    init(count: Int) {
        self.rests = Array(repeating: [:], count: count)
    }

    var count: Int { self.rests.count }

    /// The place of the key to use for `model`.
    ///
    /// - Parameter isWanted: false for those that this request has tried already.
    /// - Throws: ``UpstreamFault/Kind/rateLimited(retryAfter:)`` with the time to the soonest end of a rest;
    ///   ``UpstreamFault/Kind/authenticationFailed`` when the upstream has rejected every key.
    func take(
        for model: String, now: Instant, where isWanted: (Int) -> Bool = { _ in true }
    ) throws(UpstreamFault) -> Int {
        var soonest: Instant?
        for place in self.rests.indices where isWanted(place) {
            guard let rest = self.rest(of: place, model, now) else { return place }
            if rest.cause == .limited { soonest = min(soonest ?? rest.until, rest.until) }
        }
        let keys = self.count == 1 ? "the key" : "each of the \(self.count) keys"
        guard let soonest else {
            throw UpstreamFault(.authenticationFailed, "the upstream has rejected \(keys)")
        }
        let delay = soonest - now
        throw UpstreamFault(
            .rateLimited(retryAfter: delay), "\(keys) rests, the soonest for \(delay.components.seconds + 1) s more")
    }

    /// Draws the consequence of a fault that the key at `place` met.
    mutating func report(_ fault: UpstreamFault, of place: Int, for model: String, now: Instant) {
        guard self.rests.indices.contains(place) else { return }
        let isAlone = self.count == 1
        switch (fault.kind, fault.httpStatus) {
        case (.rateLimited(let told), _):
            guard let delay = told ?? (isAlone ? nil : Self.limitedRest) else { return }
            self.rest(place, model, delay, .limited, now)
        case (.authenticationFailed, _) where isAlone: break
        case (.authenticationFailed, 402), (.authenticationFailed, 429):
            self.rest(place, nil, Self.spentRest, .limited, now)
        // It may be another model's right, or the request's content, that is missing.
        case (.authenticationFailed, 403): self.rest(place, model, Self.rejectedRest, .rejected, now)
        case (.authenticationFailed, _): self.rest(place, nil, Self.rejectedRest, .rejected, now)
        default: break
        }
    }

    /// The rests of keys that were loaded anew: a key that was there before goes on with its own.
    ///
    /// - Parameter places: for each key now, its place before; `nil` for one that is new.
    func reloaded(_ places: [Int?]) -> KeyRotation {
        var rotation = KeyRotation(count: places.count)
        for (place, old) in places.enumerated() {
            if let old, self.rests.indices.contains(old) { rotation.rests[place] = self.rests[old] }
        }
        return rotation
    }

    private func rest(of place: Int, _ model: String, _ now: Instant) -> Rest? {
        let own = self.rests[place]
        guard !own.isEmpty else { return nil }
        return [own[nil], own[model]].compactMap { $0 }.filter { $0.until > now }.max { $0.until < $1.until }
    }

    private mutating func rest(_ place: Int, _ model: String?, _ delay: Duration, _ cause: Cause, _ now: Instant) {
        self.rests[place] = self.rests[place].filter { $0.value.until > now }
        let until = now + min(max(delay, .zero), Self.longestRest)
        // A request that began before must not shorten what a later one learned.
        if let known = self.rests[place][model], known.until >= until { return }
        self.rests[place][model] = Rest(until: until, cause: cause)
    }
}

extension UpstreamFault {
    /// Whether it is about the key, so that another key may succeed at once.
    var concernsKey: Bool {
        switch self.kind {
        case .rateLimited, .authenticationFailed: true
        default: false
        }
    }
}
