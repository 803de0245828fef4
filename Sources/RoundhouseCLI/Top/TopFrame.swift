internal import RoundhouseAPI
internal import SwiftProtobuf

/// One picture of `top`. The same state and size give the same lines, none wider than the screen and no more than fit.
struct TopFrame {
    /// With fewer rows only two lines are left to what is above the table.
    private static let fewestRows = 9
    private static let longestBar = 30
    private static let longestLine = 60

    let state: TopState
    let size: ScreenSize
    /// Its width does not count, ``size`` does.
    let traits: TerminalTraits
    /// Whether a line tells the keys.
    let hasKeys: Bool

    /// How many models fit.
    var page: Int {
        guard let rows = self.size.rows else { return .max }
        return max(0, rows - self.head.count - 1 - self.foot(shown: 0).count)
    }

    var lines: [String] {
        let models = self.state.models
        let page = self.page
        let offset = min(self.state.offset, max(0, models.count - page))
        let shown = min(page, models.count - offset)
        let table = self.table(models).rendered(for: self.tableTraits).split(separator: "\n").map(String.init)
        var lines = self.head + table.prefix(1) + table.dropFirst(1 + offset).prefix(shown)
        if models.isEmpty, self.state.latest != nil, page > 0 {
            lines += TerminalText.wrapped(
                "no model is in memory or was asked in the last five minutes", to: self.size.columns)
        }
        if let rows = self.size.rows {
            let foot = self.foot(shown: shown, from: offset, of: models.count)
            lines =
                lines.prefix(rows - foot.count) + Array(repeating: "", count: max(0, rows - foot.count - lines.count))
            lines += foot
        }
        return lines.map { line in self.size.columns.map { TerminalText.clipped(line, to: $0) } ?? line }
    }

    private var tableTraits: TerminalTraits {
        var traits = self.traits
        traits.columns = self.size.columns
        return traits
    }

    // MARK: - Above the table

    private var head: [String] {
        let isLow = self.size.rows.map { $0 < Self.fewestRows } ?? false
        let lines = [self.title, self.counts] + (isLow ? [] : [self.tokens, self.memory])
        let hasRoom = self.size.rows.map { $0 >= 2 * Self.fewestRows } ?? true
        return lines + (hasRoom ? [""] : [])
    }

    private var title: String {
        let time = self.state.latest.map { Figures.time($0.time) } ?? "no figures yet"
        let address = TerminalText.singleLine(self.state.address)
        guard let trouble = self.state.trouble else {
            return self.fitting([self.traits.bold("roundhouse top"), address, time])
        }
        // The reason last: it may be long.
        let note = "the server is away; figures of \(time) (\(TerminalText.singleLine(trouble)))"
        return self.traits.toned(note, .bad)
    }

    private var counts: String {
        guard let latest = self.state.latest else { return "" }
        let waiting = latest.models.map(\.queued).reduce(0, +)
        return self.fitting([
            self.pair("streams", "\(latest.inFlight)"), self.pair("waiting", "\(waiting)"),
            self.pair("requests/s", Self.rate(latest.system.requestCount, latest)),
            self.pair("failed", "\(self.state.total.failures)"), self.pair("models", "\(latest.models.count)"),
        ])
    }

    private var tokens: String {
        guard let latest = self.state.latest else { return "" }
        let rate = Figures.fixed(latest.outputTokensPerSecond, digits: 1)
        let text = self.pair("tokens/s", rate)
        // "0 to 123456.7" and what is between; the place of the line does not depend on the figure.
        let room = self.size.columns.map { $0 - 36 } ?? 0
        guard room >= 8, !self.state.rates.isEmpty else { return text }
        // The newest is always at the right end.
        let values: [Double?] = Array(repeating: nil, count: Self.longestLine) + self.state.rates.map { $0 }
        let line = Sparkline(values.suffix(min(Self.longestLine, room)))
        let scale = line.top > 0 ? "0 to \(Figures.fixed(line.top, digits: 1))" : "0"
        let padding = String(repeating: " ", count: max(0, 8 - rate.count))
        return "\(text)\(padding)  \(line.framed(isUnicode: self.traits.isUnicode)) \(self.traits.dim(scale))"
    }

