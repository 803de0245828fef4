internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import Routing
internal import SwiftProtobuf

extension Roundhouse_V1_ModelStatistics {
    /// - Parameters:
    ///   - live: What the model does now.
    ///   - now: What the counts by hour are worth is told as of then.
    init(_ statistics: ModelRegistry.ModelStatistics, of model: ModelID, _ live: LiveFigures, now: WallTime) {
        self.init()
        self.model = model.description
        self.useCount = statistics.uses
        self.failureCount = statistics.failures
        if statistics.lastUsedAtMicroseconds > 0 {
            self.lastUseTime = .init(microseconds: statistics.lastUsedAtMicroseconds)
        }
        if let rate = statistics.success.value { self.successRate = rate }
        if let seconds = statistics.latency.value { self.averageLatency = .init(Duration(secondsClamped: seconds)) }
        if let seconds = statistics.firstTokenLatency.value {
            self.averageFirstTokenLatency = .init(Duration(secondsClamped: seconds))
        }
        if let rate = statistics.tokensPerSecond.value { self.averageTokensPerSecond = rate }
        self.inputTokens = statistics.inputTokens
        self.outputTokens = statistics.outputTokens
        self.hourlyUse = statistics.hours.uses(at: now.microsecondsSince1970)
        self.breaker = live.breaker.rawValue
        self.inFlight = Int32(clamping: live.inFlight)
        if let wait = live.untilRetry {
            self.breakerRetryTime = .init(microseconds: now.microsecondsSince1970 + Int64(wait / .microseconds(1)))
        }
    }
}
