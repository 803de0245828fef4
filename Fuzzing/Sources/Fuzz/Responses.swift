import Inference
import Providers

/// What a decoder made of an input.
struct Outcome<Element: Equatable>: Equatable {
    var elements: [Element] = []
    /// `nil` when there was none.
    var fault: UpstreamFault.Kind?

    static func == (left: Self, right: Self) -> Bool { left.elements == right.elements && left.fault == right.fault }
}

/// A response around an input: everything but the body's bytes.
private struct Envelope {
    let head: HTTPResponseHead
    let end: ResponseEnd

    init(_ type: HTTPResponseHead.MediaType, isFailure: Bool, count: Int, _ choices: inout Choices) {
        let status = isFailure ? [400, 401, 404, 413, 429, 500, 503, 529][choices.next(8)] : 200
        var head = HTTPResponseHead(status: status)
        head.mediaType = type
        head.retryAfter = [nil, nil, "1", "Fri, 31 Dec 1999 23:59:59 GMT", "soon"][choices.next(5)]
        let idle = UpstreamFault(.timedOut(.idle), "nothing came")
        self.end = [.complete, .complete, .complete, .cut, .fault(idle)][choices.next(5)]
        if choices.next(2) == 0 { head.contentLength = self.end == .complete ? count : count + 1 }
        self.head = head
    }
}

extension Target {
    static let responses: [Target] =
        Self.all("openai", stream: .eventStream) { delivery, choices in
            let kinds: [ProviderKind] = [.openai, .openrouter, .llamaCpp, .custom]
            let kind = kinds[choices.next(kinds.count)]
            return OpenAIResponseDecoder(
                delivery: delivery, dialect: kind.dialect, requestID: "r", withLogprobs: kind == .custom,
                without: kind == .llamaCpp ? "Once" : nil)
        }
        + Self.all("anthropic", stream: .eventStream) { delivery, _ in
            AnthropicResponseDecoder(delivery: delivery)
        }
        + Self.all("gemini", stream: .eventStream) { delivery, _ in GeminiResponseDecoder(delivery: delivery) }
        + [Self.response("gemini-array", .json) { _ in GeminiResponseDecoder(delivery: .streamed) }]
        + Self.all("ollama", stream: .other("application/x-ndjson")) { delivery, choices in
            OllamaResponseDecoder(delivery: delivery, callsBefore: choices.next(2))
        }

    /// The three kinds of responses of a wire format.
    static func all<Decoder: ResponseDecoder>(
        _ format: String, stream: HTTPResponseHead.MediaType,
        _ make: @escaping @Sendable (UpstreamRequest.Delivery, inout Choices) -> Decoder
    ) -> [Target] where Decoder.Element == InferenceEvent {
        [
            Self.response("\(format)-stream", stream) { make(.streamed, &$0) },
            Self.response("\(format)-whole", .json) { make(.whole, &$0) },
            Self.response("\(format)-failure", .json, isFailure: true) { make(.streamed, &$0) },
        ]
    }

    static func response<Decoder: ResponseDecoder>(
        _ name: String, _ type: HTTPResponseHead.MediaType, isFailure: Bool = false,
        _ make: @escaping @Sendable (inout Choices) -> Decoder
    ) -> Target where Decoder.Element == InferenceEvent {
        Target(name: name) { bytes in
            var choices = Choices(bytes)
            let envelope = Envelope(type, isFailure: isFailure, count: bytes.count, &choices)
            let decoder = make(&choices)
            var first: Outcome<InferenceEvent>?
            for cut in Cut.all(bytes.count, &choices) {
                let outcome = Self.outcome(of: decoder, envelope, bytes, cut)
                Self.checkRules(outcome, cut)
                if isFailure, outcome.fault == nil { complain("\(envelope.head.status) became an answer") }
                if let first, first != outcome {
                    complain("whole it is \(first), \(cut.name) it is \(outcome); \(envelope)")
                }
                first = outcome
            }
        }
    }

    private static func outcome<Decoder: ResponseDecoder>(
        of decoder: Decoder, _ envelope: Envelope, _ bytes: Span<UInt8>, _ cut: Cut
    ) -> Outcome<InferenceEvent> where Decoder.Element == InferenceEvent {
        var decoder = decoder
        var outcome = Outcome<InferenceEvent>()
        do throws(UpstreamFault) {
            _ = try decoder.receive(envelope.head)
            for portion in cut.portions {
                try bytes.withCopy(of: portion) { copy throws(UpstreamFault) in
                    try decoder.receive(copy, into: &outcome.elements)
                }
            }
            try decoder.end(envelope.end, into: &outcome.elements)
            if !decoder.isFinished { complain("neither finished nor a fault, \(cut.name): \(outcome)") }
        } catch {
            outcome.fault = error.kind
        }
        return outcome
    }

    /// The rules of every answer: see ``InferenceEvent``.
    private static func checkRules(_ outcome: Outcome<InferenceEvent>, _ cut: Cut) {
        let ends = outcome.elements.count { if case .finished = $0 { true } else { false } }
        let usages = outcome.elements.count { if case .usage = $0 { true } else { false } }
        guard usages <= 1 else { complain("usage \(usages) times, \(cut.name): \(outcome)") }
        guard outcome.fault == nil else {
            if ends > 0 { complain("finished and yet a fault, \(cut.name): \(outcome)") }
            return
        }
        guard ends == 1, case .finished? = outcome.elements.last else {
            complain("finished \(ends) times, or not at the end, \(cut.name): \(outcome)")
        }
    }
}
