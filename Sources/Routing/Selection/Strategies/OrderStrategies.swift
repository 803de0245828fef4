/// The order in which somebody wrote the candidates down.
struct WrittenOrder: SelectionStrategy {
    let name = RouteDecision.writtenOrder
    let readiness = ReadinessUse.ignored

    func score(_ pool: inout CandidatePool) {
        for index in pool.indices { pool.scores[index] = Double(pool.members[index].ordinal) }
    }
}

/// By ascending priority of the models; among equals whom a person registered before whom discovery found, whom a
/// profile found quickest before the others.
struct PriorityStrategy: SelectionStrategy {
    let name = "priority"

    func score(_ pool: inout CandidatePool) {
        for index in pool.indices { pool.scores[index] = Double(pool.table.rows[pool.row(at: index)].priority) }
    }
}

/// Each in turn. Where somebody wrote the candidates down, all of them are equals; where the choice is the router's, those
/// of the best priority are, and the others follow.
struct RoundRobinStrategy: SelectionStrategy {
    let name = "round_robin"
    let affinity = AffinityUse.always

    func score(_ pool: inout CandidatePool) {
        let equals = self.equals(of: pool)
        guard !equals.isEmpty else { return }
        let start = pool.turn % equals.count
        for index in pool.indices { pool.scores[index] = Double(pool.count + index) }
        for (place, index) in equals.enumerated() {
            pool.scores[index] = Double((place - start + equals.count) % equals.count)
        }
    }

    /// When the one whose turn it is cannot answer, its turns are shared out among all others, and do not fall to its
    /// neighbour alone.
    func first(of pool: CandidatePool, attempt: Int) -> Int? {
        let equals = self.equals(of: pool)
        guard !equals.isEmpty else { return nil }
        guard attempt > 0 else { return equals.first { pool.scores[$0] == 0 } }
        return equals[(pool.turn / (equals.count + attempt)) % equals.count]
    }

    private func equals(of pool: CandidatePool) -> [Int] {
        guard pool.isAutomatic else { return Array(pool.indices) }
        let priority = { (index: Int) in pool.table.rows[pool.row(at: index)].priority }
        guard let best = pool.indices.map(priority).min() else { return [] }
        return pool.indices.filter { priority($0) == best }
    }
}
