/// How candidates are ordered. A server that embeds the gateway can bring its own.
///
/// A strategy gives each candidate a score; who has the smallest is asked first, and of equal ones who comes first in the
/// pool. It may also draw who is asked first, whatever the scores: so load is shared without giving up the order in which
/// the others follow when that one fails. It sees only who fulfils the requirements and is not held back by a breaker;
/// whether someone can answer at this moment is looked at when it is someone's turn.
///
/// Called for every request on the request's way: must not block, and may be called at the same time by many.
public protocol SelectionStrategy: Sendable {
    /// What requests, rules and configuration call it: `a-z`, `0-9`, `_` and `-`. One of a built-in name takes its place.
    var name: String { get }

    /// What it counts that a candidate would have to be loaded first.
    var readiness: ReadinessUse { get }

    /// How far a candidate that has the prompt's beginning in its cache is preferred.
    var affinity: AffinityUse { get }

    /// Sets the ``CandidatePool/scores``, which are 0.
    func score(_ pool: inout CandidatePool)

    /// Who is asked first though others may score better.
    ///
    /// Called after ``score(_:)``; again, with a pool without the former choice, when that one cannot answer now: the
    /// share of one that cannot falls to all others.
    ///
    /// - Parameter attempt: 0 for the first call for a decision, then 1 and so on.
    /// - Returns: an index of the pool, or `nil` for the best score.
    func first(of pool: CandidatePool, attempt: Int) -> Int?
}

extension SelectionStrategy {
    public var readiness: ReadinessUse { .first }
    public var affinity: AffinityUse { .amongEquals }
    public func first(of pool: CandidatePool, attempt: Int) -> Int? { nil }
}

/// What it counts that a candidate would have to be loaded first.
public enum ReadinessUse: Sendable, Hashable {
    /// Whoever is ready is asked before whoever is not.
    case first
    /// Among equal scores whoever is ready is asked first.
    case amongEquals
    /// Nothing.
    case ignored
}

/// How far a candidate is preferred that has the prompt's beginning in its cache.
public enum AffinityUse: Sendable, Hashable {
    /// Before all others, unless it is much busier than they are.
    case always
    /// Among equal scores.
    case amongEquals
}
