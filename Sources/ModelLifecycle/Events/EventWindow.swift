internal import Inference

/// The newest events, without gaps, in memory. Pure.
///
/// Events come in as *recorded*. They are *settled* once they are on disk or were given up, and *published* once watchers
/// may be told; those that are both may leave at the old end.
struct EventWindow {
    /// Settled events that stay in memory, so that a watcher that was away for a moment needs no disk.
    private let recentLimit: Int
    /// The most events that wait for the disk.
    private let waitingLimit: Int
    /// Those before ``start`` are gone; taken away together, so that leaving costs nothing.
    private var storage: [StoredEvent] = []
    private var start = 0

    /// The last sequence that was given out.
    private(set) var last: Int64
    /// Everything up to here is on disk or was given up.
    private(set) var settled: Int64
    /// Everything up to here may be told.
    private(set) var published: Int64
    /// The last event that never reached the disk; 0 when all did.
    private(set) var lostThrough: Int64 = 0
    /// Events that never reached the disk.
    private(set) var lostCount = 0

    init(last: Int64, recentLimit: Int, waitingLimit: Int) {
        self.last = last
        self.settled = last
        self.published = last
        self.recentLimit = max(0, recentLimit)
        self.waitingLimit = max(1, waitingLimit)
    }

    /// The first sequence in memory; one after ``last`` when there is none.
    var first: Int64 { self.last + 1 - Int64(self.storage.count - self.start) }

    var waitingCount: Int { Int(self.last - self.settled) }

    /// Numbers an event and keeps it.
    ///
    /// - Returns: Whether the oldest one that waited for the disk was given up for it. Whoever gives up an event that was
    ///   not published publishes it next.
    @discardableResult
    mutating func record(_ event: GatewayEvent, atMicroseconds: Int64) -> Bool {
        self.last += 1
        self.storage.append(StoredEvent(sequence: self.last, atMicroseconds: atMicroseconds, event: event))
        let gaveUp = self.waitingCount > self.waitingLimit
        if gaveUp {
            self.settled += 1
            self.lostThrough = self.settled
            self.lostCount += 1
        }
        self.trim()
        return gaveUp
    }

    /// The oldest events that wait for the disk.
    func waiting(limit: Int) -> [StoredEvent] {
        self.events(after: self.settled, through: self.last, limit: limit)
    }

    /// They are on disk. Some of them may have been given up meanwhile: they are there all the same.
    mutating func written(through sequence: Int64) {
        self.settled = max(self.settled, min(sequence, self.last))
        self.trim()
    }

    /// - Returns: The events that may be told from now on.
    mutating func publish(through sequence: Int64) -> [StoredEvent] {
        let upTo = min(sequence, self.last)
        guard upTo > self.published else { return [] }
        let events = self.events(after: self.published, through: upTo, limit: .max)
        self.published = upTo
        self.trim()
        return events
    }

    /// Events in memory in `after+1...through`, ascending.
    func events(after: Int64, through: Int64, limit: Int) -> [StoredEvent] {
        let lower = max(after + 1, self.first)
        let upper = min(through, self.last)
        guard lower <= upper, limit > 0 else { return [] }
        let from = self.start + Int(lower - self.first)
        let count = min(limit, Int(upper - lower) + 1)
        return Array(self.storage[from..<from + count])
    }

    /// Events before `sequence`, published or not, newest first, that `admits` lets through.
    func events(before sequence: Int64, limit: Int, admits: (GatewayEvent) -> Bool) -> [StoredEvent] {
        var found: [StoredEvent] = []
        var place = self.start + Int(min(sequence - 1, self.last) - self.first)
        while place >= self.start, found.count < limit {
            if admits(self.storage[place].event) { found.append(self.storage[place]) }
            place -= 1
        }
        return found
    }

    private mutating func trim() {
        let surplus = min(
            self.storage.count - self.start - self.recentLimit,
            Int(min(self.settled, self.published) - self.first + 1)
        )
        if surplus > 0 { self.start += surplus }
        // Moving the rest pays once half is dead.
        if self.start > 64, self.start * 2 > self.storage.count {
            self.storage.removeFirst(self.start)
            self.start = 0
        }
    }
}
