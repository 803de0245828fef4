internal import RoundhouseAPI

/// Holds the server to what it promised about the order of a stream's events.
struct StreamOrder: Sendable, Hashable {
    private var expected: Int64 = 0
    private var hasEnded = false

    /// - Throws: ``CommandFailure/brokenPromise(_:)`` for an event out of order.
    mutating func take(_ response: Roundhouse_V1_StreamGenerateResponse) throws {
        guard response.sequence == self.expected, !self.hasEnded else {
            throw CommandFailure.brokenPromise(
                "the stream is out of order: event \(response.sequence) came where "
                    + (self.hasEnded ? "the stream had ended" : "\(self.expected) was expected")
            )
        }
        self.expected += 1
        if case .completed = response.event { self.hasEnded = true }
    }

    /// - Throws: ``CommandFailure/brokenPromise(_:)`` when the stream lacked its last event.
    func end() throws {
        guard self.hasEnded else {
            throw CommandFailure.brokenPromise("the server ended the stream with OK but without 'completed'")
        }
    }
}
