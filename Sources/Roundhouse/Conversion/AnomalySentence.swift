internal import Inference
internal import Telemetry

extension Anomaly {
    /// What happened to whom, for how long, and what would have been usual: `For 25 minutes, the median latency of cloud/x
    /// was up to 2.5 s, 3.1 times the 810 ms that are usual at that hour of the week.`
    ///
    /// - Parameter now: microseconds since 1970-01-01 UTC: until when one has lasted that is not over.
    func sentence(now: Int64) -> String {
        let lasts = self.endMicroseconds == nil
        let end = self.endMicroseconds ?? now
        let time = Words.time(max(0, end.subtractingReportingOverflow(self.startMicroseconds).partialValue))
        return "For \(time)\(lasts ? " now" : ""), \(self.news(lasts)), \(self.usual)."
    }

    private func news(_ lasts: Bool) -> String {
        let evidence = self.evidence
        switch self.kind {
        case .latencySpike:
            return "the median latency of \(self.subject.inWords) \(lasts ? "has been" : "was") up to "
                + FigureWords.time(evidence.observed)
        case .errorIncrease:
            return
                "up to \(Words.percent(evidence.observed)) of \(self.subject.attempts) \(lasts ? "have " : "")failed "
                + "(\(evidence.failures) of \(evidence.requests) in all)"
        case .trafficSurge:
            let rate = FigureWords.rate(evidence.observed, for: self.rateUnit)
            return "up to \(rate) \(self.rateUnit.inWords) \(lasts ? "have " : "")reached \(self.subject.whereTo)"
        }
    }

    private var usual: String {
        let evidence = self.evidence
        let when =
            switch evidence.basis {
            case .hourOfWeek: "at that hour of the week"
            case .hourOfDay: "at that hour of the day"
            case .recentPast: "in the day before"
            }
        guard evidence.baseline > 0 else { return "where there are usually none \(when)" }
        let times = FigureWords.short(evidence.observed / evidence.baseline)
        switch self.kind {
        case .latencySpike: return "\(times) times the \(FigureWords.time(evidence.baseline)) that are usual \(when)"
        case .errorIncrease: return "where \(Words.percent(evidence.baseline)) is usual \(when)"
        case .trafficSurge:
            let rate = FigureWords.rate(evidence.baseline, for: self.rateUnit)
            return "\(times) times the \(rate) that are usual \(when)"
        }
    }

    /// What was observed and what is usual are told in the same unit.
    private var rateUnit: FigureWords.RateUnit { self.evidence.observed < 1 ? .minute : .second }
}

extension MetricSubject {
    fileprivate var inWords: String {
        switch self {
        case .system: "all requests"
        case .model(let model): model.description
        case .other: "the models beyond those that have figures of their own"
        }
    }

    fileprivate var attempts: String { self == .system ? "all requests" : "the attempts at \(self.inWords)" }
    fileprivate var whereTo: String { self == .system ? "the gateway" : self.inWords }
}

/// Measured figures as people read them.
enum FigureWords {
    enum RateUnit: Sendable {
        case second, minute

        var inWords: String { self == .second ? "requests a second" : "requests a minute" }
    }

    /// `810 ms`, `2.5 s`; from two minutes on as `Words` tells times.
    static func time(_ microseconds: Double) -> String {
        guard microseconds.isFinite, microseconds < 120e6 else {
            return Words.time(Int64(microseconds.isFinite ? min(microseconds, 9e18) : 0))
        }
        return microseconds < 1e6 ? "\(self.short(microseconds / 1e3)) ms" : "\(self.short(microseconds / 1e6)) s"
    }

    static func rate(_ perSecond: Double, for unit: RateUnit) -> String {
        self.short(unit == .second ? perSecond : perSecond * 60)
    }

    /// Two digits or all before the point: `810`, `42`, `2.5`, `0.03`.
    static func short(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
        let digits = abs(number) >= 9.95 ? 1.0 : abs(number) >= 0.1 ? 10.0 : 100.0
        let rounded = (number * digits).rounded() / digits
        return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
    }
}
