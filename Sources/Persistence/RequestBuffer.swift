import Inference

/// Records on their way from requests to the database. Pure: whoever holds the lock asks, and acts after letting go.
struct RequestBuffer {
    /// The most records that may wait, those being written included.
    let capacity: Int
    /// When this many wait, they are written without waiting for the clock.
    let batchSize: Int
    private var waiting: [RequestRecord] = []
    private var beingWritten = 0
    /// Records that were refused since ``takeDropped()``.
    private(set) var dropped = 0
    private(set) var isClosed = false
    /// Records that were taken, all in all.
    private(set) var accepted: Int64 = 0

    init(capacity: Int, batchSize: Int) {
        self.capacity = capacity
        self.batchSize = batchSize
    }

    /// What to do after a record was offered.
    enum Action: Equatable {
        case nothing
        /// The first one waits: start the clock.
        case startClock
        /// A batch is full.
        case write
        /// There is no room, or nobody writes any more.
        case refused
    }

    var count: Int { self.waiting.count + self.beingWritten }

    mutating func append(_ record: RequestRecord) -> Action {
        guard !self.isClosed, self.count < self.capacity else {
            self.dropped += 1
            return .refused
        }
        self.waiting.append(record)
        self.accepted += 1
        // Exactly at the limit: beyond it the writer has been told.
        if self.waiting.count == self.batchSize { return .write }
        return self.waiting.count == 1 ? .startClock : .nothing
    }

    /// The oldest records, at most `limit`. Followed by ``written(_:)`` or ``putBack(_:)``.
    mutating func take(limit: Int) -> [RequestRecord] {
        let batch = Array(self.waiting.prefix(limit))
        self.waiting.removeFirst(batch.count)
        self.beingWritten += batch.count
        return batch
    }

    mutating func written(_ count: Int) {
        self.beingWritten -= count
    }

    /// They could not be written and wait again, in front.
    mutating func putBack(_ batch: [RequestRecord]) {
        self.beingWritten -= batch.count
        self.waiting.insert(contentsOf: batch, at: 0)
    }

    mutating func takeDropped() -> Int {
        defer { self.dropped = 0 }
        return self.dropped
    }

    /// From now on every record is refused.
    mutating func close() {
        self.isClosed = true
    }
}
