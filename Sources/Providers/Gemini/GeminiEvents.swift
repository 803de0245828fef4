import Inference

/// Puts an answer together from its chunks, be there many or one. Pure.
///
/// A chunk with a finish reason is usually the last. But some servers write one on every chunk, and some on empty chunks
/// before the first word: a reason counts only once the body is over, and no longer when output without one follows.
struct GeminiEvents: Sendable {
    private(set) var finishReason: FinishReason?
    private(set) var isFinished = false
    /// A running count: the last one is the sum.
    private var usage: Usage?
    private var ids: GeminiCallIDs
    private var callCount = 0
    private var citations = GeminiCitations()

    init(ids: GeminiCallIDs) {
        self.ids = ids
    }

    /// Appends what a chunk adds to the answer.
    ///
    /// - Throws: ``UpstreamFault``: an error inside the answer, a blocked prompt, a finish reason that is a failure.
    mutating func take(
        _ answer: borrowing GeminiAnswer, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        var goesOn = false
        for place in 0..<answer.partCount {
            guard let part = answer.part(at: place) else { continue }
            try self.take(part, into: &events)
            goesOn = goesOn || part.isWords
        }
        self.citations.take(answer, into: &events)
        if let error = answer.error { throw GeminiFaults.inAnswer(error) }
        if let usage = answer.usage { self.usage = usage }
        if let reason = answer.finishReason {
            self.finishReason = try Self.finishReason(reason, answer.finishMessage)
        } else if goesOn {
            self.finishReason = nil
        }
        if let reason = answer.blockReason, answer.candidateCount == 0 {
            let words = answer.blockMessage.map { ": \($0)" } ?? ""
            throw UpstreamFault(.contentFiltered, GeminiFaults.line("the prompt was blocked (\(reason))\(words)"))
        }
    }

    /// The body is over: appends the usage and the end.
    ///
    /// - Parameter what: how it ended, for the fault's sentence.
    /// - Throws: ``UpstreamFault/Kind/truncated`` when no reason was given.
    mutating func end(_ what: String, into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard let reason = self.finishReason else {
            throw UpstreamFault(.truncated, "\(what) before the upstream said why it finished")
        }
        self.isFinished = true
        self.citations.end(into: &events)
        if let usage = self.usage { events.append(.usage(usage)) }
        // Gemini says STOP of an answer that wants tools called.
        events.append(.finished(reason == .stop && self.callCount > 0 ? .toolCalls : reason))
    }

    private mutating func take(
        _ part: GeminiAnswer.Part, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        switch part {
        case .text(let text, let signature):
            if !text.isEmpty { events.append(.textDelta(text)) }
            if let signature { events.append(.reasoningSignature(Self.signature(signature))) }
        case .thought(let text, let signature):
            if !text.isEmpty { events.append(.reasoningDelta(text)) }
            if let signature { events.append(.reasoningSignature(Self.signature(signature))) }
        case .call(let id, let name, let arguments, let signature):
            // Calls come whole and without an index, one or several to a chunk.
            events.append(
                .toolCallDelta(
                    ToolCallDelta(
                        index: self.callCount, id: id ?? self.ids.next(), name: name, argumentsFragment: arguments,
                        signature: signature.map { Self.signature($0) })))
            self.callCount += 1
        case .media:
            throw UpstreamFault(.unsupported, "the answer holds a picture or a sound, which is no text")
        case .other: break
        }
    }

    private static func signature(_ value: String) -> ReasoningSignature {
        ReasoningSignature(value, origin: GeminiFormat.origin)
    }

    private static func finishReason(_ reason: String, _ message: String?) throws(UpstreamFault) -> FinishReason {
        switch reason {
        case "STOP": return .stop
        case "MAX_TOKENS": return .length
        case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR", "ESCALATION":
            return .contentFilter
        case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE":
            throw Self.fault(.malformed, reason, message)
        case "MISSING_THOUGHT_SIGNATURE": throw Self.fault(.invalidRequest, reason, message)
        default: return .other
        }
    }

    private static func fault(_ kind: UpstreamFault.Kind, _ reason: String, _ message: String?) -> UpstreamFault {
        let words = message.map { ": \($0)" } ?? ""
        return UpstreamFault(kind, GeminiFaults.line("the upstream ended its answer with \(reason)\(words)"))
    }
}

/// The sources of an answer. Chunks repeat them as they become more: each is passed on once.
struct GeminiCitations: Sendable {
    /// More sources than an answer has; those beyond are dropped.
    static let limit = 1000

    private var sources: [GeminiAnswer.Source] = []
    /// The places of sources that some words rest on.
    private var referenced: Set<Int> = []
    private var seen: Set<Citation> = []

    mutating func take(_ answer: borrowing GeminiAnswer, into events: inout [InferenceEvent]) {
        for citation in answer.citations { self.add(citation, to: &events) }
        // The list grows from chunk to chunk, or comes before the words that rest on it.
        let sources = answer.sources.prefix(Self.limit)
        if !sources.isEmpty {
            if !sources.starts(with: self.sources) {
                self.end(into: &events)
                self.referenced = []
            }
            self.sources = Array(sources)
        }
        for support in answer.supports where self.sources.indices.contains(support.source) {
            self.referenced.insert(support.source)
            self.add(Self.citation(self.sources[support.source], support.range), to: &events)
        }
    }

    /// Appends the sources on which no particular words rest.
    mutating func end(into events: inout [InferenceEvent]) {
        for place in self.sources.indices where !self.referenced.contains(place) {
            self.add(Self.citation(self.sources[place], nil), to: &events)
        }
    }

    private mutating func add(_ citation: Citation, to events: inout [InferenceEvent]) {
        guard citation.url != nil || citation.title != nil || citation.citedText != nil else { return }
        guard self.seen.count < Self.limit, self.seen.insert(citation).inserted else { return }
        events.append(.citation(citation))
    }

    private static func citation(_ source: GeminiAnswer.Source, _ range: Range<Int>?) -> Citation {
        Citation(
            url: source.url, title: source.title, citedText: source.words, startIndex: range?.lowerBound,
            endIndex: range?.upperBound)
    }
}
