private import Synchronization

/// Models between which one decision chooses: the targets of an alias, the pool of a rule, or all of a category.
final class RoutePool: Sendable {
    /// Rows of the table, in the order written down or of the models' priority; no row twice.
    let rows: [Int32]
    /// For each of ``rows``, at least 0; `nil`: by the models' priority.
    let weights: [Int32]?
    let order: Order
    /// Names that no longer lead anywhere.
    let missing: [String]
    let turns: TurnCounter

    /// How the candidates are ordered when neither the request nor a rule says.
    enum Order: Sendable, Hashable {
        /// By the strategy of the configuration: the choice is the router's.
        case automatic
        /// As somebody wrote them down.
        case written
        /// Drawn by the weights that somebody wrote down.
        case weighted
    }

    init(
        rows: [Int32],
        weights: [Int32]? = nil,
        order: Order,
        missing: [String] = [],
        turns: TurnCounter
    ) {
        self.rows = rows
        self.weights = weights
        self.order = order
        self.missing = missing
        self.turns = turns
    }

    var isAutomatic: Bool { self.order == .automatic }
}

/// Counts the decisions of a pool, for the strategy that takes its members in turn.
final class TurnCounter: Sendable {
    private let count = Atomic<Int>(0)

    /// The number of this decision.
    func take() -> Int { self.count.wrappingAdd(1, ordering: .relaxed).oldValue & .max }
    /// The number of the next decision.
    var next: Int { self.count.load(ordering: .relaxed) & .max }
}

/// The counters of all pools by name, so that turns go on when the registry changes.
struct TurnCounters {
    private let old: [String: TurnCounter]
    private(set) var counters: [String: TurnCounter] = [:]

    init(goingOnFrom old: [String: TurnCounter] = [:]) {
        self.old = old
    }

    subscript(name: String) -> TurnCounter {
        mutating get {
            if let counter = self.counters[name] { return counter }
            let counter = self.old[name] ?? TurnCounter()
            self.counters[name] = counter
            return counter
        }
    }
}
