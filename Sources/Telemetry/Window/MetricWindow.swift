package import Inference

/// The figures of the system and of every model over the last month, in bounded memory. Pure: time comes with what is
/// recorded.
package struct MetricWindow: Sendable {
    private let retention: MetricRetention
    private var series: [MetricSeries] = [MetricSeries()]
    private var subjects: [MetricSubject] = [.system]
    private var places: [ModelID: Int] = [:]
    private var otherPlace: Int?
    /// Closed buckets that the store could not take.
    private var returned: [MetricBucket] = []
    /// Closed buckets that the store never got, because nobody took them.
    package private(set) var unstoredLost = 0
    /// Buckets that were forgotten before their time, to stay within ``MetricRetention/bytes``.
    package private(set) var forgotten = 0

    package init(_ retention: MetricRetention = MetricRetention()) {
        self.retention = retention
    }

    // MARK: - Recording

    /// Counts a request at once in its minute: for the system, for its model, and for those that failed before.
    package mutating func record(_ request: FinishedRequest) {
        let time = request.endedAtMicroseconds
        self.series[0].add(at: time, self.retention) { $0.addSystem(request) }
        for failure in request.failedAttempts {
            self.series[self.place(of: failure.model)].add(at: time, self.retention) { $0.addFailure(failure) }
        }
        guard let model = request.model else { return }
        self.series[self.place(of: model)].add(at: time, self.retention) { $0.addModel(request) }
    }

    /// Counts what does not come with a request: loads, evictions. Without a model it counts for the system alone.
    package mutating func record(_ field: MetricCounts.Field, of model: ModelID?, at time: Int64) {
        self.series[0].add(at: time, self.retention) { $0.counts.add(to: field) }
        guard let model else { return }
        self.series[self.place(of: model)].add(at: time, self.retention) { $0.counts.add(to: field) }
    }

    private mutating func place(of model: ModelID) -> Int {
        if let place = self.places[model] { return place }
        if self.places.count >= self.retention.models {
            if let otherPlace { return otherPlace }
            self.otherPlace = self.add(.other)
            return self.series.count - 1
        }
        let place = self.add(.model(model))
        self.places[model] = place
        return place
    }

    private mutating func add(_ subject: MetricSubject) -> Int {
        self.series.append(MetricSeries())
        self.subjects.append(subject)
        return self.series.count - 1
    }

    private func known(_ subject: MetricSubject) -> Int? {
        switch subject {
        case .system: 0
        case .model(let model): self.places[model]
        case .other: self.otherPlace
        }
    }

    // MARK: - Time

    /// How many subjects ``roll(at:places:)`` has to go through.
    var subjectCount: Int { self.series.count }

    /// Closes the buckets that ended. To be called about once a minute; recording closes those of its own subject by itself.
    ///
    /// - Parameter places: a part of the subjects, so that a caller who holds a lock need not hold it for all; ``bound()`` follows the
    ///   last.
    mutating func roll(at now: Int64, places: Range<Int>) {
        for place in places.clamped(to: 0..<self.series.count) { self.series[place].roll(at: now, self.retention) }
    }

    package mutating func roll(at now: Int64) {
        self.roll(at: now, places: 0..<self.series.count)
        self.bound()
    }

    /// Forgets subjects of which nothing is left, and buckets beyond the bounds.
    mutating func bound() {
        if (1..<self.series.count).contains(where: { self.series[$0].isEmpty && self.series[$0].unstored.isEmpty }) {
            let keep = (0..<self.series.count).filter {
                $0 == 0 || !self.series[$0].isEmpty || !self.series[$0].unstored.isEmpty
            }
            self.series = keep.map { self.series[$0] }
            self.subjects = keep.map { self.subjects[$0] }
            self.places = [:]
            self.otherPlace = nil
            for (place, subject) in self.subjects.enumerated() {
                switch subject {
                case .system: break
                case .model(let model): self.places[model] = place
                case .other: self.otherPlace = place
                }
            }
        }
        for tier in MetricTier.allCases where self.bytes > self.retention.bytes {
            // A quarter at a time, the oldest of every subject, until it fits.
            while self.bytes > self.retention.bytes, self.series.contains(where: { !$0.closed[tier.rawValue].isEmpty })
            {
                for place in self.series.indices {
                    let count = (self.series[place].closed[tier.rawValue].count + 3) / 4
                    self.series[place].dropFirst(count, of: tier)
                    self.forgotten += count
                }
            }
        }
        var waiting = self.returned.count + self.series.reduce(0) { $0 + $1.unstored.count }
        if waiting > self.retention.unstored, !self.returned.isEmpty {
            let lost = min(self.returned.count, waiting - self.retention.unstored)
            self.returned.removeFirst(lost)
            waiting -= lost
            self.unstoredLost += lost
        }
        for place in self.series.indices where waiting > self.retention.unstored {
            let lost = self.series[place].takeUnstored().count
            waiting -= lost
            self.unstoredLost += lost
        }
    }

    /// What closed buckets take in memory, about.
    package var bytes: Int { self.series.reduce(0) { $0 + $1.bytes } }

    // MARK: - The store

    /// What changed since it was last asked: closed buckets, and those that are still being filled, so that a restart loses
    /// little. Nothing is made into bytes here, so that recording waits for microseconds only.
    package mutating func takeChanges() -> MetricChanges {
        var changes = MetricChanges(closed: self.returned)
        self.returned = []
        changes.open.reserveCapacity(self.series.count)
        for place in self.series.indices {
            let subject = self.subjects[place]
            for (tier, closed) in self.series[place].takeUnstored() {
                changes.closed.append(
                    MetricBucket(subject: subject, tier: tier, startMicroseconds: closed.start, trusted: closed.stored))
            }
            guard self.series[place].isChanged else { continue }
            self.series[place].isChanged = false
            changes.open.append((subject, self.series[place].snapshot))
        }
        return changes
    }

    /// Takes back what the store could not take: the next changes have it again.
    package mutating func putBack(_ changes: MetricChanges) {
        self.returned = changes.closed + self.returned
        let changed = Set(changes.open.map(\.subject))
        for place in self.series.indices where changed.contains(self.subjects[place]) {
            self.series[place].isChanged = true
        }
        self.bound()
    }

    /// Takes back what the store kept, at start, before anything is recorded.
    package mutating func restore(_ buckets: [MetricBucket], at now: Int64) {
        for bucket in buckets {
            let place =
                switch bucket.subject {
                case .system: 0
                case .model(let model): self.place(of: model)
                case .other: self.otherPlace ?? self.add(.other)
                }
            if bucket.subject == .other { self.otherPlace = place }
            self.series[place].restore(bucket, at: now, self.retention)
        }
        self.roll(at: now)
    }

    /// Has ``lifetime(of:)`` begin now: what was recorded so far came from a store as well.
    package mutating func beginLifetime() {
        for place in self.series.indices { self.series[place].beginLifetime(self.retention) }
    }

    // MARK: - Asking

    /// Everything of a subject since the start of the program, what was restored not counted: it only grows, as a counter
    /// of Prometheus must, until the subject is forgotten.
    package func lifetime(of subject: MetricSubject) -> MetricFigures {
        guard let place = self.known(subject) else { return MetricFigures() }
        var figures = self.series[place].lifetime
        if let running = self.series[place].filling(.minute) { figures.merge(running.figures) }
        return figures
    }

    /// Of whom figures are kept, in no order.
    package var knownSubjects: [MetricSubject] { self.subjects }

    /// The buckets of a subject that begin from `start` on, in order; the last may still be being filled.
    package func buckets(of subject: MetricSubject, _ tier: MetricTier, from start: Int64) -> [TimedFigures] {
        guard let place = self.known(subject) else { return [] }
        let series = self.series[place]
        var found: [TimedFigures] = []
        for closed in series.closed[tier.rawValue] where closed.start >= start {
            found.append(TimedFigures(start: closed.start, content: .stored(closed.stored)))
        }
        for open in [series.leftover(tier), series.filling(tier)] {
            if let open, open.start >= start {
                found.append(TimedFigures(start: open.start, content: .live(open.figures)))
            }
        }
        return found
    }
}

/// A bucket as it lies in memory: it is read outside of the lock.
package struct TimedFigures: Sendable {
    enum Content: Sendable {
        case stored([UInt8])
        case live(MetricFigures)
    }

    /// Microseconds since 1970-01-01 UTC.
    package let start: Int64
    let content: Content

    /// Adds it to others.
    package func add(to figures: inout MetricFigures) {
        switch self.content {
        case .stored(let bytes): figures.merge(trusted: bytes)
        case .live(let live): figures.merge(live)
        }
    }

    package var figures: MetricFigures {
        var figures = MetricFigures()
        self.add(to: &figures)
        return figures
    }
}
