/// Gives the members of a pool by ascending score, equal ones in the order of the pool. Of a thousand seldom more than 32
/// are taken, so nothing is sorted that nobody looks at.
struct CandidateHeap {
    private struct Node {
        let score: Double
        let ordinal: Int32
        /// Of the pool.
        let index: Int32

        func precedes(_ other: Node) -> Bool {
            self.score == other.score ? self.ordinal < other.ordinal : self.score < other.score
        }
    }

    private var nodes: [Node]

    init(_ pool: CandidatePool) {
        self.nodes = []
        self.nodes.reserveCapacity(pool.count)
        for index in pool.indices {
            let score = pool.scores[index]
            self.nodes.append(
                Node(
                    score: score.isNaN ? CandidatePool.unknown : score,
                    ordinal: pool.members[index].ordinal,
                    index: Int32(truncatingIfNeeded: index)
                ))
        }
        for parent in stride(from: self.nodes.count / 2 - 1, through: 0, by: -1) { self.sink(parent) }
    }

    /// The index in the pool of the smallest that is left.
    mutating func pop() -> Int? {
        guard let first = self.nodes.first else { return nil }
        let last = self.nodes.removeLast()
        if !self.nodes.isEmpty {
            self.nodes[0] = last
            self.sink(0)
        }
        return Int(first.index)
    }

    private mutating func sink(_ start: Int) {
        let sinking = self.nodes[start]
        var place = start
        while true {
            var child = 2 * place + 1
            guard child < self.nodes.count else { break }
            if child + 1 < self.nodes.count, self.nodes[child + 1].precedes(self.nodes[child]) { child += 1 }
            guard self.nodes[child].precedes(sinking) else { break }
            self.nodes[place] = self.nodes[child]
            place = child
        }
        self.nodes[place] = sinking
    }
}
