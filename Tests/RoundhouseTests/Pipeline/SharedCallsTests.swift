import Inference
import Testing

@testable import Roundhouse

/// Which requests are identical. That they share an answer is for the end-to-end tests.
@Suite struct SharedCallsTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let isShared: Bool
        let adjust: @Sendable (inout InferenceRequest) -> Void
        var testDescription: String { self.what }

        init(_ what: String, isShared: Bool, _ adjust: @escaping @Sendable (inout InferenceRequest) -> Void) {
            self.what = what
            self.isShared = isShared
            self.adjust = adjust
        }
    }

    static let cases: [Case] = [
        Case("the same", isShared: true) { _ in },
        Case("another name", isShared: true) { $0.id = "b" },
        Case("other labels", isShared: true) { $0.metadata = ["team": "blue"] },
        Case("another user", isShared: false) { $0.user = "v" },
        Case("no user", isShared: false) { $0.user = nil },
        Case("another field that is passed on", isShared: false) {
            $0.extraFields = [ExtraField(name: "top_k", json: "2")]
        },
        Case("one field more", isShared: false) { $0.extraFields.append(ExtraField(name: "min_p", json: "0")) },
        Case("probabilities", isShared: false) { $0.logprobs = LogprobOptions() },
        Case("another question", isShared: false) { $0.messages = [Message(.user, "ho")] },
    ]

    @Test(arguments: cases)
    func `Requests share a call unless the upstream would be told something else`(_ example: Case) throws {
        let request = InferenceRequest(
            id: "a", messages: [Message(.user, "hi")], sampling: SamplingParameters(temperature: 0), user: "u",
            extraFields: [ExtraField(name: "top_k", json: "1")])
        var other = request
        example.adjust(&other)
        let calls = SharedCalls(isStandard: true)
        #expect(calls.mayShare(request) && calls.mayShare(other))
        // Nobody runs the calls: each stays in flight.
        let first = try #require(calls.join(request, .streamed) { _ in })
        let second = try #require(calls.join(other, .streamed) { _ in })
        #expect(!first.isShared)
        #expect(second.isShared == example.isShared)
        #expect((first.call === second.call) == example.isShared)
    }
}
