public import ModelRegistry

/// The candidates of one decision, as a strategy sees them. Their indices are those of ``scores``.
public struct CandidatePool {
    /// One for each candidate; smaller is asked first, equal ones in the order of the pool. Not a number counts as
    /// ``unknown``.
    public var scores: [Double]
    /// Counts the decisions of this pool, for taking turns.
    public let turn: Int
    private let plan: SelectionPlan
    private(set) var members: [Member]

    /// A score for those of whom nothing is known: behind all others.
    public static let unknown = 1e18

    struct Member {
        /// Of the table.
        let row: Int32
        /// Its place in the pool as it was written down.
        let ordinal: Int32
    }

    init(_ members: [Member], of plan: SelectionPlan, turn: Int) {
        self.members = members
        self.scores = Array(repeating: 0, count: members.count)
        self.plan = plan
        self.turn = turn
    }

    public var request: SelectionRequest { self.plan.request }
    /// ``RoutingFigures/now`` when the decision was begun.
    public var now: UInt64 { self.plan.now }
    var table: RoutingTable { self.plan.table }

    public var count: Int { self.members.count }
    public var indices: Range<Int> { 0..<self.members.count }

    public func model(at index: Int) -> ModelDescription { self.table.entries[self.row(at: index)].model }

    /// What was seen of it lately.
    public func figures(at index: Int) -> ModelFigures { self.table.figures[self.row(at: index)] }

    /// The time to its first token that is to be expected; `nil`: nothing is known.
    public func expectedLatency(at index: Int) -> Duration? {
        Duration.known(nanoseconds: self.expectedNanoseconds(at: index))
    }

    /// The part of its attempts that is to be expected to go well, 0...1; 1 when nothing is known.
    public func expectedSuccess(at index: Int) -> Double { self.figures(at: index).expectedSuccess(at: self.now) }

    /// What the request is to be expected to cost, in nano-USD; `nil`: not known.
    public func expectedCost(at index: Int) -> Double? {
        let cost = self.expectedNanoUSD(at: index)
        return cost.isFinite ? cost : nil
    }

    /// At least 0: as an alias says, or else the larger the smaller ``ModelDescription/priority`` is, 1 to 1001.
    public func weight(at index: Int) -> Int {
        if let weights = self.plan.pool.weights { return Int(weights[Int(self.members[index].ordinal)]) }
        return 1001 - min(max(Int(self.table.rows[self.row(at: index)].priority), 0), 1000)
    }

    /// A number of `0..<count`, each as likely as the others.
    ///
    /// - Parameter count: at least 1.
    public func draw(below count: Int) -> Int { self.plan.draw(below: count) }

    /// Whether the choice is the router's; otherwise somebody wrote the candidates down.
    var isAutomatic: Bool { self.plan.pool.isAutomatic }

    func row(at index: Int) -> Int { Int(self.members[index].row) }

    /// NaN when nothing is known.
    func expectedNanoseconds(at index: Int) -> Double {
        let row = self.row(at: index)
        return self.table.rows[row].expectedLatency(self.table.figures[row], at: self.now)
    }

    /// How long an answer is taken to be when the client does not say: models' longest answers differ by a factor of a
    /// hundred, and would decide alone.
    private static let usualAnswer = 1024.0

    /// Infinite when not known.
    func expectedNanoUSD(at index: Int) -> Double {
        let row = self.table.rows[self.row(at: index)]
        var output = self.plan.request.maxOutputTokens.map { Double($0) } ?? Self.usualAnswer
        if row.maxOutputTokens >= 0 { output = min(output, Double(row.maxOutputTokens)) }
        return row.cost(input: Double(self.plan.request.estimatedInputTokens), output: output)
    }

    mutating func remove(at index: Int) -> (member: Member, score: Double) {
        self.members.swapAt(index, self.count - 1)
        self.scores.swapAt(index, self.scores.count - 1)
        return (self.members.removeLast(), self.scores.removeLast())
    }

    mutating func append(_ removed: (member: Member, score: Double)) {
        self.members.append(removed.member)
        self.scores.append(removed.score)
    }
}

extension Duration {
    /// `nil` for what is no number.
    static func known(nanoseconds: Double) -> Duration? {
        guard nanoseconds.isFinite else { return nil }
        return .nanoseconds(Int64(min(max(nanoseconds, 0), 9e18)))
    }
}
