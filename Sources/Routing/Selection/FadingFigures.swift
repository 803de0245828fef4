/// What was seen of a model, as far as it still means something.
///
/// A model is not asked because it was slow or failed, so nothing new is seen of it: what is known fades, and after some
/// minutes it is worth a try again.
extension ModelFigures {
    /// Nanoseconds after which what is known is worth half. A hyperbola rather than a power: it costs a division, and
    /// this is computed for every candidate of every request.
    private static let halfLife = 60e9

    /// 1 for what was seen now, towards 0 for what was seen long ago.
    private func freshness(at now: UInt64) -> Double {
        let noted = self.notedAt
        return Self.halfLife / (Self.halfLife + (now > noted ? Double(now - noted) : 0))
    }

    /// The time to its first output that is to be expected, in nanoseconds: what was measured comes down while nothing is
    /// measured. NaN until something is known.
    func expectedFirstToken(at now: UInt64) -> Double {
        self.firstTokenNanoseconds * self.freshness(at: now)
    }

    /// The part of its attempts that is to be expected to go well, 0...1: failures are forgotten while nothing fails, and
    /// who was never asked is given the credit.
    func expectedSuccess(at now: UInt64) -> Double {
        let known = self.successRate
        return known.isNaN ? 1 : 1 - (1 - known) * self.freshness(at: now)
    }
}
