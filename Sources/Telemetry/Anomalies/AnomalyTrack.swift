/// Follows one kind of anomaly of one subject through time, with hysteresis: what begins must last, and what ends must
/// have ended for a while.
struct AnomalyTrack {
    /// What a bucket says.
    struct Reading {
        var observed: Double
        var baseline: RobustBaseline
        /// Beyond the threshold.
        var isBad: Bool
        /// Below the lower one: well again.
        var isGood: Bool
    }

    private let subject: MetricSubject
    private let kind: Anomaly.Kind
    private let limits: AnomalyDetector.Limits
    private var found: [Anomaly] = []
    /// What is out of the ordinary now, whether or not for long enough.
    private var current: Anomaly?
    private var badTime: Int64 = 0
    private var isConfirmed = false
    private var goodSince: Int64?
    private var goodTime: Int64 = 0
    /// Where the last bucket ended that said something.
    private var heardUntil: Int64 = .min

    init(subject: MetricSubject, kind: Anomaly.Kind, limits: AnomalyDetector.Limits) {
        self.subject = subject
        self.kind = kind
        self.limits = limits
    }

    /// Takes the next bucket; `nil` when it says nothing.
    mutating func add(_ point: SeriesPoint, _ reading: Reading?) {
        guard let reading else { return }
        if self.current != nil, self.isSilent(at: point.start) { self.close(at: self.goodSince ?? self.heardUntil) }
        self.heardUntil = point.end
        if reading.isBad {
            self.extend(point, reading)
        } else if self.current != nil {
            if reading.isGood || !self.isConfirmed {
                self.recover(point)
            } else {
                // Between the two thresholds: it goes on.
                self.goodSince = nil
                self.goodTime = 0
            }
        }
    }

    mutating func finish(at now: Int64) -> [Anomaly] {
        if self.current != nil {
            if self.isSilent(at: now) {
                self.close(at: self.goodSince ?? self.heardUntil)
            } else if self.isConfirmed, let current {
                self.found.append(current)
            }
        }
        return self.found
    }

    private func isSilent(at time: Int64) -> Bool {
        time.subtractingReportingOverflow(self.heardUntil).partialValue >= self.limits.silence
    }

    private mutating func extend(_ point: SeriesPoint, _ reading: Reading) {
        let evidence = Anomaly.Evidence(
            observed: reading.observed, baseline: reading.baseline.median, spread: reading.baseline.spread,
            basis: reading.baseline.basis, baselineHours: reading.baseline.samples, requests: point.requests,
            failures: point.failures)
        if var current {
            // The worst bucket is the one that is shown.
            var worst =
                evidence.observed - evidence.baseline > current.evidence.observed - current.evidence.baseline
                ? evidence : current.evidence
            worst.requests = current.evidence.requests.addingSaturated(point.requests)
            worst.failures = current.evidence.failures.addingSaturated(point.failures)
            current.evidence = worst
            self.current = current
        } else {
            self.current = Anomaly(
                subject: self.subject, kind: self.kind, startMicroseconds: point.start, endMicroseconds: nil,
                evidence: evidence)
        }
        self.goodSince = nil
        self.goodTime = 0
        self.badTime += point.length
        if self.badTime >= self.limits.confirmation { self.isConfirmed = true }
    }

    private mutating func recover(_ point: SeriesPoint) {
        self.goodSince = self.goodSince ?? point.start
        self.goodTime += point.length
        if !self.isConfirmed || self.goodTime >= self.limits.recovery { self.close(at: self.goodSince ?? point.start) }
    }

    private mutating func close(at end: Int64) {
        if self.isConfirmed, var current {
            current.endMicroseconds = end
            self.found.append(current)
        }
        self.current = nil
        self.isConfirmed = false
        self.badTime = 0
        self.goodSince = nil
        self.goodTime = 0
    }
}
