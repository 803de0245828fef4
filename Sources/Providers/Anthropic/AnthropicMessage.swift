import Inference

/// What has been said of one message so far, in events or whole, and what it makes for us. Pure.
///
/// Tool calls get numbers of their own, from 0 in the order in which they begin: blocks of text and thoughts are counted
/// by the wire as well.
struct AnthropicMessage: Sendable {
    /// ``InferenceEvent/finished(_:)`` was given.
    private(set) var isFinished = false

    private var open: [Int: OpenBlock] = [:]
    private var toolCalls = 0
    private var stopReason: String?
    private var explanation: String?
    private var usage = AnthropicUsage()

    /// Content blocks that may be open at once. The wire sends one after another.
    private static let maximumOpenBlocks = 1024

    /// What must be known of a block until it ends.
    private enum OpenBlock: Sendable {
        case text
        case thinking(signature: String?)
        /// - Parameters:
        ///   - input: arguments that came with the beginning; they count when no others follow.
        ///   - hasArguments: whether others followed.
        case tool(number: Int, input: String?, hasArguments: Bool)
        /// Of a type that we do not know, with deltas to be skipped.
        case unknown
    }

    // MARK: - Blocks

    /// A block begins, or came whole.
    mutating func begin(
        _ index: Int, _ piece: AnthropicPiece, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        self.end(index, into: &events)
        guard self.open.count < Self.maximumOpenBlocks else {
            throw UpstreamFault(.malformed, "more than \(Self.maximumOpenBlocks) content blocks are open at once")
        }
        switch piece {
        case .text(let text, let citations):
            self.open[index] = .text
            if !text.isEmpty { events.append(.textDelta(text)) }
            for citation in citations { events.append(.citation(citation)) }
        case .thinking(let text, let signature):
            self.open[index] = .thinking(signature: signature)
            if !text.isEmpty { events.append(.reasoningDelta(text)) }
        case .redacted(let data):
            self.open[index] = .unknown
            if !data.isEmpty {
                events.append(
                    .reasoningSignature(
                        ReasoningSignature(data, origin: AnthropicFormat.origin, isRedacted: true)))
            }
        case .tool(let id, let name, let input):
            guard let id else { throw UpstreamFault(.malformed, "content_block.id: a tool call has none") }
            guard let name else { throw UpstreamFault(.malformed, "content_block.name: tool call '\(id)' has none") }
            self.open[index] = .tool(number: self.toolCalls, input: input, hasArguments: false)
            events.append(.toolCallDelta(ToolCallDelta(index: self.toolCalls, id: id, name: name)))
            self.toolCalls += 1
        case .signature, .arguments, .citations, .other: self.open[index] = .unknown
        }
    }

    /// A block grows. What is text or thoughts by its type is taken even if no block began.
    mutating func add(
        _ piece: AnthropicPiece, to index: Int, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        if case .unknown? = self.open[index] { return }
        switch piece {
        case .text(let text, _):
            if !text.isEmpty { events.append(.textDelta(text)) }
        case .citations(let citations):
            for citation in citations { events.append(.citation(citation)) }
        case .thinking(let text, _):
            if !text.isEmpty { events.append(.reasoningDelta(text)) }
        case .signature(let signature):
            // It comes at once, right before the block ends.
            guard case .thinking? = self.open[index] else {
                throw UpstreamFault(.malformed, "a signature_delta for block \(index), which is no block of thoughts")
            }
            self.open[index] = .thinking(signature: signature)
        case .arguments(let fragment):
            guard case .tool(let number, let input, _)? = self.open[index] else {
                throw UpstreamFault(.malformed, "an input_json_delta for block \(index), which is no tool call")
            }
            guard !fragment.isEmpty else { return }
            self.open[index] = .tool(number: number, input: input, hasArguments: true)
            events.append(.toolCallDelta(ToolCallDelta(index: number, argumentsFragment: fragment)))
        case .redacted, .tool, .other: return
        }
    }

    /// A block ends: gives what was held back until then. Does nothing when there is no such block.
    mutating func end(_ index: Int, into events: inout [InferenceEvent]) {
        guard let block = self.open.removeValue(forKey: index) else { return }
        switch block {
        case .text, .unknown: return
        case .thinking(let signature):
            guard let signature, !signature.isEmpty else { return }
            events.append(.reasoningSignature(ReasoningSignature(signature, origin: AnthropicFormat.origin)))
        case .tool(let number, let input, let hasArguments):
            guard !hasArguments else { return }
            events.append(.toolCallDelta(ToolCallDelta(index: number, argumentsFragment: input ?? "{}")))
        }
    }

    // MARK: - The message itself

    mutating func update(_ usage: AnthropicUsage) {
        self.usage.update(usage)
    }

    /// Why it stops, once it is said.
    mutating func stop(_ reason: String?, explanation: String?) {
        self.stopReason = reason ?? self.stopReason
        self.explanation = explanation ?? self.explanation
    }

    /// The terminal marker came.
    ///
    /// - Throws: ``UpstreamFault/Kind/truncated`` when it was never said why the message stops.
    mutating func finish(into events: inout [InferenceEvent]) throws(UpstreamFault) {
        for index in self.open.keys.sorted() { self.end(index, into: &events) }
        guard let reason = self.stopReason else {
            throw UpstreamFault(.truncated, "the message ended without a stop_reason")
        }
        self.isFinished = true
        if reason == "refusal", let explanation = self.explanation { events.append(.refusalDelta(explanation)) }
        if let usage = self.usage.usage { events.append(.usage(usage)) }
        events.append(.finished(Self.finishReason(reason)))
    }

    static func finishReason(_ text: String) -> FinishReason {
        switch text {
        case "end_turn", "stop_sequence": .stop
        case "max_tokens", "model_context_window_exceeded": .length
        case "tool_use": .toolCalls
        case "refusal": .refusal
        // `pause_turn` among them: it belongs to tools of the server, which we never ask for.
        default: .other
        }
    }
}
