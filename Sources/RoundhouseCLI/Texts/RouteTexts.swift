internal import RoundhouseAPI

/// Who is asked and who is not, as people read it.
enum RouteTexts {
    static func page(_ route: Roundhouse_V1_RouteDecision, for traits: TerminalTraits) -> String {
        var text = Self.facts(route).rendered(for: traits) + "\n"
        text +=
            route.candidates.isEmpty ? "nobody would be asked\n" : Self.table(route.candidates).rendered(for: traits)
        for candidate in route.candidates where candidate.affinity {
            text += TerminalText.singleLine("\(candidate.model) is likely to know the prompt's beginning") + "\n"
        }
        if !route.rejected.isEmpty { text += "\n" + traits.bold("Not asked") + "\n" }
        for candidate in route.rejected {
            text += Self.rejection(candidate, columns: traits.columns)
        }
        if route.omittedRejected > 0 { text += "  and \(route.omittedRejected) more\n" }
        return text
    }

    private static func facts(_ route: Roundhouse_V1_RouteDecision) -> Page {
        var page = Page()
        page.add("asked for", route.requested)
        page.add("strategy", route.strategy)
        page.add("rule", route.rule)
        page.add("prompt", "about \(Figures.count(route.estimatedInputTokens, "token"))")
        return page
    }

    private static func table(_ candidates: [Roundhouse_V1_RouteCandidate]) -> Table {
        // Breakers are closed nearly always: the room is better used for names.
        let hasBreakers = candidates.contains { $0.breaker != "closed" && !$0.breaker.isEmpty }
        var table = Table(
            [
                .init(title: "#", alignment: .right), .init(title: "MODEL", canShrink: true),
                .init(title: "SCORE", alignment: .right, canBeSpared: true), .init(title: "STATE"),
            ] + (hasBreakers ? [.init(title: "BREAKER")] : [])
                + ["BUSY", "LATENCY", "SUCCESS", "COST"].map {
                    Table.Column(title: $0, alignment: .right, canBeSpared: true)
                }
        )
        for candidate in candidates {
            table.add(
                ["\(candidate.rank)", candidate.model, Self.score(candidate.score), candidate.availability]
                    + (hasBreakers ? [candidate.breaker] : [])
                    + [
                        "\(candidate.inFlight)",
                        candidate.hasExpectedLatency ? Figures.duration(Duration(candidate.expectedLatency)) : "-",
                        candidate.hasSuccessRate ? Figures.percent(candidate.successRate) : "-",
                        candidate.hasEstimatedCostNanoUsd ? "$" + Prices.usd(candidate.estimatedCostNanoUsd) : "-",
                    ]
            )
        }
        return table
    }

    /// Strategies have scores of any size: what is large needs no fraction.
    private static func score(_ score: Double) -> String {
        let digits = score.magnitude < 10 ? 3 : score.magnitude < 1000 ? 1 : 0
        let text = Figures.fixed(score, digits: digits)
        guard digits > 0 else { return text }
        return String(text.reversed().drop { $0 == "0" }.reversed()).trimmingPoint
    }

    /// The model, and a line for each thing that stands in its way.
    private static func rejection(_ candidate: Roundhouse_V1_RouteCandidate, columns: Int?) -> String {
        var text = "  \(TerminalText.singleLine(candidate.model))\n"
        for reason in candidate.reasons {
            let lines = TerminalText.wrapped(TerminalText.singleLine(reason), to: columns.map { max(20, $0 - 6) })
            for (index, line) in lines.enumerated() {
                text += (index == 0 ? "    - " : "      ") + line + "\n"
            }
        }
        return text
    }
}

extension String {
    /// "2." as "2".
    fileprivate var trimmingPoint: String { self.hasSuffix(".") ? String(self.dropLast()) : self }
}
