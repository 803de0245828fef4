import Inference
import Routing
import TestSupport
import Testing

@testable import Roundhouse

@Suite("A fresh attempt takes over an answer that broke off")
struct AlignedRecoveryTests {
    private static let first: InferenceEvent = .textDelta("The fox")

    // MARK: - Aligned

    @Test(
        "One that says the same goes on where the first broke off, and nothing is void",
        arguments: [RecoveryMode.align, .restart])
    func aligned(recovery: RecoveryMode) async throws {
        let second = try whole("b", .textDelta("The"), .textDelta(" fox sl"), .textDelta("eeps."))
        let outcome = try await Takeover.ask(
            [try breaking("a", .textDelta("The"), .textDelta(" fox")), second], recovery: recovery)
        #expect(outcome.story == ["a", "'The'", "' fox'", "b+", "' sl'", "'eeps.'", "stop"])
        #expect(outcome.told.text == "The fox sleeps." && outcome.reasons == ["a truncated", "b ok"])
        #expect(second.requests.map(\.prefill) == [nil])
        // It said all of it: its usage is the answer's. Both cost: 6 + 2 tokens by estimate, 3 + 3 as counted.
        let completion = try #require(outcome.told.completions.first)
        #expect(completion.usage == Usage(inputTokens: 3, outputTokens: 3))
        #expect(outcome.record.usage == completion.usage && outcome.record.cost?.nanoUSD == 14)
    }

    @Test(
        "One that says exactly what was sent and ends makes the answer whole",
        arguments: [RecoveryMode.align, .restart])
    func nothingMore(recovery: RecoveryMode) async throws {
        let outcome = try await Takeover.ask(
            [try breaking("a", Self.first), try whole("b", Self.first)], recovery: recovery)
        #expect(outcome.story == ["a", "'The fox'", "b+", "stop"])
    }

    @Test("The same model may be asked again, and again, as the policy says")
    func sameModel() async throws {
        let count = Counter()
        let only = try provider("a") { _ in
            count.add(1)
            let events: [[InferenceEvent]] = [[.textDelta("The fox")], [.textDelta(" sleeps")], [.textDelta(".")]]
            return count.value < 3
                ? .answer(Array(events.prefix(count.value)), fault: UpstreamFault(.truncated, "cut"))
                : .answer(events + [[.finished(.stop)]])
        }
        var policy = FallbackPolicy.oneAttemptEach
        policy.attemptsPerModel = 3
        let outcome = try await Takeover.ask([only], recovery: .align, policy: policy)
        #expect(outcome.story == ["a", "'The fox'", "a+", "' sleeps'", "a+", "'.'", "stop"])
        #expect(outcome.reasons == ["a truncated", "a truncated", "a ok"])
    }

    @Test("One that breaks off before it has said what was sent is not told of, and the next is tried")
    func breaksAgain() async throws {
        let outcome = try await Takeover.ask(
            [
                try breaking("a", Self.first), try breaking("b", .textDelta("The")),
                try whole("c", .textDelta("The fox!")),
            ],
            recovery: .align)
        #expect(outcome.story == ["a", "'The fox'", "c+", "'!'", "stop"])
        #expect(outcome.reasons == ["a truncated", "b truncated", "c ok"])
    }

    @Test("When nobody is left, the client is told what cut its answer, not what befell those that it never saw")
    func nobodyLeft() async throws {
        let second = try provider("b") { _ in
            .answer([[.textDelta("The")]], fault: UpstreamFault(.overloaded(retryAfter: nil), "busy"))
        }
        let outcome = try await Takeover.ask([try breaking("a", Self.first), second], recovery: .align)
        #expect(outcome.told.failure?.reason == "UPSTREAM_TRUNCATED" && outcome.told.text == "The fox")
        guard case .interrupted(let attempt, let sent) = outcome.told.failure?.cause else {
            Issue.record("\(String(describing: outcome.told.failure))")
            return
        }
        #expect(attempt.model.provider.rawValue == "a" && sent.textBytes == 7)
        // What the client has is what the first one took.
        #expect(outcome.record.usage == outcome.record.attempts.first?.usage)
        #expect(outcome.reasons == ["a truncated", "b overloaded"])
    }

