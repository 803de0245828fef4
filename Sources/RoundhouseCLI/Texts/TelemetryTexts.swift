internal import RoundhouseAPI
internal import SwiftProtobuf

/// What models take and how they do, as people read it.
enum TelemetryTexts {
    /// All models.
    static func page(
        _ overview: Roundhouse_V1_GetTelemetryResponse,
        _ metrics: Roundhouse_V1_GetSystemMetricsResponse,
        for traits: TerminalTraits
    ) -> String {
        let charts = MetricCharts(metrics.points, total: metrics.total, for: traits)
        var text = Self.title("all requests", for: traits)
        text += Self.times(metrics.startTime, metrics.endTime, charts, step: metrics.step, for: traits)
        text += "\n" + charts.rendered()
        text += "\n" + Self.summary(overview.summary).rendered(for: traits, wraps: true)
        if !overview.models.isEmpty {
            text += "\n" + Self.table(overview.models, metrics.models).rendered(for: traits)
        }
        if !overview.recommendations.isEmpty {
            let count = Figures.count(Int64(overview.recommendations.count), "recommendation")
            let hint = "\(count): 'roundhouse recommendations' shows what could be done"
            text += "\n" + TerminalText.wrapped(hint, to: traits.columns).map { traits.dim($0) + "\n" }.joined()
        }
        return text
    }

    /// One model.
    static func page(_ metrics: Roundhouse_V1_GetModelMetricsResponse, for traits: TerminalTraits) -> String {
        let charts = MetricCharts(metrics.points, total: metrics.total, for: traits)
        var text = Self.title(metrics.model, for: traits)
        text += Self.times(metrics.startTime, metrics.endTime, charts, step: metrics.step, for: traits)
        text += "\n" + charts.rendered()
        text += "\n" + MetricTexts.page(metrics.total, health: metrics.health).rendered(for: traits, wraps: true)
        if !metrics.anomalies.isEmpty {
            text += "\n" + AnomalyTexts.page(metrics.anomalies, for: traits)
        }
        return text
    }

    private static func title(_ name: String, for traits: TerminalTraits) -> String {
        traits.bold(TerminalText.singleLine(name)) + "\n"
    }

    /// What the charts' bars stand for.
    private static func times(
        _ start: Google_Protobuf_Timestamp,
        _ end: Google_Protobuf_Timestamp,
        _ charts: MetricCharts,
        step: Google_Protobuf_Duration,
        for traits: TerminalTraits
    ) -> String {
        let bar = Self.wholeSpan(charts.barSpan(step: Duration(step)))
        return TerminalText.wrapped("\(MetricTexts.span(start, end)), a bar is \(bar)", to: traits.columns)
            .map { traits.dim($0) + "\n" }.joined()
    }

    /// "45 min", "1 h 15 min", "5 h", "1 d".
    private static func wholeSpan(_ span: Duration) -> String {
        let minutes = Int(span.inSeconds / 60)
        let parts = [(minutes / 1440, "d"), (minutes / 60 % 24, "h"), (minutes % 60, "min")].filter { $0.0 > 0 }
        return parts.isEmpty ? Figures.duration(span) : parts.map { "\($0) \($1)" }.joined(separator: " ")
    }

    private static func summary(_ summary: Roundhouse_V1_TelemetrySummary) -> Page {
        var page = Page()
        page.add(
            "models",
            "\(summary.totalCount), \(summary.usedCount) asked, \(summary.unusedCount) not asked, "
                + "\(summary.loadedCount) in memory"
                + (summary.loadedBytes > 0 ? " (\(Figures.bytes(summary.loadedBytes)))" : ""))
        page.add("requests", "\(summary.requestCount)")
        if summary.costNanoUsd > 0 { page.add("cost", "$\(Prices.usd(summary.costNanoUsd))") }
        if summary.droppedRecordCount > 0 {
            page.add(
                "lost", "\(Figures.count(summary.droppedRecordCount, "record")) that the disk would not take")
        }
        return page
    }

