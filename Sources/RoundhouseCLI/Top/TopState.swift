internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

/// What `top` knows, and how it is to be shown. Pure: messages and keys go in, ``TopFrame`` draws it.
struct TopState: Sendable {
    enum Order: String, Sendable, CaseIterable, ExpressibleByArgument {
        /// Most streams first, then most tokens a second.
        case activity
        case name
        case tokens
        case memory

        /// The key that chooses it.
        var key: Character {
            switch self {
            case .activity: "a"
            case .name: "n"
            case .tokens: "t"
            case .memory: "m"
            }
        }
    }

    /// What one message does not tell.
    struct Tally: Sendable, Hashable {
        /// Attempts that failed since the first message.
        var failures: Int64 = 0
        /// Of the last answers that ended. In most seconds none ends.
        var latency: Duration?
        var firstToken: Duration?

        mutating func take(_ metrics: Roundhouse_V1_Metrics) {
            self.failures += metrics.failedAttemptCount
            if metrics.latency.hasAverage { self.latency = Duration(metrics.latency.average) }
            if metrics.firstTokenLatency.hasAverage { self.firstToken = Duration(metrics.firstTokenLatency.average) }
        }
    }

    /// More than the widest terminal has room for.
    private static let longestHistory = 512

    let address: String
    /// The last figures. Nil: none came so far.
    private(set) var latest: Roundhouse_V1_WatchMetricsResponse?
    /// Why there are no newer ones. Nil: there will be.
    private(set) var trouble: String?
    /// Output tokens a second, the newest last, once for each message.
    private(set) var rates: [Double] = []
    private(set) var tallies: [String: Tally] = [:]
    private(set) var total = Tally()
    private(set) var order: Order
    /// How many models are above the first that is shown.
    private(set) var offset = 0
    private(set) var isDone = false
    private(set) var wantsToSuspend = false

    init(address: String, order: Order = .activity) {
        self.address = address
        self.order = order
    }

    mutating func take(_ update: MetricsWatcher.Update) {
        switch update {
        case .away(let reason): self.trouble = reason
        case .figures(let message):
            self.trouble = nil
            self.latest = message
            // The first message has nothing to count from.
            if message.hasElapsed {
                self.rates = self.rates.suffix(Self.longestHistory - 1) + [message.outputTokensPerSecond]
            }
            self.total.take(message.system)
            // Models that are not told of any more are forgotten.
            var tallies: [String: Tally] = [:]
            for model in message.models {
                tallies[model.model] = self.tallies[model.model] ?? Tally()
                tallies[model.model]?.take(model.metrics)
            }
            self.tallies = tallies
        }
    }

    /// - Parameter page: how many models the screen shows.
    mutating func take(_ key: Key, page: Int) {
        let last = max(0, (self.latest?.models.count ?? 0) - page)
        switch key {
        case .character("q"), .character("Q"): self.isDone = true
        case .suspend: self.wantsToSuspend = true
        case .up, .character("k"): self.offset = min(last, max(0, self.offset - 1))
        case .down, .character("j"): self.offset = min(last, self.offset + 1)
        case .pageUp, .character("b"): self.offset = min(last, max(0, self.offset - max(1, page)))
        case .pageDown, .character(" "): self.offset = min(last, self.offset + max(1, page))
        case .home, .character("g"): self.offset = 0
        case .end, .character("G"): self.offset = last
        case .character(let letter):
            guard let order = Order.allCases.first(where: { $0.key == letter }) else { return }
            (self.order, self.offset) = (order, 0)
        }
    }

    mutating func resume() {
        self.wantsToSuspend = false
    }

    /// In the order that is wanted; equal ones by name, so that they stay in their places.
    var models: [Roundhouse_V1_LiveModelMetrics] {
        let models = self.latest?.models ?? []
        return switch self.order {
        case .activity:
            models.sorted {
                ($1.inFlight + $1.queued, $1.outputTokensPerSecond, $0.model)
                    < ($0.inFlight + $0.queued, $0.outputTokensPerSecond, $1.model)
            }
        case .name: models.sorted { $0.model < $1.model }
        case .tokens:
            models.sorted { ($1.outputTokensPerSecond, $0.model) < ($0.outputTokensPerSecond, $1.model) }
        case .memory: models.sorted { ($1.memoryBytes, $0.model) < ($0.memoryBytes, $1.model) }
        }
    }
}