    @Test("A tool call is gone on with under its first id")
    func toolCall() async throws {
        let call = { (id: String, arguments: String) in
            InferenceEvent.toolCallDelta(
                ToolCallDelta(index: 0, id: id, name: "f", argumentsFragment: arguments))
        }
        let outcome = try await Takeover.ask(
            [try breaking("a", call("x", #"{"a":"#)), try whole("b", call("y", #"{"a":1}"#))], recovery: .align)
        #expect(outcome.story == ["a", #"0 x f {"a":"#, "b+", "0 - - 1}", "stop"])
    }

    @Test("Other thoughts of one whose text is the same are not sent")
    func thoughts() async throws {
        let outcome = try await Takeover.ask(
            [
                try breaking("a", .reasoningDelta("hm"), Self.first),
                try whole("b", .reasoningDelta("well"), .textDelta("The fox."), .reasoningDelta("done")),
            ], recovery: .align)
        #expect(outcome.story == ["a", "(hm)", "'The fox'", "b+", "'.'", "(done)", "stop"])
        let muted = try await Takeover.ask(
            [
                try breaking("a", .reasoningDelta("hm")),
                try whole(
                    "b", .reasoningDelta("well"), .reasoningDelta(", well"), .textDelta("Yes."), .reasoningDelta("!")),
            ], recovery: .align)
        #expect(muted.story == ["a", "(hm)", "b+", "'Yes.'", "(!)", "stop"])
    }

    // MARK: - Different

    @Test("RESTART: what was sent is void as soon as the next says something else, and nobody is asked twice")
    func superseded() async throws {
        let second = try whole("b", .textDelta("The"), .textDelta(" cat"), .textDelta(" sleeps."))
        let outcome = try await Takeover.ask([try breaking("a", Self.first), second], recovery: .restart)
        #expect(
            outcome.story == [
                "a", "'The fox'", "!1 truncated", "b", "'The cat'", "' sleeps.'", "stop",
            ])
        #expect(outcome.told.text == "The cat sleeps." && second.requests.count == 1)
        #expect(outcome.told.completions.first?.usage == Usage(inputTokens: 3, outputTokens: 3))
        #expect(outcome.reasons == ["a truncated", "b ok"])
    }

    @Test("RESTART: an answer shorter than what was sent is another one")
    func shorter() async throws {
        let outcome = try await Takeover.ask(
            [try breaking("a", Self.first), try whole("b", .textDelta("The"))], recovery: .restart)
        #expect(outcome.story == ["a", "'The fox'", "!1 truncated", "b", "'The'", "stop"])
    }

    @Test("RESTART: what is void is what the client saw, whoever failed unseen in between")
    func unseenBetween() async throws {
        let outcome = try await Takeover.ask(
            [
                try breaking("a", Self.first), try breaking("b", .textDelta("The fox s")),
                try breaking("c", .textDelta("The")), try whole("d", .textDelta("A cat.")),
            ], recovery: .restart)
        #expect(
            outcome.story == ["a", "'The fox'", "b+", "' s'", "!2 truncated", "d", "'A cat.'", "stop"])
    }

    @Test("ALIGN: one that says something else is given up at once, and another goes on from what was sent")
    func continued() async throws {
        let second = try provider("b") { _ in .hang(after: [[.textDelta("The c")]]) }
        let third = try whole("c", .textDelta(" sleeps."))
        let outcome = try await Takeover.ask(
            [try breaking("a", Self.first), second, third], recovery: .align, goOn: ["c"])
        #expect(outcome.story == ["a", "'The fox'", "c+", "' sleeps.'", "stop"])
        #expect(second.cancelledCount == 1 && third.requests.map(\.prefill) == ["The fox"])
        #expect(outcome.reasons == ["a truncated", "b diverged", "c ok"])
        #expect(outcome.record.attempts.allSatisfy { ($0.cost?.nanoUSD ?? 0) > 0 })
        // The answer is made of the first one's part and the last one's: 6 + 2 tokens by estimate, 3 + 1 as counted.
        #expect(outcome.record.usage == Usage(inputTokens: 9, outputTokens: 3, isEstimated: true))
    }

    @Test("ALIGN: the one that said something else may be the one to go on, also where everyone is asked once")
    func goesOnItself() async throws {
        let second = try provider("b") { request in
            .answer([[.textDelta(request.prefill == nil ? "A cat." : " sleeps."), .finished(.stop)]])
        }
        let outcome = try await Takeover.ask([try breaking("a", Self.first), second], recovery: .align, goOn: ["b"])
        #expect(outcome.story == ["a", "'The fox'", "b+", "' sleeps.'", "stop"])
        #expect(second.requests.map(\.prefill) == [nil, "The fox"])
        #expect(outcome.reasons == ["a truncated", "b diverged", "b ok"])
    }

    @Test("ALIGN: after one that said something else nobody begins anew; without one that can go on, the request fails")
    func fails() async throws {
        let third = try whole("c", .textDelta("The fox."))
        let outcome = try await Takeover.ask(
            [try breaking("a", Self.first), try whole("b", .textDelta("A cat.")), third], recovery: .align)
        #expect(outcome.told.failure?.reason == "UPSTREAM_TRUNCATED" && outcome.told.completions.isEmpty)
        #expect(outcome.story == ["a", "'The fox'"] && third.requests.isEmpty)
        #expect(outcome.reasons == ["a truncated", "b diverged"])
    }

    @Test("ALIGN: half a tool call that another does not repeat cannot be gone on with")
    func toolCallDiffers() async throws {
        let call = { (name: String) in
            InferenceEvent.toolCallDelta(ToolCallDelta(index: 0, id: "x", name: name, argumentsFragment: "{"))
        }
        let outcome = try await Takeover.ask(
            [try breaking("a", Self.first, call("f")), try whole("b", Self.first, call("g"))], recovery: .align,
            goOn: ["a", "b"])
        #expect(outcome.told.failure?.reason == "UPSTREAM_TRUNCATED" && outcome.reasons.count == 2)
    }

    // MARK: - Whole answers

    @Test(
        "Of an answer that is delivered whole nobody has seen anything: it is begun anew",
        arguments: [RecoveryMode.align, .restart])
    func unseen(recovery: RecoveryMode) async throws {
        let outcome = try await Takeover.ask(
            [try breaking("a", Self.first), try whole("b", .textDelta("The fox sleeps."))], recovery: recovery,
            delivery: .whole)
        #expect(outcome.story == ["a", "'The fox'", "!1 truncated", "b", "'The fox sleeps.'", "stop"])
    }
}
