import GRDB
package import Inference
package import ModelRegistry

extension Store: StatisticsStorage {
    /// How each model was used. What cannot be read is told in ``problems`` and starts anew.
    package func loadStatistics() async throws(StoreError) -> [ModelID: ModelStatistics] {
        let (statistics, problems) = try await self.read { database in
            var statistics: [ModelID: ModelStatistics] = [:]
            var problems: [UnreadableRows.Key: String] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT * FROM model_statistics") {
                do {
                    statistics[try row.modelID("model")] = try StatisticsRow.statistics(row)
                } catch {
                    let id = (try? row.value("model", as: String.self)) ?? ""
                    let key = UnreadableRows.Key(origin: .statistics, id: id)
                    problems[key] = UnreadableRows.problem(key, error)
                }
            }
            return (statistics, problems)
        }
        self.unreadable.replace(problems, of: [.statistics])
        return statistics
    }

    package func save(_ statistics: [ModelID: ModelStatistics]) async throws(StoreError) {
        guard !statistics.isEmpty else { return }
        let keys = statistics.keys.map { UnreadableRows.Key(origin: .statistics, id: $0.description) }
        let overwritten = self.unreadable.intersection(keys)
        try await self.write { database in
            for key in overwritten {
                try UnreadableRows.setAside(key, at: WallClock.microseconds(), in: database)
            }
            for (model, values) in statistics { try StatisticsRow.put(values, of: model, into: database) }
        }
        self.unreadable.forget(overwritten)
    }
}

/// How ``ModelStatistics`` are laid out in the table `model_statistics`.
enum StatisticsRow {
    private static let put = """
        INSERT INTO model_statistics (model, uses, failures, last_used_at, input_tokens, output_tokens, details)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (model) DO UPDATE SET
            uses = excluded.uses, failures = excluded.failures, last_used_at = excluded.last_used_at,
            input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, details = excluded.details
        """

    static func put(_ statistics: ModelStatistics, of model: ModelID, into database: Database) throws {
        try database.cachedStatement(sql: Self.put).execute(arguments: [
            model.description, statistics.uses, statistics.failures, statistics.lastUsedAtMicroseconds,
            statistics.inputTokens, statistics.outputTokens, try Stored.json(Details(statistics)),
        ])
    }

    static func statistics(_ row: Row) throws -> ModelStatistics {
        let details = try Stored.details(Details.self, from: row.value("details"))
        var statistics = ModelStatistics()
        statistics.uses = try row.value("uses")
        statistics.failures = try row.value("failures")
        statistics.lastUsedAtMicroseconds = try row.value("last_used_at")
        statistics.inputTokens = try row.value("input_tokens")
        statistics.outputTokens = try row.value("output_tokens")
        statistics.success = details.success.restored
        statistics.latency = details.latency.restored
        statistics.firstTokenLatency = details.firstToken.restored
        statistics.tokensPerSecond = details.tokensPerSecond.restored
        statistics.hours = try details.hours.restored()
        return statistics
    }

    /// The column `details`.
    struct Details: VersionedDetails {
        static let currentFormat = 1

        var format = Self.currentFormat
        var success: Average
        var latency: Average
        var firstToken: Average
        var tokensPerSecond: Average
        var hours: Hours

        enum CodingKeys: String, CodingKey {
            case format, success, latency, hours
            case firstToken = "first_token"
            case tokensPerSecond = "tokens_per_second"
        }

        init(_ statistics: ModelStatistics) {
            self.success = Average(statistics.success)
            self.latency = Average(statistics.latency)
            self.firstToken = Average(statistics.firstTokenLatency)
            self.tokensPerSecond = Average(statistics.tokensPerSecond)
            self.hours = Hours(
                uses: statistics.hours.uses, updatedAt: statistics.hours.updatedAtMicroseconds)
        }
    }

    struct Average: Codable {
        var weight: Double
        var sum: Double
        var updatedAt: Int64

        enum CodingKeys: String, CodingKey {
            case weight, sum
            case updatedAt = "updated_at"
        }

        init(_ average: DecayingAverage) {
            self.weight = average.weight
            self.sum = average.sum
            self.updatedAt = average.updatedAtMicroseconds
        }

        var restored: DecayingAverage {
            var average = DecayingAverage()
            average.weight = self.weight
            average.sum = self.sum
            average.updatedAtMicroseconds = self.updatedAt
            return average
        }
    }

    struct Hours: Codable {
        var uses: [Double]
        var updatedAt: Int64

        enum CodingKeys: String, CodingKey {
            case uses
            case updatedAt = "updated_at"
        }

        func restored() throws -> WeeklyPattern {
            var pattern = WeeklyPattern()
            guard self.uses.count == pattern.uses.count else {
                throw UnreadableRow("'hours' has \(self.uses.count) of \(pattern.uses.count) hours")
            }
            pattern.uses = self.uses
            pattern.updatedAtMicroseconds = self.updatedAt
            return pattern
        }
    }
}
