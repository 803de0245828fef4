internal import Inference
internal import Telemetry

/// What telemetry tells of a running server: figures from the recorder, and what follows from them.
final class TelemetryBook: TelemetryReading {
    private let figures: TelemetryRecorder
    private let watch: AnomalyWatch
    private let facts: @Sendable (MetricRange, Int64) -> UsageFacts
    private let advisor: Advisor
    private let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - facts: what recommendations are made of.
    ///   - now: microseconds since 1970-01-01 UTC.
    init(
        _ figures: TelemetryRecorder,
        watch: AnomalyWatch? = nil,
        advisor: Advisor = Advisor(),
        facts: @escaping @Sendable (MetricRange, Int64) -> UsageFacts = TelemetryBook.noFacts,
        now: @escaping @Sendable () -> Int64 = { WallTime.now().microsecondsSince1970 }
    ) {
        self.figures = figures
        self.watch = watch ?? AnomalyWatch(figures)
        self.advisor = advisor
        self.facts = facts
        self.now = now
    }

    /// Of a server without models.
    static let noFacts: @Sendable (MetricRange, Int64) -> UsageFacts = { range, now in
        UsageFacts(startMicroseconds: range.start(at: now), endMicroseconds: now, models: [])
    }

    var subjects: [MetricSubject] { self.figures.subjects }

    func report(of subject: MetricSubject, _ range: MetricRange) -> MetricReport {
        self.figures.report(of: subject, range, at: self.now())
    }

    func total(of subject: MetricSubject, _ range: MetricRange) -> MetricFigures {
        self.figures.total(of: subject, range, at: self.now())
    }

    func lifetime(of subject: MetricSubject) -> MetricFigures { self.figures.lifetime(of: subject) }

    func anomalies(of subject: MetricSubject?, _ range: MetricRange) -> [Anomaly] {
        let now = self.now()
        let subjects = subject.map { [$0] } ?? self.subjects
        return subjects.flatMap { self.watch.anomalies(of: $0, from: range.start(at: now), at: now) }
            .sorted {
                ($0.startMicroseconds, $0.subject.description, $0.kind.rawValue)
                    < ($1.startMicroseconds, $1.subject.description, $1.kind.rawValue)
            }
    }

    func health(of subject: MetricSubject, _ range: MetricRange) -> HealthScore {
        let now = self.now()
        let start = range.start(at: now)
        return HealthScore(
            self.figures.total(of: subject, range, at: now),
            usualLatency: self.watch.usualLatency(of: subject, before: start, at: now),
            anomalies: self.watch.anomalies(of: subject, from: start, at: now))
    }

    func recommendations(_ range: MetricRange) -> [Recommendation] {
        self.advisor.recommendations(self.facts(range, self.now()))
    }
}
