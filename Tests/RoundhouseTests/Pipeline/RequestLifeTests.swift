import Inference
import Testing

@testable import Roundhouse

@Suite("A request's life")
struct RequestLifeTests {
    @Test(
        "A cancellation at the client's deadline is its passing, before it a client that left",
        arguments: [(0, "DEADLINE_EXCEEDED"), (5, "DEADLINE_EXCEEDED"), (-1000, "CANCELLED")])
    func tellsDeadlines(millisecondsAfter: Int, status: String) {
        let arrival = ContinuousClock.now
        let deadline = arrival + .seconds(2)
        let now = deadline + .milliseconds(millisecondsAfter)
        let life = Self.life(arrival: arrival, deadline: deadline)
        let cause = life.error(for: CancellationError(), at: now)
        let record = life.record(failure: RequestFailure(cause: cause, requestID: "r"), attempts: [], at: now)
        #expect(record.status == status)
    }

    @Test("Without a deadline a cancellation is a client that left")
    func tellsLeaving() {
        let arrival = ContinuousClock.now
        let life = Self.life(arrival: arrival, deadline: nil)
        #expect(life.error(for: CancellationError(), at: arrival + .seconds(9)) == .cancelled)
    }

    private static func life(
        arrival: ContinuousClock.Instant,
        deadline: ContinuousClock.Instant?
    ) -> RequestLife {
        RequestLife(
            request: InferenceRequest(id: "r", messages: [Message(.user, "hi")]),
            delivery: .streamed,
            deadline: deadline,
            arrival: arrival,
            time: WallTime(microsecondsSince1970: 0)
        )
    }
}
