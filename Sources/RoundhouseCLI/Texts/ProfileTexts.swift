internal import RoundhouseAPI
internal import SwiftProtobuf

/// What a profile measured, as people read it.
enum ProfileTexts {
    static func page(_ profile: Roundhouse_V1_ModelProfile) -> Page {
        var page = Page()
        let failed = profile.failedRunCount > 0 ? ", \(profile.failedRunCount) more failed" : ""
        page.add("runs", "\(profile.runCount)\(failed)")
        page.add(
            "latency",
            Self.percentiles([
                ("p50", profile.hasLatencyP50, profile.latencyP50), ("p95", profile.hasLatencyP95, profile.latencyP95),
                ("p99", profile.hasLatencyP99, profile.latencyP99),
            ]))
        page.add(
            "first token",
            Self.percentiles([
                ("p50", profile.hasFirstTokenP50, profile.firstTokenP50),
                ("p95", profile.hasFirstTokenP95, profile.firstTokenP95),
            ]))
        page.add("tokens/s", Figures.fixed(profile.tokensPerSecond, digits: 1))
        if Self.isEmbedding(profile) {
            page.add("texts/s", Figures.fixed(profile.tokensPerSecond / Double(profile.inputTokens), digits: 1))
        }
        page.add("memory", profile.memoryBytes > 0 ? Figures.bytes(profile.memoryBytes) : "not known")
        if Self.isEmbedding(profile) {
            page.add("text", Figures.count(profile.inputTokens, "token"))
        } else {
            page.add("prompt", Figures.count(profile.inputTokens, "token"))
            page.add("answers", Figures.count(profile.outputTokens, "token"))
        }
        page.add("measured", profile.hasProfileTime ? Figures.time(profile.profileTime) : "")
        return page
    }

    /// Vectors have no tokens, and there is none that comes first.
    private static func isEmbedding(_ profile: Roundhouse_V1_ModelProfile) -> Bool {
        profile.outputTokens == 0 && profile.inputTokens > 0 && !profile.hasFirstTokenP50
    }

    /// "run 3 of 10 failed: …". Runs that succeed are in the figures.
    static func failure(_ run: Roundhouse_V1_ProfileRun) -> String {
        "run \(run.run) of \(run.runCount) failed: \(run.error)"
    }

    private static func percentiles(_ values: [(String, Bool, Google_Protobuf_Duration)]) -> String {
        values.filter(\.1).map { "\($0.0) \(Figures.duration(Duration($0.2)))" }.joined(separator: ", ")
    }
}
