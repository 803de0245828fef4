import Inference

/// Who leaves so that another can be loaded. Pure.
///
/// Idle instances first, the one that was idle for longest before the others; busy ones only when those do not suffice;
/// and never more than needed: a victim that turns out superfluous stays.
enum EvictionPolicy {
    /// An instance that may be taken out of memory.
    struct Candidate: Sendable, Hashable {
        var key: InstanceKey
        /// What its end gives back.
        var holds: Resources
        /// Whether it is leased: it has to be drained first.
        var isBusy: Bool
        /// Since when it is idle, or for a busy one since when it is ready.
        var since: ContinuousClock.Instant
        /// Before then it is left alone: it is in use, or was loaded for someone who is about to use it.
        var notBefore: ContinuousClock.Instant?
    }

    /// The fewest candidates in that order which cover `shortage`; `nil` when all of them do not.
    static func victims(for shortage: Resources, among candidates: [Candidate]) -> [Candidate]? {
        let inOrder = candidates.sorted { left, right in
            if left.isBusy != right.isBusy { return right.isBusy }
            return left.since == right.since ? left.key < right.key : left.since < right.since
        }
        var open = shortage.positive
        var chosen: [Candidate] = []
        for candidate in inOrder where !open.isEmpty {
            let left = (open - candidate.holds).positive
            guard left != open else { continue }
            chosen.append(candidate)
            open = left
        }
        return open.isEmpty ? Self.pruned(chosen, covering: shortage.positive) : nil
    }

    /// Lets go of victims that the others make superfluous, those first that one would rather keep.
    private static func pruned(_ victims: [Candidate], covering shortage: Resources) -> [Candidate] {
        var kept = victims
        for victim in victims.reversed() {
            let rest = kept.filter { $0 != victim }
            let freed = rest.reduce(Resources()) { $0 + $1.holds }
            if shortage.fits(in: freed) { kept = rest }
        }
        return kept
    }
}
