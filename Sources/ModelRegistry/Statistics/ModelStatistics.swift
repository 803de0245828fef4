package import Inference

/// How one model is used. Pure: time is handed in.
package struct ModelStatistics: Sendable, Hashable, Codable {
    /// Requests that it was asked, failed attempts included.
    package var uses: Int64 = 0
    package var failures: Int64 = 0
    /// Microseconds since 1970-01-01 UTC; 0 when it was never asked.
    package var lastUsedAtMicroseconds: Int64 = 0
    package var inputTokens: Int64 = 0
    package var outputTokens: Int64 = 0
    package var success = DecayingAverage()
    /// In seconds.
    package var latency = DecayingAverage()
    /// In seconds.
    package var firstTokenLatency = DecayingAverage()
    package var tokensPerSecond = DecayingAverage()
    package var hours = WeeklyPattern()

    package init() {}
}

/// An average in which what is older counts less: the weight of a sample halves every ``halfLife``.
package struct DecayingAverage: Sendable, Hashable, Codable {
    package var weight = 0.0
    package var sum = 0.0
    /// Microseconds since 1970-01-01 UTC of the last sample.
    package var updatedAtMicroseconds: Int64 = 0

    package static let halfLife = Duration.seconds(3600)

    package init() {}

    /// `nil` without samples.
    package var value: Double? { self.weight > 0 ? self.sum / self.weight : nil }
}

/// Uses by hour of the week in UTC, Monday 00:00-00:59 first; a week's counts halve every four weeks.
package struct WeeklyPattern: Sendable, Hashable, Codable {
    /// 168 of them.
    package var uses = [Double](repeating: 0, count: 168)
    package var updatedAtMicroseconds: Int64 = 0

    package init() {}
}

/// Where statistics are kept. Implemented by Persistence.
package protocol StatisticsStorage: Sendable {
    func loadStatistics() async throws -> [ModelID: ModelStatistics]

    /// Writes those that changed, all or none. Goes through when the task is cancelled.
    func save(_ statistics: [ModelID: ModelStatistics]) async throws
}
