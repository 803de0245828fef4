/// The figures of one subject in one stretch of time: what a store keeps and gives back.
package struct MetricBucket: Sendable, Hashable {
    package let subject: MetricSubject
    package let tier: MetricTier
    /// Microseconds since 1970-01-01 UTC; a multiple of the tier's length.
    package let startMicroseconds: Int64
    /// ``MetricFigures/stored``.
    package let stored: [UInt8]

    package init(subject: MetricSubject, tier: MetricTier, startMicroseconds: Int64, figures: MetricFigures) {
        self.subject = subject
        self.tier = tier
        self.startMicroseconds = tier.start(of: startMicroseconds)
        self.stored = figures.stored
    }

    /// One from the store.
    ///
    /// - Throws: when `stored` is damaged.
    package init(
        subject: MetricSubject, tier: MetricTier, startMicroseconds: Int64, stored: [UInt8]
    ) throws(StoredFormError) {
        _ = try MetricFigures(stored: stored)
        self.init(subject: subject, tier: tier, startMicroseconds: startMicroseconds, trusted: stored)
    }

    /// From bytes that this program has made or checked.
    init(subject: MetricSubject, tier: MetricTier, startMicroseconds: Int64, trusted stored: [UInt8]) {
        self.subject = subject
        self.tier = tier
        self.startMicroseconds = tier.start(of: startMicroseconds)
        self.stored = stored
    }

    package var endMicroseconds: Int64 { self.startMicroseconds.addingSaturated(self.tier.length) }

    package var figures: MetricFigures {
        var figures = MetricFigures()
        figures.merge(trusted: self.stored)
        return figures
    }
}

extension MetricFigures {
    /// Adds stored figures that were checked when they came: they cannot be wrong.
    mutating func merge(trusted stored: [UInt8]) {
        try? self.merge(stored: stored)
    }
}
