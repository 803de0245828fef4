import FoundationEssentials
import Synchronization

/// What the fake servers have in common: divergences by endpoint, a record of calls, chat completions.
final class FakeServerState: Sendable {
    private struct State {
        var divergences: [String: Divergence] = [:]
        var calls: [String] = []
        var upstream: FaultUpstream?
    }

    private let state = Mutex(State())

    var upstream: FaultUpstream? {
        get { self.state.withLock { $0.upstream } }
        set { self.state.withLock { $0.upstream = newValue } }
    }

    /// `POST /api/chat`, in order.
    var calls: [String] { self.state.withLock { $0.calls } }

    func note(_ request: FaultUpstream.Request) {
        self.state.withLock { $0.calls.append("\(request.method) \(request.path)") }
    }

    func set(_ divergence: Divergence?, at path: String) {
        self.state.withLock { $0.divergences[path] = divergence }
    }

    /// - Returns: what goes over the wire for `answer` at `path`.
    func steps(_ answer: JSONText, at path: String) -> [FaultUpstream.Step] {
        self.divergence(at: path)?.steps(for: answer) ?? .whole(answer.encoded)
    }

    func divergence(at path: String) -> Divergence? { self.state.withLock { $0.divergences[path] } }

    static func decode<Body: Decodable>(_ request: FaultUpstream.Request, as type: Body.Type) -> Body? {
        try? JSONDecoder().decode(type, from: Data(request.body))
    }

    static func error(_ message: JSONText, status: String) -> [FaultUpstream.Step] {
        .whole(JSONText.fields(["error": message]).encoded, status: status)
    }

    // MARK: - Chat completions, as OpenAI does them

    private struct Completion: Decodable {
        var stream: Bool?
    }

    /// Answers a chat completion with `words`, as a stream when one was asked for.
    ///
    /// - Parameter gate: waited for after the first word, or before a whole answer.
    static func completion(
        _ request: FaultUpstream.Request, saying words: [String], holding gate: Gate? = nil
    ) -> [FaultUpstream.Step] {
        let hold = gate.map { [FaultUpstream.Step.wait($0)] } ?? []
        let usage = JSONText.fields([
            "prompt_tokens": .integer(3), "completion_tokens": .integer(Int64(words.count)),
            "total_tokens": .integer(Int64(3 + words.count)),
        ])
        guard self.decode(request, as: Completion.self)?.stream == true else {
            let message = JSONText.fields(["role": .text("assistant"), "content": .text(words.joined())])
            let choice = JSONText.fields(["index": .integer(0), "message": message, "finish_reason": .text("stop")])
            let answer = JSONText.fields([
                "id": .text("chatcmpl-1"), "object": .text("chat.completion"), "choices": .array([choice]),
                "usage": usage,
            ])
            return hold + .whole(answer.encoded)
        }
        var events = words.map { self.chunk(.fields(["content": .text($0)]), finish: .null) }
        events.append(self.chunk(.fields([:]), finish: .text("stop")))
        events.append(JSONText.fields(["choices": .array([]), "usage": usage]).encoded)
        guard !hold.isEmpty else { return .stream(events) }
        var steps: [FaultUpstream.Step] = .streamHead()
        for (place, event) in (events + ["[DONE]"]).enumerated() {
            if place == 1 { steps += hold }
            steps += .chunk("data: \(event)\n\n")
        }
        return steps + .lastChunk
    }

    private static func chunk(_ delta: JSONText, finish: JSONText) -> String {
        let choice = JSONText.fields(["index": .integer(0), "delta": delta, "finish_reason": finish])
        return JSONText.fields([
            "id": .text("chatcmpl-1"), "object": .text("chat.completion.chunk"), "choices": .array([choice]),
        ]).encoded
    }
}
