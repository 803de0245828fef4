internal import RoundhouseAPI
internal import SwiftProtobuf

/// How models are used, as people read it.
enum StatisticsTexts {
    static func table(_ models: [Roundhouse_V1_ModelStatistics]) -> Table {
        let hasBreakers = models.contains { !["", "closed"].contains($0.breaker) }
        var table = Table(
            [Table.Column(title: "MODEL")]
                + ["REQUESTS", "FAILED", "SUCCESS", "LATENCY", "FIRST TOKEN", "TOKENS/S", "TOKENS IN", "TOKENS OUT"]
                .map { Table.Column(title: $0, alignment: .right, canBeSpared: $0 != "REQUESTS") }
                + [Table.Column(title: "BUSY", alignment: .right, canBeSpared: true)]
                + (hasBreakers ? [Table.Column(title: "BREAKER")] : [])
                + [Table.Column(title: "LAST ASKED", canBeSpared: true)]
        )
        for model in models {
            let figures = [
                model.model, "\(model.useCount)", "\(model.failureCount)",
                model.hasSuccessRate ? Figures.percent(model.successRate) : "-",
                model.hasAverageLatency ? Figures.duration(Duration(model.averageLatency)) : "-",
                model.hasAverageFirstTokenLatency ? Figures.duration(Duration(model.averageFirstTokenLatency)) : "-",
                model.hasAverageTokensPerSecond ? Figures.fixed(model.averageTokensPerSecond, digits: 1) : "-",
                "\(model.inputTokens)", "\(model.outputTokens)", "\(model.inFlight)",
            ]
            table.add(
                figures + (hasBreakers ? [Self.breaker(model)] : [])
                    + [model.hasLastUseTime ? Figures.time(model.lastUseTime) : "never"])
        }
        return table
    }

    /// "open until 2026-01-31 12:00:05 UTC", when it lets a request through again.
    private static func breaker(_ model: Roundhouse_V1_ModelStatistics) -> String {
        guard model.hasBreakerRetryTime else { return model.breaker }
        return "\(model.breaker) until \(Figures.time(model.breakerRetryTime))"
    }

    static func page(_ registry: Roundhouse_V1_RegistryStatistics) -> Page {
        var page = Page()
        let categories = registry.categoryCounts.filter { $0.value > 0 }.sorted { $0.key < $1.key }
            .map { "\($0.value) \($0.key)" }
        page.add(
            "models",
            "\(registry.modelCount), \(registry.enabledModelCount) enabled, \(registry.loadedModelCount) loaded"
                + (categories.isEmpty ? "" : " (\(categories.joined(separator: ", ")))")
        )
        page.add("providers", "\(registry.providerCount)")
        page.add("aliases", "\(registry.aliasCount)")
        page.add("requests", "\(registry.useCount), \(registry.failureCount) failed")
        page.add("most asked", registry.mostUsedModel)
        page.add("since", registry.hasStartTime ? Figures.time(registry.startTime) : "")
        return page
    }

    /// A week of 168 hours, a row a day and a character an hour, darker where more was asked. Empty when the server
    /// sent something else.
    static func week(_ hourlyUse: [Double]) -> String {
        let shades = Array(" .:-=+*#%@")
        guard hourlyUse.count == 168, let most = hourlyUse.max(), most > 0 else { return "" }
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let rows = days.indices.map { day in
            let cells = hourlyUse[day * 24..<day * 24 + 24].map { use in
                // Something is never shown as nothing.
                let level = use > 0 ? max(1, Int(use / most * Double(shades.count - 1))) : 0
                return shades[min(level, shades.count - 1)]
            }
            return "  \(days[day])  |\(String(cells))|\n"
        }
        return "  UTC   0     6     12    18\n" + rows.joined()
    }
}
