internal import RoundhouseAPI
internal import SwiftProtobuf

/// Figures over a time, as people read them.
enum MetricTexts {
    /// "2026-11-26 11:00:00 UTC to 2026-11-27 11:00:00 UTC".
    static func span(_ start: Google_Protobuf_Timestamp, _ end: Google_Protobuf_Timestamp) -> String {
        "\(Figures.time(start)) to \(Figures.time(end))"
    }

    /// What is known of a time; what nothing is known of is left out.
    static func page(_ metrics: Roundhouse_V1_Metrics, health: Roundhouse_V1_HealthScore) -> Page {
        var page = Page()
        page.add("health", Self.health(health))
        page.add("requests", Self.counts(metrics.requestCount, metrics.outcomeCounts))
        if metrics.attemptCount != metrics.requestCount {
            page.add("attempts", Self.counts(metrics.attemptCount, metrics.attemptOutcomeCounts))
        }
        if metrics.hasSuccessRate { page.add("success", Figures.percent(metrics.successRate)) }
        for (name, latency) in [
            ("latency", metrics.latency), ("first token", metrics.firstTokenLatency),
            ("between tokens", metrics.interTokenLatency), ("waited", metrics.queueTime),
        ] {
            page.add(name, Self.text(latency))
        }
        page.add("tokens", Self.tokens(metrics))
        if metrics.costNanoUsd > 0 { page.add("cost", "$\(Prices.usd(metrics.costNanoUsd))") }
        let lookUps = metrics.cacheHitCount + metrics.cacheMissCount
        if lookUps > 0 { page.add("cache", "\(metrics.cacheHitCount) of \(lookUps) look-ups found an answer") }
        if metrics.fallbackCount > 0 {
            page.add("fallbacks", "\(Figures.count(metrics.fallbackCount, "answer")) after somebody else had failed")
        }
        page.add("memory", Self.loads(metrics))
        return page
    }

    /// "1234: 1200 success, 34 timed_out".
    private static func counts(_ count: Int64, _ outcomes: [String: Int64]) -> String {
        let parts = outcomes.filter { $0.value > 0 }
            .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.value) \($0.key)" }
        return "\(count)" + (parts.isEmpty ? "" : ": " + parts.joined(separator: ", "))
    }

    /// "p50 850 ms, p95 1.50 s, p99 2.10 s, longest 3.00 s".
    private static func text(_ latency: Roundhouse_V1_LatencyMetrics) -> String {
        guard latency.count > 0 else { return "" }
        return [
            latency.hasP50 ? ("p50", latency.p50) : nil, latency.hasP90 ? ("p90", latency.p90) : nil,
            latency.hasP95 ? ("p95", latency.p95) : nil, latency.hasP99 ? ("p99", latency.p99) : nil,
            latency.hasMaximum ? ("longest", latency.maximum) : nil,
        ]
        .compactMap { $0.map { "\($0) \(Figures.duration(Duration($1)))" } }
        .joined(separator: ", ")
    }

    /// "9120 in (4000 cached), 311 out (100 thoughts), 120.4/s". Empty: none.
    private static func tokens(_ metrics: Roundhouse_V1_Metrics) -> String {
        guard metrics.inputTokens > 0 || metrics.outputTokens > 0 else { return "" }
        func part(_ count: Int64, _ name: String, of which: Int64, _ whichName: String) -> String {
            "\(count) \(name)" + (which > 0 ? " (\(which) \(whichName))" : "")
        }
        let parts = [
            part(metrics.inputTokens, "in", of: metrics.cachedInputTokens, "cached"),
            part(metrics.outputTokens, "out", of: metrics.reasoningTokens, "reasoning"),
            metrics.hasTokensPerSecond ? "\(Figures.fixed(metrics.tokensPerSecond, digits: 1))/s" : nil,
        ]
        return parts.compactMap { $0 }.joined(separator: ", ")
    }

    private static func loads(_ metrics: Roundhouse_V1_Metrics) -> String {
        [(metrics.loadCount, "load"), (metrics.reloadCount, "reload"), (metrics.evictionCount, "eviction")]
            .filter { $0.0 > 0 }
            .map { Figures.count($0, $1) }
            .joined(separator: ", ")
    }

    /// "92.4 of 100: 2.0 lost to errors, 5.6 to latency".
    static func health(_ health: Roundhouse_V1_HealthScore) -> String {
        guard health.judgedAttemptCount > 0 else { return "not known: nobody asked" }
        let parts = [
            (health.errors, "errors"), (health.latency, "latency"), (health.cache, "cache misses"),
            (health.anomalies, "anomalies"),
        ]
        .filter { $0.0 > 0 }
        .enumerated()
        .map { "\(Figures.fixed($1.0, digits: 1)) \($0 == 0 ? "lost to" : "to") \($1.1)" }
        return "\(Self.score(health)) of 100" + (parts.isEmpty ? "" : ": " + parts.joined(separator: ", "))
    }

    /// "92.4", or "100" without a fraction.
    static func score(_ health: Roundhouse_V1_HealthScore) -> String {
        health.value >= 100 ? "100" : Figures.fixed(health.value, digits: 1)
    }

    static func tone(_ health: Roundhouse_V1_HealthScore) -> TerminalTraits.Tone? {
        guard health.judgedAttemptCount > 0 else { return nil }
        return health.value >= 90 ? .good : health.value >= 70 ? .fair : .bad
    }
}

extension Roundhouse_V1_Metrics {
    /// Outcomes that say nothing of the model: the request was at fault, or its client left.
    private static let unjudged: Set<String> = ["rejected", "cancelled"]

    var failedAttemptCount: Int64 {
        self.attemptOutcomeCounts.filter { $0.key != "success" && !Self.unjudged.contains($0.key) }
            .values.reduce(0, +)
    }

    var judgedAttemptCount: Int64 {
        self.failedAttemptCount + self.attemptOutcomeCounts["success", default: 0]
    }
}
