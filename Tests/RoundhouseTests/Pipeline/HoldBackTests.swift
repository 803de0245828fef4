import GRPCCore
import Inference
import Routing
import TestSupport
import Testing

@testable import Roundhouse

@Suite("The beginning of an answer is kept back", .timeLimit(.minutes(1)))
struct HoldBackTests {
    private static let ten = HoldBack(characters: 10)

    @Test(
        "A failure in it is hidden, whatever the recovery, and the next begins anew", arguments: RecoveryMode.allCases)
    func hides(recovery: RecoveryMode) async throws {
        let second = try whole("b", .textDelta("A cat"), .textDelta(" sleeps."))
        let outcome = try await Takeover.ask(
            [try breaking("a", .textDelta("The"), .textDelta(" fox")), second], recovery: recovery, holdBack: Self.ten)
        #expect(outcome.story == ["b", "'A cat sleeps.'", "stop"])
        #expect(second.requests.map(\.prefill) == [nil])
        #expect(outcome.reasons == ["a truncated", "b ok"])
        #expect((outcome.record.attempts.first?.usage?.outputTokens ?? 0) > 0)
        #expect(outcome.record.usage == Usage(inputTokens: 3, outputTokens: 2))
    }

    @Test("After it a failure is shown, or mended, as ever")
    func over() async throws {
        let first = try breaking("a", .textDelta("The fox"), .textDelta(" sl"), .textDelta("ee"))
        let failed = try await Takeover.ask(
            [first, try whole("b", .textDelta("No."))], recovery: .fail, holdBack: Self.ten)
        #expect(failed.story == ["a", "'The fox sl'", "'ee'"])
        #expect(failed.told.failure?.reason == "UPSTREAM_TRUNCATED" && failed.reasons == ["a truncated"])
        let aligned = try await Takeover.ask(
            [first, try whole("b", .textDelta("The fox sleeps."))], recovery: .align, holdBack: Self.ten)
        #expect(aligned.story == ["a", "'The fox sl'", "'ee'", "b+", "'ps.'", "stop"])
    }

    @Test("When nobody else can answer, nothing of it is sent and the failure is one before any output")
    func nobody() async throws {
        let outcome = try await Takeover.ask(
            [try breaking("a", .textDelta("The")), try breaking("b", .textDelta("A"))], recovery: .fail,
            holdBack: Self.ten)
        #expect(outcome.deliveries.isEmpty)
        guard case .allFailed(let attempts) = outcome.told.failure?.cause else {
            Issue.record("\(String(describing: outcome.told.failure))")
            return
        }
        #expect(attempts.map { $0.fault?.reason } == ["truncated", "truncated"])
        #expect(outcome.record.firstTokenLatency == nil)
    }

    @Test("An answer that is shorter than it is delivered at once when it ends")
    func short() async throws {
        let outcome = try await Takeover.ask(
            [try whole("a", .textDelta("Yes"), .textDelta("."))], recovery: .fail, holdBack: Self.ten)
        #expect(outcome.deliveries.count == 1 && outcome.story == ["a", "'Yes.'", "stop"])
    }

    @Test("It is over by the clock while the upstream is silent, and what was kept is delivered")
    func clock() async throws {
        let time = StandingTime()
        let first = try provider("a") { _ in .hang(after: [[.textDelta("The")], [.textDelta(" fox")]]) }
        let delivered = Latch()
        let asking = Task {
            try await Takeover.ask(
                [first], recovery: .fail, holdBack: HoldBack(duration: .seconds(2)), time: time.routing
            ) { _ in delivered.open() }
        }
        // Once for each batch that is waited for.
        while time.sleeperCount < 2 { await Task.yield() }
        time.advance(by: .milliseconds(1999))
        #expect(!delivered.isOpen)
        time.advance(by: .milliseconds(1))
        await delivered.pass()
        asking.cancel()
        let outcome = try await asking.value
        #expect(outcome.deliveries.count == 1 && outcome.story == ["a", "'The fox'"])
        #expect(outcome.told.failure?.code == .cancelled && first.cancelledCount == 1)
    }

    @Test("A failure before the time is over is hidden, and the next one's time begins with its own output")
    func clockHides() async throws {
        let time = StandingTime()
        let outcome = try await Takeover.ask(
            [try breaking("a", .textDelta("The")), try whole("b", .textDelta("A"), .textDelta(" cat."))],
            recovery: .fail, holdBack: HoldBack(duration: .seconds(2)), time: time.routing)
        #expect(outcome.deliveries.count == 1 && outcome.story == ["b", "'A cat.'", "stop"])
    }

    @Test("A client that leaves meanwhile ends it, and is sent nothing")
    func leaving() async throws {
        let time = StandingTime()
        let first = try provider("a") { _ in .hang(after: [[.textDelta("The")]]) }
        let asking = Task {
            try await Takeover.ask(
                [first], recovery: .align, holdBack: HoldBack(characters: 9, duration: .seconds(2)), time: time.routing)
        }
        while time.sleeperCount < 1 { await Task.yield() }
        asking.cancel()
        let outcome = try await asking.value
        #expect(outcome.deliveries.isEmpty && outcome.told.failure?.code == .cancelled)
        #expect(first.cancelledCount == 1 && outcome.record.attempts.first?.usage != nil)
    }

    @Test("Characters of every kind count, time counts from the first output, and without limits nothing is kept")
    func limits() throws {
        let begin = ContinuousClock.now
        var held = try #require(HeldBeginning(HoldBack(characters: 4, duration: .seconds(1))))
        let noUsage = held.take([.usage(Usage(inputTokens: 1, outputTokens: 1))], at: begin)
        #expect(!noUsage && held.endsAt == nil)
        let three = held.take([.reasoningDelta("é🦊"), .refusalDelta("n")], at: begin + .seconds(5))
        #expect(!three && held.endsAt == begin + .seconds(6))
        var byTime = held
        let isLate = byTime.take([.textDelta("")], at: begin + .seconds(6))
        #expect(isLate)
        let isFull = held.take(
            [.toolCallDelta(ToolCallDelta(index: 0, argumentsFragment: "{"))], at: begin + .seconds(5))
        #expect(isFull)
        #expect(HeldBeginning(nil) == nil && HeldBeginning(HoldBack()) == nil)
    }
}
