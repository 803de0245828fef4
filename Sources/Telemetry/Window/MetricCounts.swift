/// What is counted in a time bucket. Counts only grow, and add up.
package struct MetricCounts: Sendable {
    /// A count. The raw value is its place in the stored form: new ones come at the end, none moves.
    package enum Field: Int, Sendable, Hashable, CaseIterable {
        /// Answers that came after somebody else had failed.
        case fallbacks = 16
        case inputTokens
        case outputTokens
        /// Of the input tokens, those that the upstream read from its own cache.
        case cachedInputTokens
        /// Of the output tokens, those that were reasoning.
        case reasoningTokens
        /// In nano-USD.
        case cost
        /// Answers that the gateway's own cache gave.
        case cacheHits
        case cacheMisses
        case loads
        /// Loads of a model that had been in memory within the last hour.
        case reloads
        case evictions
        /// Output tokens after the first, of streamed answers, and the microseconds that they took: the speed of a model.
        case timedTokens
        case timedMicroseconds
        /// Times that a circuit breaker opened; a provider's own counts for the system alone.
        case breakerOpenings
        /// Attempts that a model was not loaded for, because memory had no room.
        case refusals
        /// Times that the machine ran short of memory while models took some of it; of the system alone.
        case shortages
    }

    /// Eight for how requests ended, eight for how attempts did, then the fields: all are taken.
    private static let places = 32
    private var values = InlineArray<32, Int64>(repeating: 0)

    package init() {}

    package subscript(field: Field) -> Int64 { self.values[field.rawValue] }
    /// Requests that ended so, as their clients saw it.
    package subscript(outcome: OutcomeClass) -> Int64 { self.values[outcome.rawValue] }

    /// Attempts that ended so, whether or not somebody else answered afterwards.
    package func attempts(_ outcome: OutcomeClass) -> Int64 { self.values[8 + outcome.rawValue] }

    /// All requests.
    package var requests: Int64 { OutcomeClass.allCases.reduce(0) { $0.addingSaturated(self[$1]) } }
    /// How often the model was asked; of the system, as many as requests.
    package var attempts: Int64 { OutcomeClass.allCases.reduce(0) { $0.addingSaturated(self.attempts($1)) } }

    /// Requests that say something of us: all but those that the client left or that were wrong themselves.
    package var judgedRequests: Int64 { self.sum(where: \.isJudged) { self[$0] } }
    package var failedRequests: Int64 { self.sum(where: \.isFailure) { self[$0] } }
    /// The same of attempts at a model.
    package var judgedAttempts: Int64 { self.sum(where: \.isJudged) { self.attempts($0) } }
    package var failedAttempts: Int64 { self.sum(where: \.isFailure) { self.attempts($0) } }

    private func sum(where condition: (OutcomeClass) -> Bool, _ count: (OutcomeClass) -> Int64) -> Int64 {
        var sum: Int64 = 0
        for outcome in OutcomeClass.allCases where condition(outcome) { sum = sum.addingSaturated(count(outcome)) }
        return sum
    }

    package mutating func add(_ amount: Int64 = 1, to field: Field) { self.add(amount, at: field.rawValue) }
    package mutating func add(_ amount: Int64 = 1, to outcome: OutcomeClass) { self.add(amount, at: outcome.rawValue) }
    package mutating func add(_ amount: Int64 = 1, attempts outcome: OutcomeClass) {
        self.add(amount, at: 8 + outcome.rawValue)
    }

    private mutating func add(_ amount: Int64, at place: Int) {
        self.values[place] = self.values[place].addingSaturated(max(0, amount))
    }

    package mutating func merge(_ other: MetricCounts) {
        for place in self.values.indices { self.add(other.values[place], at: place) }
    }

    /// Whether nothing is less than it was.
    func isGrown(from earlier: MetricCounts) -> Bool {
        self.values.indices.allSatisfy { self.values[$0] >= earlier.values[$0] }
    }

    /// What was added since a former look.
    func since(_ earlier: MetricCounts) -> MetricCounts {
        var news = MetricCounts()
        for place in self.values.indices { news.add(self.values[place] - earlier.values[place], at: place) }
        return news
    }

    /// How many values follow, without the zeros at the end, and those.
    func write(to writer: inout ByteWriter) {
        var used = Self.places
        while used > 0, self.values[used - 1] == 0 { used -= 1 }
        writer.write(used)
        for place in 0..<used { writer.write(UInt64(clamping: self.values[place])) }
    }

    mutating func merge(from reader: inout ByteReader) throws(StoredFormError) {
        let used = try reader.number(upTo: Self.places, "the number of counts")
        for place in 0..<used {
            guard let value = Int64(exactly: try reader.number()) else { throw .numberTooLarge }
            self.add(value, at: place)
        }
    }
}

extension MetricCounts: Equatable {
    package static func == (left: MetricCounts, right: MetricCounts) -> Bool {
        left.values.indices.allSatisfy { left.values[$0] == right.values[$0] }
    }
}
