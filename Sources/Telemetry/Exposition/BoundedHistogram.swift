/// The upper ends of a Prometheus histogram's buckets. They are fixed: a scraper cannot add up what has other bounds.
package struct HistogramBounds: Sendable, Hashable {
    /// In seconds, growing.
    package let seconds: [Double]
    /// In microseconds.
    let microseconds: [UInt64]
    /// As the text of the labels `le`, so that no scrape writes them anew.
    let texts: [[UInt8]]

    /// - Returns: `nil` when the bounds do not grow, or are not above 0.
    package init?(seconds: [Double]) {
        guard
            seconds.allSatisfy({ $0.isFinite && $0 > 0 && $0 < 1e9 }),
            zip(seconds, seconds.dropFirst()).allSatisfy({ $0 < $1 })
        else { return nil }
        self.init(checked: seconds)
    }

    private init(checked seconds: [Double]) {
        self.seconds = seconds
        self.microseconds = seconds.map { UInt64(($0 * 1e6).rounded()) }
        self.texts = seconds.map { Array(ExpositionWriter.number($0).utf8) }
    }

    /// Whole answers: 50 ms to 10 minutes, about doubling. (OpenTelemetry advises 0.01 to 82 seconds for
    /// `gen_ai.client.operation.duration`; answers of large models take longer.)
    package static let answers = HistogramBounds(
        checked: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 600])
    /// The first token, and waiting in queues: 5 ms to 80 seconds.
    package static let firstToken = HistogramBounds(
        checked: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80])
    /// Between tokens: 1 ms to 2.5 seconds.
    package static let interToken = HistogramBounds(
        checked: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5])
    /// The phases of a request: 1 µs to 100 ms for our own, and up to 10 seconds for what others take.
    package static let phases = HistogramBounds(
        checked: [0.000_001, 0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.01, 0.1, 1, 10])
}

/// What a Prometheus histogram counts. It only grows: what Prometheus needs, and windows that forget do not give.
package struct BoundedHistogram: Sendable, Hashable {
    package let bounds: HistogramBounds
    /// For each bound, the values above the one before and up to it.
    package private(set) var counts: [UInt64]
    /// Those beyond the last bound, too.
    package private(set) var count: UInt64 = 0
    package private(set) var sumMicroseconds: UInt64 = 0

    package init(_ bounds: HistogramBounds) {
        self.bounds = bounds
        self.counts = Array(repeating: 0, count: bounds.seconds.count)
    }

    /// What a finer histogram saw. Values within 1 % of a bound may be counted on its other side.
    package init(_ histogram: LatencyHistogram, _ bounds: HistogramBounds) {
        self.init(bounds)
        let limits = bounds.microseconds
        var counts = self.counts
        var place = 0
        // Both come in order, so one pass does.
        histogram.forEachMiddle { middle, count in
            while place < limits.count, middle > limits[place] { place += 1 }
            if place < limits.count { counts[place] += UInt64(count) }
        }
        self.counts = counts
        self.count = histogram.count
        self.sumMicroseconds = histogram.sum
    }

    /// Adds what another one of the same bounds counts; one of others is left out.
    package mutating func merge(_ other: BoundedHistogram) {
        guard other.bounds == self.bounds else { return }
        for place in self.counts.indices {
            self.counts[place] = self.counts[place].addingSaturated(other.counts[place])
        }
        self.count = self.count.addingSaturated(other.count)
        self.sumMicroseconds = self.sumMicroseconds.addingSaturated(other.sumMicroseconds)
    }

    /// What this one counts beyond another of the same bounds, each figure by itself.
    package func excess(over other: BoundedHistogram) -> BoundedHistogram {
        var rest = BoundedHistogram(self.bounds)
        guard other.bounds == self.bounds else { return rest }
        for place in self.counts.indices where self.counts[place] > other.counts[place] {
            rest.counts[place] = self.counts[place] - other.counts[place]
        }
        rest.count = self.count > other.count ? self.count - other.count : 0
        rest.sumMicroseconds =
            self.sumMicroseconds > other.sumMicroseconds ? self.sumMicroseconds - other.sumMicroseconds : 0
        return rest
    }

    /// Adds a value in microseconds. Allocates nothing.
    package mutating func add(_ microseconds: Int64) {
        let value = UInt64(clamping: microseconds)
        self.count = self.count.addingSaturated(1)
        self.sumMicroseconds = self.sumMicroseconds.addingSaturated(value)
        if let place = self.bounds.microseconds.firstIndex(where: { value <= $0 }) {
            self.counts[place] = self.counts[place].addingSaturated(1)
        }
    }
}
