internal import RoundhouseAPI

/// Holds the server to what it promised about the order of a stream's events.
struct StreamOrder: Sendable, Hashable {
    private enum Stage {
        /// Nobody answers: at the beginning, and after what an attempt said was declared void.
        case waiting
        case answering, ended
    }

    private var expected: Int64 = 0
    private var stage = Stage.waiting

    /// - Throws: ``CommandFailure/brokenPromise(_:)`` for an event out of order.
    mutating func take(_ response: Roundhouse_V1_StreamGenerateResponse) throws(CommandFailure) {
        guard response.sequence == self.expected, self.stage != .ended else {
            throw .brokenPromise(
                "the stream is out of order: event \(response.sequence) came where "
                    + (self.stage == .ended ? "the stream had ended" : "\(self.expected) was expected")
            )
        }
        self.expected += 1
        switch response.event {
        case .started(let started):
            guard self.stage == .waiting || started.continued else {
                throw .brokenPromise(
                    "the stream is out of order: attempt \(started.attempt) began while another one answered"
                )
            }
            self.stage = .answering
        case .superseded(let superseded):
            guard self.stage == .answering else {
                throw .brokenPromise(
                    "the stream is out of order: attempt \(superseded.attempt) is void and had said nothing"
                )
            }
            self.stage = .waiting
        case .textDelta, .reasoningDelta, .toolCallDelta, .refusalDelta, .citation, .completed:
            guard self.stage == .answering else {
                throw .brokenPromise("the stream is out of order: a part of an answer came before 'started'")
            }
            if case .completed = response.event { self.stage = .ended }
        case .progress, nil:
            break
        }
    }

    /// - Throws: ``CommandFailure/brokenPromise(_:)`` when the stream lacked its last event.
    func end() throws(CommandFailure) {
        guard self.stage == .ended else {
            throw .brokenPromise("the server ended the stream with OK but without 'completed'")
        }
    }
}