    private var memory: String {
        guard let latest = self.state.latest else { return "" }
        let used = Figures.bytes(latest.modelMemoryBytes)
        guard latest.modelMemoryLimitBytes > 0 else { return self.pair("memory", used) }
        let part = Double(latest.modelMemoryBytes) / Double(latest.modelMemoryLimitBytes)
        let text = self.pair(
            "memory",
            "\(used) of \(Figures.bytes(latest.modelMemoryLimitBytes)), \(Figures.fixed(part * 100, digits: 0)) %")
        let room = self.size.columns.map { $0 - TerminalText.styledWidth(text) - 4 } ?? 0
        guard room >= 8 else { return text }
        let cells = min(Self.longestBar, room)
        let filled = min(cells, max(latest.modelMemoryBytes > 0 ? 1 : 0, Int(part * Double(cells))))
        return text + "  [" + String(repeating: "#", count: filled) + String(repeating: " ", count: cells - filled)
            + "]"
    }

    private func pair(_ name: String, _ value: String) -> String {
        "\(self.traits.dim(name)) \(value)"
    }

    /// As many of them as fit, from the first on.
    private func fitting(_ parts: [String]) -> String {
        var line = ""
        for part in parts {
            let longer = line.isEmpty ? part : line + "  " + part
            if let columns = self.size.columns, TerminalText.styledWidth(longer) > columns, !line.isEmpty { break }
            line = longer
        }
        return line
    }

    // MARK: - The table

    private func table(_ models: [Roundhouse_V1_LiveModelMetrics]) -> Table {
        // What can be spared goes from the end, where the terminal is narrower.
        var table = Table([
            .init(title: "MODEL", canShrink: true, minimum: 20), .init(title: "STREAMS", alignment: .right),
            .init(title: "TOKENS/S", alignment: .right),
            .init(title: "MEMORY", alignment: .right, canBeSpared: true, minimum: 9),
            .init(title: "STATE", canBeSpared: true, isToned: true, minimum: 9),
            .init(title: "WAIT", alignment: .right, canBeSpared: true),
            .init(title: "LATENCY", alignment: .right, canBeSpared: true),
            .init(title: "FAILED", alignment: .right, canBeSpared: true),
            .init(title: "REQ/S", alignment: .right, canBeSpared: true, minimum: 6),
            .init(title: "FIRST", alignment: .right, canBeSpared: true, minimum: 6),
        ])
        for model in models {
            let tally = self.state.tallies[model.model] ?? .init()
            let (name, tone) = Self.state(of: model)
            table.add(
                [
                    model.model, "\(model.inFlight)", Figures.fixed(model.outputTokensPerSecond, digits: 1),
                    model.memoryBytes > 0 ? Figures.bytes(model.memoryBytes) : "-", name, "\(model.queued)",
                    tally.latency.map(RequestLines.duration) ?? "-", "\(tally.failures)",
                    self.state.latest.map { Self.rate(model.metrics.attemptCount, $0) } ?? "-",
                    tally.firstToken.map(RequestLines.duration) ?? "-",
                ], tone: tone)
        }
        return table
    }

    /// A breaker that keeps requests away says more than where the model stands.
    private static func state(of model: Roundhouse_V1_LiveModelMetrics) -> (String, TerminalTraits.Tone?) {
        switch model.breaker {
        case "open": return ("broken", .bad)
        case "half_open": return ("trying", .fair)
        default: break
        }
        let tone: TerminalTraits.Tone? =
            switch model.state {
            case .ready: .good
            case .failed: .bad
            case .unspecified, .UNRECOGNIZED, .unloaded: nil
            case .queued, .loading, .warming, .draining, .unloading: .fair
            }
        return (model.state == .unspecified ? "-" : StateTexts.name(model.state), tone)
    }

    /// In the time since the message before.
    private static func rate(_ count: Int64, _ message: Roundhouse_V1_WatchMetricsResponse) -> String {
        let seconds = Duration(message.elapsed).inSeconds
        return seconds > 0 ? Figures.fixed(Double(count) / seconds, digits: 1) : "-"
    }

    // MARK: - Below the table

    private func foot(shown: Int, from offset: Int = 0, of count: Int = 0) -> [String] {
        guard let rows = self.size.rows, rows >= 4 else { return [] }
        let place = count > shown ? ["\(offset + 1) to \(offset + shown) of \(count)"] : []
        guard self.hasKeys else { return [self.traits.dim(self.fitting(place + ["Ctrl-C ends"]))] }
        let orders = TopState.Order.allCases.map { order in
            let mark = order == self.state.order ? "*" : ""
            return "\(order.key) \(order.rawValue)\(mark)"
        }
        let scroll = count > shown ? [self.traits.isUnicode ? "↑↓ scroll" : "j k scroll"] : []
        return [
            self.traits.dim(self.fitting(place + ["q quit"] + scroll + ["sort: " + orders.joined(separator: ", ")]))
        ]
    }
}
