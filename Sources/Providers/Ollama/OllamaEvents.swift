import Inference

/// Makes events of the lines of `/api/chat`, or of its one whole answer, which has the same fields. Pure.
///
/// `done: true` is the only terminal marker. Tool calls come whole, each in a line of its own or several in one.
struct OllamaEvents: Sendable {
    private(set) var isFinished = false
    private var hasOutput = false
    private var toolCalls = 0
    /// Tool calls of the conversation before this answer: `call_N` counts on from there, so that no two of a
    /// conversation share a name.
    private let callsBefore: Int
    private let withLogprobs: Bool

    /// - Parameter withLogprobs: whether the probabilities of tokens were asked for.
    init(callsBefore: Int, withLogprobs: Bool = false) {
        self.callsBefore = callsBefore
        self.withLogprobs = withLogprobs
    }

    /// Takes one line and appends what it says, reasoning before text before tool calls; probabilities right before the
    /// text.
    ///
    /// - Throws: ``UpstreamFault``: malformed, an error in the place of an answer, a model that was only loaded.
    mutating func take(
        _ line: Span<UInt8>, _ parser: borrowing AnswerParser, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        let hasError = try parser.ollamaChat(line, withLogprobs: self.withLogprobs) { answer throws(UpstreamFault) in
            try self.append(answer, line, to: &events)
            guard !answer.hasError else { return true }
            if answer.isDone { try self.finish(answer, into: &events) }
            return false
        }
        if hasError { throw OllamaFaults.inStream(parser.error(line), line.excerpt) }
    }

    private mutating func append(
        _ answer: borrowing OllamaChatAnswer, _ line: Span<UInt8>, to events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        if let text = answer.thinking { events.append(.reasoningDelta(text)) }
        if let entries = answer.logprobs { events.append(.logprobs(entries)) }
        if let text = answer.content { events.append(.textDelta(text)) }
        if answer.thinking != nil || answer.content != nil { self.hasOutput = true }
        for place in 0..<answer.toolCallCount {
            guard let call = answer.toolCall(at: place) else {
                throw UpstreamFault(.malformed, "message.tool_calls[\(place)] has no name in: \(line.excerpt)")
            }
            let id = call.id.isEmpty ? "call_\(self.callsBefore + self.toolCalls)" : call.id
            events.append(
                .toolCallDelta(
                    ToolCallDelta(
                        index: self.toolCalls, id: id, name: call.name, argumentsFragment: call.argumentsJSON)))
            self.toolCalls += 1
            self.hasOutput = true
        }
    }

    private mutating func finish(
        _ answer: borrowing OllamaChatAnswer, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        let reason = answer.doneReason ?? ""
        // Seen of servers that were loading or unloading the model: a question without an answer is no success.
        if reason == "load" || reason == "unload", !self.hasOutput {
            throw UpstreamFault(
                .serverError, "Ollama only \(reason)ed the model and gave no answer (done_reason \(reason))")
        }
        if let usage = self.usage(answer) { events.append(.usage(usage)) }
        events.append(.finished(self.finishReason(reason)))
        self.isFinished = true
    }

    /// `nil` when a figure is missing, as older servers leave out `prompt_eval_count` for a cached prompt: half a truth
    /// would be counted as a whole one, so the whole is estimated, and marked so, by who counts.
    private func usage(_ answer: borrowing OllamaChatAnswer) -> Usage? {
        guard let input = answer.promptTokens, let output = answer.outputTokens ?? (self.hasOutput ? nil : 0) else {
            return nil
        }
        return Usage(
            inputTokens: input, outputTokens: output, cachedInputTokens: min(answer.cachedPromptTokens ?? 0, input))
    }

    private func finishReason(_ reason: String) -> FinishReason {
        switch reason {
        case "length": .length
        case "stop", "tool_calls": self.toolCalls > 0 ? .toolCalls : .stop
        // Servers before 0.1.38 give none.
        default: self.toolCalls > 0 ? .toolCalls : .other
        }
    }
}
