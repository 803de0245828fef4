import Inference
import Synchronization
import Telemetry

@testable import Roundhouse

/// Figures of a recorder whose time the test says, and what follows from them as it says.
final class ScriptedTelemetry: TelemetryReading {
    struct Values: Sendable {
        /// Microseconds since 1970-01-01 UTC.
        var now: Int64 = 1_000_000_000
        var anomalies: [Anomaly] = []
        var recommendations: [Recommendation] = []
        var health: [MetricSubject: HealthScore] = [:]
        /// The ranges that recommendations were asked for.
        var asked: [MetricRange] = []
    }

    let recorder = TelemetryRecorder()
    private let values = Mutex(Values())

    var current: Values { self.values.withLock { $0 } }
    func edit(_ body: (inout Values) -> Void) { self.values.withLock { body(&$0) } }

    /// Counts a request that ended now.
    func record(
        _ model: ModelID?, _ outcome: OutcomeClass = .success, latency: Int64 = 1_000_000, firstToken: Int64? = 200_000,
        outputTokens: Int64 = 9, cost: Int64 = 5
    ) {
        self.recorder.record(
            FinishedRequest(
                model: model, endedAtMicroseconds: self.now, outcome: outcome, latency: latency, firstToken: firstToken,
                queue: 40, inputTokens: 7, outputTokens: outputTokens, cachedInputTokens: 3, reasoningTokens: 2,
                costNanoUSD: cost, cache: .miss))
    }

    private var now: Int64 { self.current.now }

    var subjects: [MetricSubject] { self.recorder.subjects }
    func report(of subject: MetricSubject, _ range: MetricRange) -> MetricReport {
        self.recorder.report(of: subject, range, at: self.now)
    }
    func total(of subject: MetricSubject, _ range: MetricRange) -> MetricFigures {
        self.recorder.total(of: subject, range, at: self.now)
    }
    func lifetime(of subject: MetricSubject) -> MetricFigures { self.recorder.lifetime(of: subject) }
    func anomalies(of subject: MetricSubject?, _ range: MetricRange) -> [Anomaly] {
        let start = range.start(at: self.now)
        return self.current.anomalies.filter {
            (subject == nil || $0.subject == subject) && $0.touches(from: start, to: self.now)
        }
    }
    func health(of subject: MetricSubject, _ range: MetricRange) -> HealthScore {
        self.current.health[subject]
            ?? HealthScore(self.total(of: subject, range), usualLatency: nil, anomalies: [])
    }
    func recommendations(_ range: MetricRange) -> [Recommendation] {
        self.edit { $0.asked.append(range) }
        return self.current.recommendations
    }
}
