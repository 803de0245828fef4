internal import RoundhouseAPI
internal import SwiftProtobuf

/// Figures over time as rows of bars, as wide as the terminal.
struct MetricCharts {
    private struct Row {
        var name: String
        /// Of the whole time.
        var value: String
        /// Of the steps that share a bar. Nil: nothing is known of them.
        var bar: ([Roundhouse_V1_Metrics]) -> Double?
        /// A value of a bar, for the scale.
        var text: (Double) -> String
    }

    /// Room for "0 to $0.000123".
    private static let scaleWidth = 14
    /// With fewer bars beside the figures they go into a line of their own.
    private static let fewestBeside = 16
    private static let fewest = 8

    private let traits: TerminalTraits
    private let rows: [Row]
    private let points: [Roundhouse_V1_Metrics]
    private let nameWidth: Int
    private let valueWidth: Int
    private let isBeside: Bool
    /// How many steps share a bar.
    private let stepsPerBar: Int

    init(_ points: [Roundhouse_V1_MetricPoint], total: Roundhouse_V1_Metrics, for traits: TerminalTraits) {
        self.traits = traits
        self.points = points.map(\.metrics)
        self.rows = Self.rows(total)
        self.nameWidth = self.rows.map(\.name.count).max() ?? 0
        self.valueWidth = self.rows.map { TerminalText.width($0.value) }.max() ?? 0
        var bars = max(1, points.count)
        var isBeside = true
        if let columns = traits.columns {
            // Two before the name, two before and after the value, the frame, one before the scale.
            let beside = columns - self.nameWidth - self.valueWidth - Self.scaleWidth - 9
            isBeside = beside >= Self.fewestBeside
            bars = min(bars, isBeside ? beside : max(Self.fewest, columns - 6))
        }
        self.isBeside = isBeside
        self.stepsPerBar = (max(1, points.count) + bars - 1) / bars
    }

    /// What a bar stands for.
    func barSpan(step: Duration) -> Duration { step * self.stepsPerBar }

    func rendered() -> String {
        let groups = self.groups
        return self.rows.map { row in
            let line = Sparkline(
                groups.map { group in
                    // Nobody asked: a gap, whatever the figure is.
                    group.contains { $0.requestCount > 0 || $0.attemptCount > 0 } ? row.bar(group) : nil
                })
            let scale = line.top > 0 ? "0 to \(row.text(line.top))" : line.values.contains { $0 != nil } ? "0" : ""
            return self.text(row, line.framed(isUnicode: self.traits.isUnicode), scale)
        }
        .joined()
    }

    private func text(_ row: Row, _ bars: String, _ scale: String) -> String {
        let name = self.traits.dim(row.name) + String(repeating: " ", count: self.nameWidth - row.name.count)
        let padding = String(repeating: " ", count: self.valueWidth - TerminalText.width(row.value))
        let figures = "  \(name)  \(padding)\(row.value)"
        let label = scale.isEmpty ? "" : self.traits.dim(scale)
        guard self.isBeside else { return "\(figures)  \(label)\n    \(bars)\n" }
        return "\(figures)  \(bars)" + (label.isEmpty ? "" : " \(label)") + "\n"
    }

    /// The last bar is a whole one, the first one may stand for fewer steps.
    private var groups: [[Roundhouse_V1_Metrics]] {
        let first = self.points.count % self.stepsPerBar
        var groups = first > 0 ? [Array(self.points.prefix(first))] : []
        for start in stride(from: first, to: self.points.count, by: self.stepsPerBar) {
            groups.append(Array(self.points[start..<start + self.stepsPerBar]))
        }
        return groups
    }

    // MARK: - What is shown

    private static func rows(_ total: Roundhouse_V1_Metrics) -> [Row] {
        let failed = total.judgedAttemptCount > 0 ? Self.failedPart([total]) : nil
        var rows = [
            Row(
                name: "requests", value: RequestLines.count(total.requestCount),
                bar: { Double($0.map(\.requestCount).reduce(0, +)) }, text: { RequestLines.count(Self.whole($0)) })
        ]
        if let failed {
            rows.append(
                Row(name: "failed", value: Figures.percent(failed), bar: Self.failedPart, text: Figures.percent))
        }
        rows += [
            Self.latency("latency p50", total, \.latency) { $0.hasP50 ? $0.p50 : nil },
            Self.latency("latency p95", total, \.latency) { $0.hasP95 ? $0.p95 : nil },
            Self.latency("first token", total, \.firstTokenLatency) { $0.hasP50 ? $0.p50 : nil },
        ]
        .compactMap { $0 }
        if total.hasTokensPerSecond {
            rows.append(
                Row(
                    name: "tokens/s", value: Figures.fixed(total.tokensPerSecond, digits: 1),
                    bar: { Self.mean($0.filter(\.hasTokensPerSecond).map(\.tokensPerSecond)) },
                    text: { Figures.fixed($0, digits: 1) }))
        }
        if total.outputTokens > 0 {
            rows.append(
                Row(
                    name: "tokens out", value: RequestLines.count(total.outputTokens),
                    bar: { Double($0.map(\.outputTokens).reduce(0, +)) }, text: { RequestLines.count(Self.whole($0)) }))
        }
        if total.costNanoUsd > 0 {
            rows.append(
                Row(
                    name: "cost", value: RequestLines.cost(total.costNanoUsd),
                    bar: { Double($0.map(\.costNanoUsd).reduce(0, +)) }, text: { RequestLines.cost(Self.whole($0)) }))
        }
        if total.hasCacheHitRate {
            rows.append(
                Row(
                    name: "cache hits", value: Figures.percent(total.cacheHitRate),
                    bar: { Self.part($0.map(\.cacheHitCount), of: $0.map { $0.cacheHitCount + $0.cacheMissCount }) },
                    text: Figures.percent))
        }
        return rows
    }

    /// Of steps that share a bar the slowest counts: a bar must not hide it.
    private static func latency(
        _ name: String,
        _ total: Roundhouse_V1_Metrics,
        _ latency: @escaping (Roundhouse_V1_Metrics) -> Roundhouse_V1_LatencyMetrics,
        _ figure: @escaping (Roundhouse_V1_LatencyMetrics) -> Google_Protobuf_Duration?
    ) -> Row? {
        guard let whole = figure(latency(total)) else { return nil }
        return Row(
            name: name, value: RequestLines.duration(Duration(whole)),
            bar: { $0.compactMap { figure(latency($0)).map { Duration($0).inSeconds } }.max() },
            text: { RequestLines.duration(.seconds($0)) })
    }

    private static func failedPart(_ metrics: [Roundhouse_V1_Metrics]) -> Double? {
        Self.part(metrics.map(\.failedAttemptCount), of: metrics.map(\.judgedAttemptCount))
    }

    private static func part(_ some: [Int64], of all: [Int64]) -> Double? {
        let count = all.reduce(0, +)
        return count > 0 ? Double(some.reduce(0, +)) / Double(count) : nil
    }

    private static func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    private static func whole(_ value: Double) -> Int64 { Int64(min(max(0, value.rounded()), 9e18)) }
}
