/// Spans that wait to be exported: a bounded queue. Pure.
///
/// When it is full, what is new is dropped and counted: what waits is whole traces, mostly.
public struct SpanQueue: Sendable {
    /// What to do after a span was added.
    public enum Action: Sendable, Hashable {
        case nothing
        /// It is the first: export after the interval.
        case startClock
        /// A batch is full.
        case export
    }

    private var spans: [SpanRecord] = []
    private let capacity: Int
    private let batchSize: Int
    private var isClosed = false
    /// Since the beginning.
    public private(set) var dropped = 0
    /// Of them, those that were reported.
    private var reported = 0

    public init(capacity: Int, batchSize: Int) {
        self.capacity = max(1, capacity)
        self.batchSize = max(1, min(batchSize, capacity))
    }

    public var count: Int { self.spans.count }

    public mutating func append(_ span: SpanRecord) -> Action {
        guard self.spans.count < self.capacity, !self.isClosed else {
            self.dropped += 1
            return .nothing
        }
        self.spans.append(span)
        if self.spans.count.isMultiple(of: self.batchSize) { return .export }
        return self.spans.count == 1 ? .startClock : .nothing
    }

    /// The next batch; empty when nothing waits.
    public mutating func take() -> [SpanRecord] {
        let batch = Array(self.spans.prefix(self.batchSize))
        self.spans.removeFirst(batch.count)
        return batch
    }

    /// Gives back a batch that is to be taken again, the next time first.
    public mutating func putBack(_ batch: [SpanRecord]) { self.spans.insert(contentsOf: batch, at: 0) }

    /// Counts spans that could not be exported.
    public mutating func lost(_ count: Int) { self.dropped += count }

    /// How many were lost since this was asked last.
    public mutating func takeUnreported() -> Int {
        defer { self.reported = self.dropped }
        return self.dropped - self.reported
    }

    /// Nothing is added any more.
    public mutating func close() { self.isClosed = true }
}
