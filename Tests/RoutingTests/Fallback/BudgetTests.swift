import Inference
import Testing

@testable import Routing

@Suite("Budgets and exclusions")
struct BudgetTests {
    @Test("A budget starts full, is filled by requests and by time, and holds no more than its size")
    func tokens() {
        let begin = ContinuousClock.now
        let budget = TokenBudget(ratio: 0.25, perSecond: 2, size: 3, now: begin)
        let granted = { (now: ContinuousClock.Instant) in (0..<10).prefix { _ in budget.withdraw(at: now) }.count }
        #expect(granted(begin) == 3)
        for _ in 0..<7 { budget.deposit() }
        #expect(granted(begin) == 1)
        budget.deposit()
        #expect(granted(begin) == 1)
        #expect(granted(begin + .seconds(1)) == 2)
        #expect(granted(begin + .seconds(100)) == 3)
        #expect(granted(begin + .seconds(50)) == 0, "a clock that goes back brings nothing")
    }

    @Test("Of many requests no more than the ratio are granted, however they come")
    func ratio() {
        var dice = Dice(7)
        let begin = ContinuousClock.now
        let budget = TokenBudget(ratio: 0.2, size: 10, now: begin)
        var granted = 0
        for _ in 0..<10_000 {
            budget.deposit()
            if dice.happens(60), budget.withdraw(at: begin) { granted += 1 }
        }
        #expect((1_990...2_010).contains(granted))
    }

    @Test(
        "A model that failed is kept back as configured or as it asked, one that is not to blame is not",
        arguments: UpstreamFault.everyKind + [.diverged], [Duration.zero, .milliseconds(1_500)])
    func exclusions(kind: UpstreamFault.Kind, afterFault: Duration) throws {
        let model = RoutingFigures()[try modelID("a/m")]
        let fault = UpstreamFault(kind, "")
        Exclusions(afterFault: afterFault).note(fault, of: model, at: 5)
        let asked = fault.retryAfter ?? .zero
        let expected = fault.blame == .innocent ? .zero : max(asked, afterFault)
        #expect(model.excludedUntil == (expected == .zero ? 0 : 5 + expected.wholeNanoseconds))
    }

    @Test("A longer exclusion stays, and a Retry-After of years is one of an hour")
    func bounds() throws {
        let model = RoutingFigures()[try modelID("a/m")]
        let exclusions = Exclusions(afterFault: .zero)
        exclusions.note(UpstreamFault(.rateLimited(retryAfter: .seconds(9)), ""), of: model, at: 1)
        exclusions.note(UpstreamFault(.rateLimited(retryAfter: .seconds(2)), ""), of: model, at: 1)
        #expect(model.excludedUntil == 9_000_000_001)
        exclusions.note(UpstreamFault(.overloaded(retryAfter: .seconds(1_000_000_000)), ""), of: model, at: 1)
        #expect(model.excludedUntil == 3_600_000_000_001)
    }
}
