/// What has to go to the store: see ``MetricWindow/takeChanges()``.
package struct MetricChanges: Sendable {
    /// In the order in which they were closed: a bucket may come again with more in it, and the later one is right.
    var closed: [MetricBucket]
    var open: [(subject: MetricSubject, series: MetricSeries.Snapshot)] = []

    init(closed: [MetricBucket]) {
        self.closed = closed
    }

    package var isEmpty: Bool { self.closed.isEmpty && self.open.isEmpty }

    /// As they are to be stored, each once. Takes some ten microseconds for each subject that changed.
    package var buckets: [MetricBucket] {
        struct Key: Hashable {
            var subject: MetricSubject
            var tier: MetricTier
            var start: Int64
        }
        var buckets: [MetricBucket] = []
        var places: [Key: Int] = [:]
        func put(_ bucket: MetricBucket) {
            let key = Key(subject: bucket.subject, tier: bucket.tier, start: bucket.startMicroseconds)
            if let place = places[key] {
                buckets[place] = bucket
            } else {
                places[key] = buckets.count
                buckets.append(bucket)
            }
        }
        for bucket in self.closed { put(bucket) }
        for (subject, series) in self.open {
            for (tier, start, figures) in series.fillings() {
                put(MetricBucket(subject: subject, tier: tier, startMicroseconds: start, figures: figures))
            }
        }
        return buckets
    }
}
