/// The figures of one subject over time: a bucket that is being filled for each tier, and closed ones.
///
/// A request is added to the minute alone. When a minute ends, its figures are added to the buckets of the other tiers, and
/// closed ones become bytes: a few hundred each.
struct MetricSeries: Sendable {
    /// A closed bucket.
    struct Closed: Sendable {
        var start: Int64
        /// ``MetricFigures/stored``.
        var stored: [UInt8]
    }

    /// A bucket that is being filled.
    struct Open: Sendable {
        /// Microseconds since 1970; `nil` while nothing fell into it.
        var start: Int64?
        var figures = MetricFigures()
    }

    /// Requests that ended a little earlier than the minute that is being filled are counted in it.
    private static let lateness: Int64 = 120_000_000

    private(set) var open: [Open]
    /// By tier, in order of time.
    private(set) var closed: [[Closed]]
    /// Since the start of the program, without the minute that is being filled: what counters show.
    private(set) var lifetime = MetricFigures()
    /// What ``closed`` takes, about.
    private(set) var bytes = 0
    /// What has been closed since it was taken for the store.
    private(set) var unstored: [(tier: MetricTier, closed: Closed)] = []
    /// Whether something was added since it was taken for the store.
    var isChanged = false

    init() {
        self.open = MetricTier.allCases.map { _ in Open() }
        self.closed = MetricTier.allCases.map { _ in [] }
    }

    /// Nothing is in it.
    var isEmpty: Bool { self.open.allSatisfy { $0.start == nil } && self.closed.allSatisfy(\.isEmpty) }

    /// Adds to the minute of `time`.
    mutating func add(at time: Int64, _ retention: MetricRetention, _ change: (inout MetricFigures) -> Void) {
        let minute = MetricTier.minute.start(of: time)
        if let start = self.open[0].start, start != minute {
            if minute > start || start.subtractingReportingOverflow(minute).partialValue > Self.lateness {
                self.closeMinute(retention)
                self.open[0].start = minute
            }
        } else {
            self.open[0].start = minute
        }
        change(&self.open[0].figures)
        self.isChanged = true
    }

    /// Closes what has ended at `now`, and forgets what is older than is kept.
    mutating func roll(at now: Int64, _ retention: MetricRetention) {
        if let start = self.open[0].start, start < MetricTier.minute.start(of: now) { self.closeMinute(retention) }
        for tier in MetricTier.allCases.dropFirst() {
            if let start = self.open[tier.rawValue].start, start < tier.start(of: now) { self.close(tier, retention) }
        }
        for tier in MetricTier.allCases {
            let reach = tier.length.multipliedReportingOverflow(by: Int64(retention[tier]))
            let oldest = tier.start(of: now).subtractingReportingOverflow(reach.partialValue)
            guard !reach.overflow, !oldest.overflow else { continue }
            let keep = self.closed[tier.rawValue].firstIndex { $0.start >= oldest.partialValue }
            self.dropFirst(keep ?? self.closed[tier.rawValue].count, of: tier)
            // Nobody would ask the store for it any more.
            if !self.unstored.isEmpty {
                self.unstored.removeAll { $0.tier == tier && $0.closed.start < oldest.partialValue }
            }
        }
    }

    /// Puts a bucket of the store in its place. One that is still being filled at `now` goes on being filled, but for a
    /// minute: the others have it already, and would get it again when it closes.
    mutating func restore(_ bucket: MetricBucket, at now: Int64, _ retention: MetricRetention) {
        let tier = bucket.tier
        guard tier != .minute, bucket.startMicroseconds == tier.start(of: now) else {
            self.insert(Closed(start: bucket.startMicroseconds, stored: bucket.stored), in: tier, retention)
            return
        }
        self.fill(tier, from: bucket.startMicroseconds, retention) { $0.merge(trusted: bucket.stored) }
    }

    /// What is being filled, the running minute counted in every tier.
    func filling(_ tier: MetricTier) -> (start: Int64, figures: MetricFigures)? { self.snapshot.filling(tier) }

    /// What is being filled although the running minute is already in a later one; it is not closed before that minute is.
    func leftover(_ tier: MetricTier) -> (start: Int64, figures: MetricFigures)? { self.snapshot.leftover(tier) }

    /// What can be copied in no time, to be looked at later.
    var snapshot: Snapshot { Snapshot(open: self.open, closed: self.closed) }

    /// Closes the minute, and begins ``lifetime`` anew.
    mutating func beginLifetime(_ retention: MetricRetention) {
        self.closeMinute(retention)
        self.lifetime = MetricFigures()
    }

