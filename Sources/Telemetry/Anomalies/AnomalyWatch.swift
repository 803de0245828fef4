internal import Synchronization

/// Tells the anomalies of everyone of whom figures are kept, and what is usual for them, from memory.
///
/// The last day is looked at by buckets of five minutes, and the five weeks before by hours; models with few requests are
/// judged by hours alone. What was found is kept for a minute, and closed buckets are read once: a dashboard that
/// asks every second for a thousand models costs no more than one that asks every minute.
package final class AnomalyWatch: Sendable {
    /// Requests that ended earlier are counted in a bucket for so long after its end, in microseconds.
    private static let settling: Int64 = 600_000_000
    private static let day: Int64 = 86_400_000_000
    private static let hoursReach: Int64 = 35 * 86_400_000_000

    /// What is known of one subject.
    private struct History: Sendable {
        var hours = KeptPoints(.hour)
        var fives = KeptPoints(.fiveMinutes)
        /// By hours, and the hour in which they were found.
        var coarse: [Anomaly] = []
        var coarseHour = Int64.min
        /// All, and the minute in which they were found.
        var found: [Anomaly] = []
        var foundMinute = Int64.min
        /// Where the last bucket begins in which something was asked.
        var lastUse = Int64.min
    }

    private let figures: TelemetryRecorder
    private let detector: AnomalyDetector
    private let histories = Mutex<[MetricSubject: History]>([:])

    package init(_ figures: TelemetryRecorder, _ detector: AnomalyDetector = AnomalyDetector()) {
        self.figures = figures
        self.detector = detector
    }

    /// What was out of the ordinary between `start` and `now`, by its beginning.
    package func anomalies(of subject: MetricSubject, from start: Int64, at now: Int64) -> [Anomaly] {
        self.history(of: subject, at: now).found.filter { $0.touches(from: start, to: now) }
    }

    /// The 95th percentile of latency that is usual for a subject, told by the hours before `start`, in microseconds: see
    /// ``HealthScore/usualLatency(of:)``.
    package func usualLatency(of subject: MetricSubject, before start: Int64, at now: Int64) -> Double? {
        HealthScore.usualLatency(of: self.history(of: subject, at: now).hours.latencies(until: start))
    }

    /// Looks at a subject, if nobody has within this minute: so that nobody has to wait for it later.
    package func look(at subject: MetricSubject, at now: Int64) {
        _ = self.history(of: subject, at: now)
    }

    /// Forgets everything: older figures have come from a store.
    package func reset() {
        self.histories.withLock { $0 = [:] }
    }

    /// Forgets whom no figures are kept of any more.
    package func keep(only subjects: [MetricSubject]) {
        let known = Set(subjects)
        self.histories.withLock { histories in
            guard histories.count > known.count else { return }
            histories = histories.filter { known.contains($0.key) }
        }
    }

    // MARK: - Looking

    /// Two who ask at once may both look: what they find is the same.
    private func history(of subject: MetricSubject, at now: Int64) -> History {
        let minute = MetricTier.minute.start(of: now)
        var history = self.histories.withLock { $0[subject] } ?? History()
        guard history.foundMinute != minute else { return history }
        self.look(&history, subject, now)
        history.foundMinute = minute
        self.histories.withLock { [history] in $0[subject] = history }
        return history
    }

    private func look(_ history: inout History, _ subject: MetricSubject, _ now: Int64) {
        let runningFives = self.read(&history.fives, subject, reach: Self.day, now)
        history.lastUse = max(history.lastUse, runningFives.last?.start ?? history.fives.last ?? .min)
        // Since then it was looked at with nothing new for long enough that all is over.
        let silence = now.subtractingReportingOverflow(history.lastUse)
        if history.coarseHour != .min, silence.overflow || silence.partialValue > 2 * MetricTier.hour.length,
            history.foundMinute > history.lastUse.addingSaturated(2 * MetricTier.hour.length)
        {
            return
        }
        let runningHours = self.read(&history.hours, subject, reach: Self.hoursReach, now)
        let hour = MetricTier.hour.start(of: now)
        let hours = history.hours.points + runningHours.filter { $0.start < hour }
        if history.coarseHour != hour {
            history.coarseHour = hour
            history.coarse = self.detector.anomalies(of: subject, in: hours, history: hours, at: hour)
        }
        let fives = history.fives.points + runningFives
        let fine = self.detector.anomalies(of: subject, in: fives, history: hours, at: now)
        history.found = Self.joined(history.coarse, fine, from: now.subtractingReportingOverflow(Self.day).partialValue)
    }

    /// Adds what closed since the last look, and returns those that may still change.
    private func read(
        _ kept: inout KeptPoints, _ subject: MetricSubject, reach: Int64, _ now: Int64
    ) -> [SeriesPoint] {
        let length = kept.tier.length
        let oldest = now.subtractingReportingOverflow(reach)
        kept.drop(before: oldest.overflow ? .min : oldest.partialValue)
        let from = max(kept.last?.addingSaturated(length) ?? .min, oldest.overflow ? .min : oldest.partialValue)
        var byStart: [Int64: MetricFigures] = [:]
        for bucket in self.figures.buckets(of: subject, kept.tier, from: from) {
            bucket.add(to: &byStart[bucket.start, default: MetricFigures()])
        }
        var running: [SeriesPoint] = []
        for (start, figures) in byStart.sorted(by: { $0.key < $1.key }) {
            // After one that may change, none is settled.
            if running.isEmpty, start.addingSaturated(length).addingSaturated(Self.settling) <= now {
                kept.append(start: start, figures)
            } else {
                running.append(SeriesPoint(start: start, tier: kept.tier, figures))
            }
        }
        return running
    }

    /// What was found by hours and by five minutes as one list: of two that are the same, the one that tells the times
    /// better.
    ///
    /// - Parameter fineStart: since when there are buckets of five minutes; what began before is told by hours.
    static func joined(_ coarse: [Anomaly], _ fine: [Anomaly], from fineStart: Int64) -> [Anomaly] {
        var fine = fine
        var joined: [Anomaly] = []
        for var anomaly in coarse {
            let same = fine.indices.filter { place in
                fine[place].kind == anomaly.kind
                    && anomaly.touches(from: fine[place].startMicroseconds, to: fine[place].endMicroseconds ?? .max)
            }
            guard let last = same.last else {
                joined.append(anomaly)
                continue
            }
            guard anomaly.startMicroseconds < fineStart else { continue }
            // It goes on into the last day, where its end is known better.
            anomaly.endMicroseconds = fine[last].endMicroseconds
            joined.append(anomaly)
            for place in same.reversed() { fine.remove(at: place) }
        }
        return (joined + fine).sorted {
            ($0.startMicroseconds, $0.kind.rawValue) < ($1.startMicroseconds, $1.kind.rawValue)
        }
    }
}
