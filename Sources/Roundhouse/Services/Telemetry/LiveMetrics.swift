internal import Inference
internal import RoundhouseAPI
internal import Routing
internal import SwiftProtobuf
internal import Telemetry

/// Makes of sample after sample what is new in each. Pure.
struct LiveMetrics: Sendable {
    private var before: LiveSample?
    private var lifetimes: [ModelID: MetricFigures] = [:]
    private var outputs: [ModelID: Output] = [:]

    /// What was told of a model's tokens.
    private struct Output: Sendable {
        var sample: LiveSample.Output
        /// The most that was ever seen. Where an estimate turns out to have been too high the count goes down, and nothing
        /// is told until it has come this far again: what was told together stays right.
        var told: Int
    }

    /// - Parameter sample: not before the one of the call before.
    mutating func take(_ sample: LiveSample) -> Roundhouse_V1_WatchMetricsResponse {
        let elapsed = self.before.map { max($0.at.duration(to: sample.at), .zero) }
        let seconds = elapsed.map { Double($0.microseconds) / 1e6 } ?? 0
        let news = self.before.map { sample.system.since($0.system) } ?? MetricFigures()
        let tokens = self.takeTokens(sample.outputs)
        let models = sample.models.map { self.message($0, sample, tokens: tokens[$0.id] ?? 0, seconds: seconds) }
        self.lifetimes.merge(sample.lifetimes) { $1 }
        // What is kept of a sample is the system's alone.
        var kept = sample
        (kept.models, kept.outputs, kept.lifetimes) = ([], [:], [:])
        self.before = kept
        return .with {
            $0.time = .init(microseconds: sample.time)
            if let elapsed { $0.elapsed = .init(elapsed) }
            $0.system = .init(news, seconds: seconds)
            $0.inFlight = Int32(clamping: sample.inFlight)
            $0.outputTokensPerSecond = Self.rate(tokens.values.reduce(0, +), seconds)
            $0.modelMemoryBytes = sample.memoryBytes
            $0.modelMemoryLimitBytes = sample.memoryLimitBytes
            $0.models = models
        }
    }

    private func message(
        _ model: LiveSample.Model, _ sample: LiveSample, tokens: Int, seconds: Double
    ) -> Roundhouse_V1_LiveModelMetrics {
        var news = MetricFigures()
        if self.before != nil, let lifetime = sample.lifetimes[model.id] {
            news = self.lifetimes[model.id].map { lifetime.since($0) } ?? lifetime
        }
        return .with {
            $0.model = model.id.description
            if let state = model.state { $0.state = .init(state) }
            $0.inFlight = Int32(clamping: model.inFlight)
            $0.queued = Int32(clamping: model.queued)
            $0.outputTokensPerSecond = Self.rate(tokens, seconds)
            $0.memoryBytes = model.memoryBytes
            $0.breaker = model.breaker.rawValue
            $0.metrics = .init(news, seconds: seconds)
        }
    }

    /// - Returns: the tokens of each model since the sample before.
    private mutating func takeTokens(_ outputs: [ModelID: LiveSample.Output]) -> [ModelID: Int] {
        var news: [ModelID: Int] = [:]
        // Models that are forgotten are so here as well.
        var next: [ModelID: Output] = [:]
        next.reserveCapacity(outputs.count)
        for (model, output) in outputs {
            let known = self.outputs[model].flatMap { $0.sample.counter === output.counter ? $0 : nil }
            // Of one that was not there before, everything is new, but in the first sample.
            let told = known?.told ?? (self.before == nil ? output.tokens : 0)
            if output.tokens > told { news[model] = output.tokens - told }
            next[model] = Output(sample: output, told: max(told, output.tokens))
        }
        self.outputs = next
        return news
    }

    private static func rate(_ tokens: Int, _ seconds: Double) -> Double {
        seconds > 0 ? Double(tokens) / seconds : 0
    }
}
