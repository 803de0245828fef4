/// How long something took. In microseconds; within ``LatencyHistogram/relativeError`` but for the average and the largest,
/// which are exact.
package struct LatencySummary: Sendable, Hashable {
    package var count: Int64
    package var average: Double
    package var p50: Double
    package var p90: Double
    package var p95: Double
    package var p99: Double
    package var maximum: Double

    /// - Returns: `nil` for a histogram of nothing.
    package init?(_ histogram: LatencyHistogram) {
        guard let average = histogram.average, let maximum = histogram.maximum else { return nil }
        self.count = Int64(clamping: histogram.count)
        self.average = average
        self.p50 = histogram.percentile(0.5) ?? average
        self.p90 = histogram.percentile(0.9) ?? average
        self.p95 = histogram.percentile(0.95) ?? average
        self.p99 = histogram.percentile(0.99) ?? average
        self.maximum = Double(maximum)
    }
}

extension MetricFigures {
    /// The part of attempts that went well, 0...1, of those that say something: the client's own faults and clients that
    /// left are not counted. Of the system it is the part of requests. `nil` when nothing says anything.
    package var successRate: Double? {
        let judged = self.counts.judgedAttempts
        return judged > 0 ? 1 - Double(self.counts.failedAttempts) / Double(judged) : nil
    }

    /// Output tokens for each second of streamed answers, after their first. `nil` when there were none.
    package var tokensPerSecond: Double? {
        let time = self.counts[.timedMicroseconds]
        return time > 0 ? Double(self.counts[.timedTokens]) / (Double(time) / 1e6) : nil
    }

    /// The part of look-ups in the gateway's own cache that found something, 0...1. `nil` without any.
    package var cacheHitRate: Double? {
        let hits = self.counts[.cacheHits]
        let all = hits.addingSaturated(self.counts[.cacheMisses])
        return all > 0 ? Double(hits) / Double(all) : nil
    }

    /// The part of input tokens that upstreams read from their own caches, 0...1. `nil` without input.
    package var cachedInputRate: Double? {
        let input = self.counts[.inputTokens]
        return input > 0 ? min(1, Double(self.counts[.cachedInputTokens]) / Double(input)) : nil
    }
}

/// One point of a chart.
package struct MetricStep: Sendable, Equatable {
    /// Microseconds since 1970-01-01 UTC.
    package var startMicroseconds: Int64
    package var figures: MetricFigures
}

/// The figures of a model, or of the system, over a range.
package struct MetricReport: Sendable {
    package var subject: MetricSubject
    package var range: MetricRange
    /// Microseconds since 1970-01-01 UTC.
    package var startMicroseconds: Int64
    package var endMicroseconds: Int64
    /// All of it together.
    package var total: MetricFigures
    /// A point for each step in order, those without requests as well: ``MetricRange/steps``.
    package var steps: [MetricStep]

    /// Makes one of buckets, from memory or from the store. Those before the range are left out.
    package init(subject: MetricSubject, range: MetricRange, at now: Int64, buckets: [TimedFigures]) {
        let start = range.start(at: now)
        self.subject = subject
        self.range = range
        self.startMicroseconds = start
        self.endMicroseconds = now
        self.total = MetricFigures()
        self.steps = (0..<range.steps).map {
            MetricStep(
                startMicroseconds: start.addingSaturated(Int64($0) * range.step), figures: MetricFigures())
        }
        for bucket in buckets where bucket.start >= start {
            let place = bucket.start.subtractingReportingOverflow(start).partialValue / range.step
            guard (0..<Int64(self.steps.count)).contains(place) else { continue }
            bucket.add(to: &self.steps[Int(place)].figures)
        }
        for step in self.steps { self.total.merge(step.figures) }
    }

    /// Requests for each second of the range; of a model, attempts.
    package var requestsPerSecond: Double {
        let seconds =
            Double(self.endMicroseconds.subtractingReportingOverflow(self.startMicroseconds).partialValue) / 1e6
        return seconds > 0 ? Double(self.total.counts.attempts) / seconds : 0
    }
}

extension TimedFigures {
    /// One from the store.
    package init(_ bucket: MetricBucket) {
        self.init(start: bucket.startMicroseconds, content: .stored(bucket.stored))
    }
}

extension TelemetryRecorder {
    /// The figures of a model or of the system over a range, from memory. Reading them holds the lock for as long as it takes
    /// to copy a list; they are added up after it.
    package func report(of subject: MetricSubject, _ range: MetricRange, at now: Int64) -> MetricReport {
        let buckets = self.buckets(of: subject, range.tier, from: range.start(at: now))
        return MetricReport(subject: subject, range: range, at: now, buckets: buckets)
    }

    /// All of a range together, without the points of a chart: for lists of many models.
    package func total(of subject: MetricSubject, _ range: MetricRange, at now: Int64) -> MetricFigures {
        // A day is made of hours here: a twelfth of the work.
        let tier = range == .day ? MetricTier.hour : range.tier
        var total = MetricFigures()
        for bucket in self.buckets(of: subject, tier, from: tier.start(of: range.start(at: now))) {
            bucket.add(to: &total)
        }
        return total
    }
}
