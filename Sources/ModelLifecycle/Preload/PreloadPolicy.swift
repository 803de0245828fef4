package import Inference
package import ModelRegistry

/// Which models to load before anybody asks for them. Pure.
package struct PreloadPolicy: Sendable, Hashable {
    /// A model is loaded for the hour that comes when so many uses of it are to be expected in it.
    package var threshold: Double
    /// So long before the hour.
    package var lead: Duration

    package init(threshold: Double = 0.5, lead: Duration = .seconds(600)) {
        self.threshold = threshold
        self.lead = lead
    }

    /// Hours since the week of 1970-01-01 began on its Monday, 00:00 UTC.
    package struct Hour: Sendable, Hashable, Comparable {
        package var number: Int64

        /// 0...167, an index of ``WeeklyPattern/uses``.
        package var ofWeek: Int { Int(((self.number % 168) + 168) % 168) }

        package static func < (left: Hour, right: Hour) -> Bool { left.number < right.number }
    }

    static let microsecondsPerHour: Int64 = 3_600_000_000

    /// - Parameter microseconds: Since 1970-01-01 UTC, a Thursday.
    package static func hour(at microseconds: Int64) -> Hour {
        // Rounds towards the past, also before 1970.
        let (quotient, rest) = microseconds.quotientAndRemainder(dividingBy: Self.microsecondsPerHour)
        return Hour(number: quotient - (rest < 0 ? 1 : 0) + 72)
    }

    /// The hour that is prepared for: the coming one once it is near, the one under way before that.
    package func targetHour(at microseconds: Int64) -> Hour {
        Self.hour(at: microseconds + Int64(self.lead.inSeconds * 1_000_000))
    }

    /// Uses to be expected in an hour of the week.
    ///
    /// The counts of a pattern halve every four weeks, so one use in every week adds up to 1 / (1 - 2^(-1/4)), which is 6.3.
    package static func expectedUses(
        _ pattern: WeeklyPattern,
        in hour: Hour,
        at microseconds: Int64
    ) -> Double {
        guard pattern.uses.indices.contains(hour.ofWeek) else { return 0 }
        return pattern.uses[hour.ofWeek] * Self.fading(of: pattern, at: microseconds) * Self.shareOfOneWeek
    }

    /// 1 - 2^(-1/4).
    private static let shareOfOneWeek = 0.159_103_584_746_285_5

    /// What is left of counts that nobody updated since: they halve every four weeks, week by week.
    private static func fading(of pattern: WeeklyPattern, at microseconds: Int64) -> Double {
        let weeks = (microseconds - pattern.updatedAtMicroseconds) / (168 * Self.microsecondsPerHour)
        guard pattern.updatedAtMicroseconds > 0, weeks > 0 else { return 1 }
        var left = 1.0
        for _ in 0..<min(weeks, 400) { left *= 1 - Self.shareOfOneWeek }
        return left
    }

    /// Models whose hour comes, the one with most uses first.
    ///
    /// - Parameter eligible: Those that may be loaded at all: see ``eligible(_:)``.
    package func comingModels(
        _ patterns: [ModelID: WeeklyPattern],
        eligible: Set<ModelID>,
        at microseconds: Int64
    ) -> [ModelID] {
        let hour = self.targetHour(at: microseconds)
        return Self.ranked(
            patterns.compactMap { model, pattern in
                guard eligible.contains(model) else { return nil }
                let expected = Self.expectedUses(pattern, in: hour, at: microseconds)
                return expected >= self.threshold ? (model, expected) : nil
            }
        )
    }

    /// The models that are used most over the whole week, at most `count`, the first one most.
    package static func mostUsed(
        _ count: Int,
        _ patterns: [ModelID: WeeklyPattern],
        eligible: Set<ModelID>,
        at microseconds: Int64
    ) -> [ModelID] {
        guard count > 0 else { return [] }
        let ranked = Self.ranked(
            patterns.compactMap { model, pattern in
                guard eligible.contains(model) else { return nil }
                let uses = pattern.uses.reduce(0, +) * Self.fading(of: pattern, at: microseconds)
                return uses > 0 ? (model, uses) : nil
            }
        )
        return Array(ranked.prefix(count))
    }

    /// Enabled ones that do not ask to be loaded by their first request only.
    package static func eligible(_ models: [ManagedModel]) -> Set<ModelID> {
        Set(models.filter { $0.isEnabled && !$0.isLazy }.map(\.id))
    }

    private static func ranked(_ models: [(model: ModelID, uses: Double)]) -> [ModelID] {
        models.sorted { ($1.uses, $0.model) < ($0.uses, $1.model) }.map(\.model)
    }
}
