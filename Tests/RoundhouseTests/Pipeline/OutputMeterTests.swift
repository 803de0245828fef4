import Inference
import Routing
import Testing

@testable import Roundhouse

@Suite("Output tokens while they come")
struct OutputMeterTests {
    private static let model = "cloud/x"

    private func take(_ batches: [InferenceEvent]..., from life: inout RequestLife, _ counter: OutputCounter) -> [Int] {
        var outputs: [PipelineOutput] = []
        return batches.map { batch in
            life.take(batch, at: .now, into: &outputs)
            return counter.tokens
        }
    }

    private func begun(_ counter: OutputCounter?, delivery: UpstreamRequest.Delivery = .streamed) throws -> RequestLife
    {
        var life = RequestLife(
            request: InferenceRequest(id: "r", messages: [Message(.user, "hi")]), delivery: delivery, deadline: nil,
            arrival: .now, time: WallTime(microsecondsSince1970: 0))
        life.started(try modelID(Self.model), prices: nil, output: counter)
        return life
    }

    @Test("Tokens are estimated from bytes, and what the upstream counts at the end is the truth")
    func estimates() throws {
        let counter = OutputCounter()
        var life = try self.begun(counter)
        let counts = self.take(
            [.textDelta("12345678")], [.reasoningDelta("1234")], [.textDelta("1")],
            [.usage(Usage(inputTokens: 1, outputTokens: 9)), .finished(.stop)], from: &life, counter)
        #expect(counts == [2, 3, 4, 9])
        #expect(life.attemptBill?.usage.outputTokens == 9)
    }

    @Test("An estimate that was too high is set right")
    func tooHigh() throws {
        let counter = OutputCounter()
        var life = try self.begun(counter)
        let counts = self.take(
            [.textDelta(String(repeating: "x", count: 400))],
            [.usage(Usage(inputTokens: 1, outputTokens: 60)), .finished(.stop)], from: &life, counter)
        #expect(counts == [100, 60])
    }

    @Test("Where an upstream counts meanwhile, only what came after is estimated")
    func meanwhile() throws {
        let counter = OutputCounter()
        var life = try self.begun(counter)
        let counts = self.take(
            // As at the beginning of a message of Anthropic's.
            [.usage(Usage(inputTokens: 9, outputTokens: 1))], [.textDelta("12345678")],
            [.textDelta("1234"), .usage(Usage(inputTokens: 9, outputTokens: 5))], [.textDelta("1234")],
            [.finished(.stop)], from: &life, counter)
        #expect(counts == [1, 3, 5, 6, 5], "the last count of its own stands at the end")
    }

    @Test("A whole answer is counted when it comes, in whatever order", arguments: [true, false])
    func whole(usageFirst: Bool) throws {
        let counter = OutputCounter()
        var life = try self.begun(counter, delivery: .whole)
        let usage = InferenceEvent.usage(Usage(inputTokens: 1, outputTokens: 7))
        let text = InferenceEvent.textDelta("twelve bytes")
        let counts = self.take(
            (usageFirst ? [usage, text] : [text, usage]) + [.finished(.stop)], from: &life, counter)
        #expect(counts == [7])
    }

    @Test("Each attempt counts for itself: what was superseded was produced all the same")
    func attempts() throws {
        let (first, second) = (OutputCounter(), OutputCounter())
        var life = try self.begun(first)
        #expect(self.take([.textDelta("12345678")], from: &life, first) == [2])
        life.started(try modelID("cloud/y"), prices: nil, output: second)
        #expect(self.take([.textDelta("1234")], [.finished(.stop)], from: &life, second) == [1, 1])
        #expect(first.tokens == 2)
    }

    @Test("What a tool call and a refusal say counts, what is no output does not")
    func kinds() throws {
        let counter = OutputCounter()
        var life = try self.begun(counter)
        let counts = self.take(
            [.toolCallDelta(ToolCallDelta(index: 0, id: "c", name: "f", argumentsFragment: "12345678"))],
            [.refusalDelta("1234")], [.reasoningSignature(ReasoningSignature("12345678", origin: "x"))], from: &life,
            counter)
        #expect(counts == [2, 3, 3])
    }

    @Test("A live count ends at the sum of what the answers took, whatever the pieces", arguments: 0..<50)
    func endsRight(seed: UInt64) throws {
        var generator = SplitMix(seed)
        let counter = OutputCounter()
        var sum = 0
        for _ in 0..<5 {
            var life = try self.begun(counter)
            var outputs: [PipelineOutput] = []
            for _ in 0..<Int.random(in: 1...40, using: &generator) {
                let text = String(repeating: "x", count: .random(in: 1...30, using: &generator))
                life.take([.textDelta(text)], at: .now, into: &outputs)
                #expect(counter.tokens >= sum)
            }
            let counted = Int.random(in: 0...500, using: &generator)
            var end: [InferenceEvent] = [.finished(.stop)]
            if Bool.random(using: &generator) {
                end.insert(.usage(Usage(inputTokens: 1, outputTokens: counted)), at: 0)
            }
            life.take(end, at: .now, into: &outputs)
            sum += life.attemptBill?.usage.outputTokens ?? 0
            #expect(counter.tokens == sum)
        }
    }

    @Test("An answer of a model without a counter is as any other")
    func uncounted() throws {
        var life = try self.begun(nil)
        _ = self.take([.textDelta("12345678")], [.finished(.stop)], from: &life, OutputCounter())
        #expect(life.attemptBill?.usage.outputTokens == 2)
    }
}
