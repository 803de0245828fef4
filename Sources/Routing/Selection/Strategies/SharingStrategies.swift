/// The first is drawn by weight, the others follow by weight.
struct WeightedStrategy: SelectionStrategy {
    let name = "weighted"
    /// An alias's shares hold whoever has to be loaded for them; where the choice is the router's, nobody is loaded for a
    /// lot.
    let readiness: ReadinessUse
    let affinity = AffinityUse.always

    func score(_ pool: inout CandidatePool) {
        let sum = self.sum(of: pool)
        guard sum > 0 else { return pool.scoreByOrdinal() }
        for index in pool.indices { pool.scores[index] = 1 - Double(pool.weight(at: index)) / Double(sum) }
    }

    func first(of pool: CandidatePool, attempt: Int) -> Int? {
        let sum = self.sum(of: pool)
        guard sum > 0 else { return nil }
        var rest = pool.draw(below: sum)
        return pool.indices.first { index in
            rest -= pool.weight(at: index)
            return rest < 0
        }
    }

    private func sum(of pool: CandidatePool) -> Int {
        pool.indices.reduce(0) { $0 + pool.weight(at: $1) }
    }
}

/// Two are drawn, and who is likely to be quicker is asked first: by its expected time to the first token, for each
/// request that it has in flight and this one. The others follow by the same measure.
///
/// Two and not all: between two looks at the figures many requests are decided, and they must not all fall on one.
struct LeastLatencyStrategy: SelectionStrategy {
    let name = "least_latency"
    let affinity = AffinityUse.always

    /// Seconds.
    func score(_ pool: inout CandidatePool) {
        for index in pool.indices {
            let latency = pool.expectedNanoseconds(at: index)
            let load = Double(pool.table.figures[pool.row(at: index)].inFlight + 1)
            pool.scores[index] = latency.isNaN ? CandidatePool.unknown : latency / 1e9 * load
        }
    }

    func first(of pool: CandidatePool, attempt: Int) -> Int? {
        guard pool.count > 1 else { return nil }
        let one = pool.draw(below: pool.count)
        let other = (one + 1 + pool.draw(below: pool.count - 1)) % pool.count
        return self.rank(one, pool) <= self.rank(other, pool) ? one : other
    }

    /// Who is not known yet is given one request at a time: then it is known.
    private func rank(_ index: Int, _ pool: CandidatePool) -> Double {
        let score = pool.scores[index]
        guard score == CandidatePool.unknown else { return score }
        return pool.figures(at: index).inFlight == 0 ? -1 : score
    }
}

/// By requests in flight; among equals one is drawn.
struct LeastBusyStrategy: SelectionStrategy {
    let name = "least_busy"
    let affinity = AffinityUse.always

    func score(_ pool: inout CandidatePool) {
        for index in pool.indices { pool.scores[index] = Double(pool.table.figures[pool.row(at: index)].inFlight) }
    }

    func first(of pool: CandidatePool, attempt: Int) -> Int? {
        guard let least = pool.scores.min() else { return nil }
        let equals = pool.scores.reduce(0) { $1 == least ? $0 + 1 : $0 }
        var rest = pool.draw(below: equals)
        return pool.scores.firstIndex { score in
            if score == least { rest -= 1 }
            return rest < 0
        }
    }
}

extension CandidatePool {
    fileprivate mutating func scoreByOrdinal() {
        for index in self.indices { self.scores[index] = Double(self.members[index].ordinal) }
    }
}
