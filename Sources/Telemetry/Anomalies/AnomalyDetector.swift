/// Finds latency spikes, error increases and surges of traffic in a model's history. Pure: the same buckets give the same
/// anomalies, after a restart as well.
///
/// What is usual comes from a ``RobustBaseline``. An anomaly begins where what was observed is beyond a fixed multiple of the
/// usual, three times its spread above it, and more than chance does to so few requests, for ``Limits/confirmation``. It
/// ends where all is below a lower bound for ``Limits/recovery``, or nothing is asked any more. Of little nothing is claimed.
package struct AnomalyDetector: Sendable {
    /// The thresholds. The defaults are those of docs/Telemetry.md.
    package struct Limits: Sendable, Hashable {
        /// Of the usual median latency: where a spike begins, and below which it ends.
        package var latencyFactor = 2.0
        package var latencyEndFactor = 1.5
        /// Of all attempts, above the usual part: where an error increase begins, and below which it ends.
        package var errorPoints = 0.05
        package var errorEndPoints = 0.025
        /// Of the usual requests for each second: where a surge begins, and below which it ends.
        package var trafficFactor = 3.0
        package var trafficEndFactor = 2.0
        /// Times the spread of the usual that it must be above it as well.
        package var deviations = 3.0
        /// Standard deviations that chance must not explain: of failures and of requests, which are counts. The difference of
        /// the square roots of two counts, twice, is about normal with deviation 1, for small ones too.
        package var beyondChance = 4.0
        /// Buckets with fewer attempts or answers say nothing.
        package var minimumRequests: Int64 = 20
        /// An error increase takes so many failures in a bucket at least.
        package var minimumFailures: Int64 = 5
        /// A surge takes so many requests in a bucket at least.
        package var minimumSurge: Int64 = 50
        /// How long it must last to be told, in microseconds: two buckets of five minutes, or one hour.
        package var confirmation: Int64 = 600_000_000
        /// How long all must be well for it to be over, in microseconds.
        package var recovery: Int64 = 900_000_000
        /// After so long without a bucket that says something it is over, in microseconds.
        package var silence: Int64 = 3_600_000_000

        package init() {}
    }

    private let limits: Limits

    package init(_ limits: Limits = Limits()) {
        self.limits = limits
    }

    /// The anomalies in `points`.
    ///
    /// - Parameters:
    ///   - points: buckets in order of time, of five minutes or of an hour. Those in which nothing was asked may be missing.
    ///   - history: hours, in any order, up to five weeks back; those that are not before a point do not count for it. What
    ///     the points themselves say is not looked at for what is usual, but where it is in `history`, too.
    ///   - now: until when the points reach; what is still out of the ordinary then has no end.
    package func anomalies(
        of subject: MetricSubject, in points: [SeriesPoint], history: [SeriesPoint], at now: Int64
    ) -> [Anomaly] {
        let finder = BaselineFinder(history)
        return Anomaly.Kind.allCases.flatMap { kind in
            var track = AnomalyTrack(subject: subject, kind: kind, limits: self.limits)
            var hour = Int64.min
            var baseline: RobustBaseline?
            for point in points {
                let hourOfPoint = BaselineFinder.hour(of: point.start)
                if hourOfPoint != hour {
                    hour = hourOfPoint
                    baseline = finder.baseline(at: hour, kind) { self.sample(kind, $0) }
                }
                track.add(point, self.judge(kind, point, baseline))
            }
            return track.finish(at: now)
        }
        .sorted { ($0.startMicroseconds, $0.kind.rawValue) < ($1.startMicroseconds, $1.kind.rawValue) }
    }

    /// What an hour says about the usual.
    private func sample(_ kind: Anomaly.Kind, _ hour: SeriesPoint?) -> Double? {
        switch kind {
        case .trafficSurge: hour?.rate ?? 0
        case .latencySpike: hour.flatMap { $0.answers >= self.limits.minimumRequests ? $0.medianLatency : nil }
        case .errorIncrease: hour.flatMap { $0.judged >= self.limits.minimumRequests ? $0.errorRate : nil }
        }
    }

    /// What a point says; `nil` when it says nothing.
    private func judge(_ kind: Anomaly.Kind, _ point: SeriesPoint, _ baseline: RobustBaseline?) -> AnomalyTrack.Reading?
    {
        guard let baseline else { return nil }
        let limits = self.limits
        let usual = baseline.median
        let observed: Double
        let begin: Double
        let end: Double
        var isEnough = true
        switch kind {
        case .latencySpike:
            guard point.answers >= limits.minimumRequests else { return nil }
            observed = point.medianLatency
            (begin, end) = (usual * limits.latencyFactor, usual * limits.latencyEndFactor)
        case .errorIncrease:
            guard point.judged >= limits.minimumRequests else { return nil }
            observed = point.errorRate
            (begin, end) = (usual + limits.errorPoints, usual + limits.errorEndPoints)
            isEnough =
                point.failures >= limits.minimumFailures
                && self.isBeyondChance(Double(point.failures), usual: usual * Double(point.judged))
        case .trafficSurge:
            observed = point.rate
            (begin, end) = (usual * limits.trafficFactor, usual * limits.trafficEndFactor)
            isEnough =
                point.requests >= limits.minimumSurge
                && self.isBeyondChance(Double(point.requests), usual: usual * Double(point.length) / 1e6)
        }
        let isBad = isEnough && observed >= max(begin, usual + limits.deviations * baseline.spread)
        return AnomalyTrack.Reading(
            observed: observed, baseline: baseline, isBad: isBad, isGood: observed < end || !isEnough)
    }

    private func isBeyondChance(_ observed: Double, usual: Double) -> Bool {
        2 * (observed.squareRoot() - max(usual, 0).squareRoot()) >= self.limits.beyondChance
    }
}
