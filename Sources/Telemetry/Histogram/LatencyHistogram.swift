/// How long many things took, in a few hundred bytes: what percentiles are told from.
///
/// Values are whole microseconds. A percentile is within ``relativeError`` (1 %) of the exact one for values up to 19
/// hours, whatever their distribution; longer ones count as 19 hours, but ``maximum`` stays exact. Histograms add up:
/// one that was merged from many says the same as one that saw everything.
///
/// Memory grows with the span of the values, by 256 bytes for each power of two between the least and the largest, and
/// never above 8 KiB. Adding a value within that span allocates nothing.
package struct LatencyHistogram: Sendable {
    /// The most by which a percentile may differ from the exact one, as a part of it.
    package static let relativeError = 0.01

    package private(set) var count: UInt64 = 0
    /// Of all values, in microseconds; the most that fits when it would be more.
    package private(set) var sum: UInt64 = 0
    private var least: UInt64 = .max
    private var most: UInt64 = 0
    /// The number of the bucket that `counts` begins with: a multiple of 64.
    private var first = 0
    private var counts: [UInt32] = []

    package init() {}

    package var isEmpty: Bool { self.count == 0 }
    /// In microseconds; `nil` without values.
    package var minimum: UInt64? { self.isEmpty ? nil : self.least }
    /// In microseconds; `nil` without values.
    package var maximum: UInt64? { self.isEmpty ? nil : self.most }
    /// In microseconds; `nil` without values.
    package var average: Double? { self.isEmpty ? nil : Double(self.sum) / Double(self.count) }

    /// Adds a value in microseconds; less than nothing counts as nothing.
    package mutating func add(_ microseconds: Int64) {
        let value = UInt64(clamping: microseconds)
        let number = HistogramBuckets.number(of: value)
        self.makeRoom(from: number, to: number)
        let position = number - self.first
        self.counts[position] = self.counts[position].addingSaturated(1)
        self.count = self.count.addingSaturated(1)
        self.sum = self.sum.addingSaturated(value)
        self.least = min(self.least, value)
        self.most = max(self.most, value)
    }

    /// Adds what another one saw.
    package mutating func merge(_ other: LatencyHistogram) {
        guard !other.isEmpty else { return }
        other.forEachBucket { self.add(count: $1, toBucket: $0) }
        self.take(other.count, other.sum, other.least, other.most)
    }

    /// What was added since `earlier`, a former look at the same histogram. Its least and its largest value are those of
    /// their buckets, unless they are beyond all that was there before: then they are exact.
    package func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
        guard !earlier.isEmpty else { return self }
        var news = LatencyHistogram()
        var (least, most) = (UInt64.max, UInt64(0))
        self.forEachBucket { number, count in
            let before = earlier.count(inBucket: number)
            guard count > before else { return }
            news.add(count: count - before, toBucket: number)
            let middle = UInt64(HistogramBuckets.middle(of: number))
            least = min(least, middle)
            most = max(most, middle)
        }
        guard least <= most, self.count > earlier.count else { return LatencyHistogram() }
        if self.least < earlier.least { least = self.least }
        if self.most > earlier.most { most = self.most }
        let sum = self.sum >= earlier.sum ? self.sum - earlier.sum : 0
        // Of a single value the sum is the value.
        if self.count - earlier.count == 1, HistogramBuckets.number(of: sum) == HistogramBuckets.number(of: most) {
            (least, most) = (sum, sum)
        }
        news.take(self.count - earlier.count, sum, max(least, self.least), min(most, self.most))
        return news
    }

    private func count(inBucket number: Int) -> UInt32 {
        let position = number - self.first
        return self.counts.indices.contains(position) ? self.counts[position] : 0
    }

    /// Forgets everything and keeps the memory.
    package mutating func reset() {
        // Nothing lies outside of the least and the largest value.
        if !self.isEmpty {
            var position = HistogramBuckets.number(of: self.least) - self.first
            let last = HistogramBuckets.number(of: self.most) - self.first
            while position <= last {
                self.counts[position] = 0
                position += 1
            }
        }
        (self.count, self.sum, self.least, self.most) = (0, 0, .max, 0)
    }

    /// The value below or at which the part `fraction` of all values lies, by nearest rank: of n values in order, the one
    /// at the place ceil(fraction n). In microseconds; `nil` without values.
    ///
    /// - Parameter fraction: 0...1: 0.99 is the 99th percentile.
    package func percentile(_ fraction: Double) -> Double? {
        guard !self.isEmpty else { return nil }
        let place = (Double(self.count) * min(max(fraction, 0), 1)).rounded(.up)
        let rank = UInt64(exactly: max(1, place)) ?? self.count
        if rank >= self.count { return Double(self.most) }
        var seen: UInt64 = 0
        var position = 0
        while position < self.counts.count {
            seen += UInt64(self.counts[position])
            if seen >= rank {
                return min(
                    max(HistogramBuckets.middle(of: self.first + position), Double(self.least)), Double(self.most))
            }
            position += 1
        }
        return Double(self.most)
    }

    /// How many values are at most `microseconds`, within a bucket: for the fixed bounds of a Prometheus histogram.
    package func count(upTo microseconds: UInt64) -> UInt64 {
        var found: UInt64 = 0
        self.forEachMiddle { if $0 <= microseconds { found += UInt64($1) } }
        return found
    }

    /// Visits the buckets that hold something, in order, by the values in their middle, in microseconds.
    func forEachMiddle(_ body: (_ microseconds: UInt64, _ count: UInt32) -> Void) {
        self.forEachBucket { number, count in
            let (first, width) = HistogramBuckets.values(of: number)
            body(first + (width - 1) / 2, count)
        }
    }

    /// Visits the buckets that hold something, in order.
    func forEachBucket(_ body: (_ number: Int, _ count: UInt32) -> Void) {
        guard !self.isEmpty else { return }
        var position = HistogramBuckets.number(of: self.least) - self.first
        let last = HistogramBuckets.number(of: self.most) - self.first
        while position <= last {
            let count = self.counts[position]
            if count > 0 { body(self.first + position, count) }
            position += 1
        }
    }

    /// Adds to one bucket; the totals are ``take(_:_:_:_:)``'s.
    mutating func add(count: UInt32, toBucket number: Int) {
        self.makeRoom(from: number, to: number)
        let position = number - self.first
        self.counts[position] = self.counts[position].addingSaturated(count)
    }

    mutating func take(_ count: UInt64, _ sum: UInt64, _ least: UInt64, _ most: UInt64) {
        self.count = self.count.addingSaturated(count)
        self.sum = self.sum.addingSaturated(sum)
        self.least = min(self.least, least)
        self.most = max(self.most, most)
    }

    private mutating func makeRoom(from low: Int, to high: Int) {
        if low >= self.first && high < self.first + self.counts.count { return }
        let octave = HistogramBuckets.perOctave
        let newFirst = (self.counts.isEmpty ? low : min(low, self.first)) / octave * octave
        let end =
            (max(high + 1, self.counts.isEmpty ? 0 : self.first + self.counts.count) + octave - 1) / octave * octave
        var grown = [UInt32](repeating: 0, count: end - newFirst)
        let offset = self.counts.isEmpty ? 0 : self.first - newFirst
        for (position, count) in self.counts.enumerated() { grown[offset + position] = count }
        (self.first, self.counts) = (newFirst, grown)
    }
}

extension LatencyHistogram: Equatable {
    /// The same values were seen, as far as the buckets tell.
    package static func == (left: LatencyHistogram, right: LatencyHistogram) -> Bool {
        guard
            left.count == right.count, left.sum == right.sum, left.least == right.least, left.most == right.most
        else { return false }
        var mine: [UInt64] = []
        var theirs: [UInt64] = []
        left.forEachBucket { mine.append(UInt64($0) << 32 | UInt64($1)) }
        right.forEachBucket { theirs.append(UInt64($0) << 32 | UInt64($1)) }
        return mine == theirs
    }
}

extension FixedWidthInteger {
    /// The sum, or the largest number where that would be too much.
    package func addingSaturated(_ other: Self) -> Self {
        let (sum, overflows) = self.addingReportingOverflow(other)
        return overflows ? (other < 0 ? .min : .max) : sum
    }
}