    /// Those that were asked most first.
    private static func table(
        _ models: [Roundhouse_V1_ModelTelemetry],
        _ summaries: [Roundhouse_V1_ModelMetricsSummary]
    ) -> Table {
        let metrics = Dictionary(summaries.map { ($0.model, $0.total) }) { first, _ in first }
        var table = Table([
            .init(title: "MODEL", canShrink: true), .init(title: "HEALTH", alignment: .right, isToned: true),
            .init(title: "ASKED", alignment: .right), .init(title: "SUCCESS", alignment: .right),
            .init(title: "P95", alignment: .right, canBeSpared: true), .init(title: "IN MEMORY", canBeSpared: true),
            .init(title: "SIZE", alignment: .right, canBeSpared: true),
            .init(title: "COST", alignment: .right, canBeSpared: true), .init(title: "LAST ASKED", canBeSpared: true),
        ])
        for model in models.sorted(by: { ($1.usageCount, $0.model) < ($0.usageCount, $1.model) }) {
            let total = metrics[model.model] ?? .init()
            table.add(
                [
                    model.model, model.health.judgedAttemptCount > 0 ? MetricTexts.score(model.health) : "-",
                    "\(model.usageCount)", model.hasSuccessRate ? Figures.percent(model.successRate) : "-",
                    total.latency.hasP95 ? RequestLines.duration(Duration(total.latency.p95)) : "-",
                    Self.state(model), model.sizeBytes > 0 ? Figures.bytes(model.sizeBytes) : "-",
                    total.costNanoUsd > 0 ? RequestLines.cost(total.costNanoUsd) : "-",
                    model.hasLastUseTime ? Figures.time(model.lastUseTime) : "never",
                ], tone: MetricTexts.tone(model.health))
        }
        return table
    }

    private static func state(_ model: Roundhouse_V1_ModelTelemetry) -> String {
        if !model.enabled { return "disabled" }
        if model.loaded { return model.pinned ? "pinned" : "yes" }
        return model.canLoad ? "no" : "-"
    }
}

/// What was out of the ordinary, as people read it.
enum AnomalyTexts {
    /// One after another, each with its evidence.
    static func page(_ anomalies: [Roundhouse_V1_Anomaly], for traits: TerminalTraits) -> String {
        anomalies.map { anomaly in
            let title = "\(Self.name(anomaly.kind)) of \(TerminalText.singleLine(anomaly.model)), \(Self.time(anomaly))"
            let lines = TerminalText.wrapped(title, to: traits.columns)
                .map { traits.toned($0, anomaly.hasEndTime ? .fair : .bad) + "\n" }
            return lines.joined()
                + traits.indented(anomaly.description_p) + traits.indented(Self.evidence(anomaly))
        }
        .joined(separator: "\n")
    }

    /// "since 2026-11-27 10:05:00 UTC" while it lasts, else "2026-11-27 10:05:00 UTC, for 35 min 0 s".
    private static func time(_ anomaly: Roundhouse_V1_Anomaly) -> String {
        let start = Figures.time(anomaly.startTime)
        guard anomaly.hasEndTime else { return "since \(start), not over" }
        let seconds = max(0, anomaly.endTime.seconds - anomaly.startTime.seconds)
        return "\(start), for \(Figures.wholeSeconds(.seconds(seconds)))"
    }

    /// "4.20 s, usual 850 ms, spread 40 ms (hour-of-week, 14 hours); 120 attempts, 3 failed".
    private static func evidence(_ anomaly: Roundhouse_V1_Anomaly) -> String {
        func text(_ value: Double) -> String { Self.text(value, unit: anomaly.unit) }
        let basis = anomaly.baselineBasis.isEmpty ? "" : ", told from \(anomaly.baselineBasis)"
        let hours = anomaly.baselineHourCount > 0 ? " (\(Figures.count(Int64(anomaly.baselineHourCount), "hour")))" : ""
        return "\(text(anomaly.observed)), usual \(text(anomaly.baseline)), spread \(text(anomaly.spread))"
            + basis + hours
            + "; \(Figures.count(anomaly.requestCount, "attempt")), \(anomaly.failureCount) failed"
    }

    private static func text(_ value: Double, unit: String) -> String {
        switch unit {
        case "microseconds": Figures.duration(.microseconds(min(1e15, max(0, value))))
        case "part": Figures.percent(value)
        case "requests-per-second": "\(Figures.fixed(value, digits: 2))/s"
        default: "\(Figures.fixed(value, digits: 2)) \(TerminalText.singleLine(unit))"
        }
    }

    private static func name(_ kind: Roundhouse_V1_AnomalyKind) -> String {
        switch kind {
        case .latencySpike: "latency spike"
        case .errorIncrease: "more errors"
        case .trafficSurge: "surge of traffic"
        case .unspecified: "anomaly"
        case .UNRECOGNIZED(let number): "anomaly \(number)"
        }
    }
}