    mutating func takeUnstored() -> [(tier: MetricTier, closed: Closed)] {
        defer { self.unstored = [] }
        return self.unstored
    }

    /// Forgets the oldest buckets of a tier.
    mutating func dropFirst(_ count: Int, of tier: MetricTier) {
        guard count > 0 else { return }
        for bucket in self.closed[tier.rawValue].prefix(count) { self.bytes -= bucket.bytes }
        self.closed[tier.rawValue].removeFirst(count)
    }

    // MARK: - Closing

    private mutating func closeMinute(_ retention: MetricRetention) {
        guard let minute = self.open[0].start else { return }
        self.lifetime.merge(self.open[0].figures)
        for tier in MetricTier.allCases.dropFirst() {
            let figures = self.open[0].figures
            self.fill(tier, from: tier.start(of: minute), retention) { $0.merge(figures) }
        }
        self.close(.minute, retention)
    }

    private mutating func fill(
        _ tier: MetricTier, from start: Int64, _ retention: MetricRetention, _ change: (inout MetricFigures) -> Void
    ) {
        if let before = self.open[tier.rawValue].start, before != start { self.close(tier, retention) }
        self.open[tier.rawValue].start = start
        change(&self.open[tier.rawValue].figures)
    }

    private mutating func close(_ tier: MetricTier, _ retention: MetricRetention) {
        guard let start = self.open[tier.rawValue].start else { return }
        let bucket = Closed(start: start, stored: self.open[tier.rawValue].figures.stored)
        self.open[tier.rawValue].start = nil
        self.open[tier.rawValue].figures.reset()
        self.unstored.append((tier, self.insert(bucket, in: tier, retention)))
    }

    /// - Returns: the bucket, with what there was already of its time.
    @discardableResult
    private mutating func insert(_ bucket: Closed, in tier: MetricTier, _ retention: MetricRetention) -> Closed {
        var list = self.closed[tier.rawValue]
        self.closed[tier.rawValue] = []
        defer { self.closed[tier.rawValue] = list }
        let place = list.lastIndex { $0.start <= bucket.start }
        if let place, list[place].start == bucket.start {
            var figures = MetricFigures()
            figures.merge(trusted: list[place].stored)
            figures.merge(trusted: bucket.stored)
            self.bytes -= list[place].bytes
            list[place].stored = figures.stored
            self.bytes += list[place].bytes
            return list[place]
        }
        list.insert(bucket, at: place.map { $0 + 1 } ?? 0)
        self.bytes += bucket.bytes
        if list.count > retention[tier] {
            self.bytes -= list[0].bytes
            list.removeFirst()
        }
        return bucket
    }
}

extension MetricSeries.Closed {
    /// What it takes in memory: its bytes, the header of their array, and its place.
    var bytes: Int { self.stored.count + 32 + MemoryLayout<Self>.stride }
}

extension MetricSeries {
    /// The buckets of a series at one moment.
    struct Snapshot: Sendable {
        let open: [Open]
        let closed: [[Closed]]

        /// See ``MetricSeries/filling(_:)``.
        func filling(_ tier: MetricTier) -> (start: Int64, figures: MetricFigures)? {
            let open = self.open[tier.rawValue]
            guard tier != .minute, let minute = self.open[0].start else { return open.start.map { ($0, open.figures) } }
            let start = tier.start(of: minute)
            guard open.start == start else { return (start, self.open[0].figures) }
            var figures = open.figures
            figures.merge(self.open[0].figures)
            return (start, figures)
        }

        /// See ``MetricSeries/leftover(_:)``.
        func leftover(_ tier: MetricTier) -> (start: Int64, figures: MetricFigures)? {
            let open = self.open[tier.rawValue]
            guard tier != .minute, let start = open.start, let minute = self.open[0].start,
                start != tier.start(of: minute)
            else { return nil }
            return (start, open.figures)
        }

        /// What is being filled, for the store: with what is closed already of the same time, as late requests have it.
        func fillings() -> [(tier: MetricTier, start: Int64, figures: MetricFigures)] {
            var found: [(tier: MetricTier, start: Int64, figures: MetricFigures)] = []
            for tier in MetricTier.allCases {
                for open in [self.leftover(tier), self.filling(tier)] {
                    guard let start = open?.start, var figures = open?.figures else { continue }
                    if let closed = self.closed[tier.rawValue].last(where: { $0.start <= start }), closed.start == start
                    {
                        figures.merge(trusted: closed.stored)
                    }
                    found.append((tier, start, figures))
                }
            }
            return found
        }
    }
}
