internal import RoundhouseAPI
internal import SwiftProtobuf

/// Shows a streamed answer as it arrives, and holds the server to what it promised about the stream.
struct AnswerPrinter {
    /// A whole answer.
    struct Answer: Sendable, Hashable {
        var text: String
        var summary: AnswerSummary
    }

    private enum Line {
        case fresh, text, reasoning
    }

    private let console: any Console
    private let json: Bool
    private var started: Roundhouse_V1_Started?
    private var completed: Roundhouse_V1_Completed?
    private var text = ""
    private var toolCalls = ToolCallFragments()
    private var order = StreamOrder()
    private var progress: JobView
    private var line = Line.fresh

    init(console: any Console, json: Bool) {
        self.console = console
        self.json = json
        self.progress = JobView(console, json: json)
    }

    /// Shows one event.
    ///
    /// - Throws: ``OutputClosed``; ``CommandFailure/brokenPromise(_:)`` for an event out of order.
    mutating func take(_ response: Roundhouse_V1_StreamGenerateResponse) async throws {
        try self.order.take(response)
        if self.json { try await self.console.write(response.jsonString() + "\n") }
        switch response.event {
        case .started(let started):
            await self.progress.clear()
            self.started = started
        case .textDelta(let delta):
            self.text += delta.text
            try await self.show(text: delta.text)
        case .reasoningDelta(let delta):
            try await self.show(reasoning: delta.text)
        case .refusalDelta(let delta):
            self.text += delta.text
            try await self.show(text: delta.text)
        case .toolCallDelta(let delta):
            self.toolCalls.add(delta)
        case .superseded(let superseded):
            self.text = ""
            self.toolCalls = .init()
            try await self.show(superseded)
        case .citation:
            break
        case .completed(let completed):
            self.completed = completed
        case .progress(let progress):
            if !self.json { await self.progress.show(progress) }
        case nil:
            // An event of a newer server, which says nothing to this client.
            break
        }
    }

    /// Ends the answer after the stream ended with OK.
    ///
    /// - Throws: ``CommandFailure/brokenPromise(_:)`` when the stream lacked its last event.
    mutating func finish() async throws -> Answer {
        try await self.breakLine()
        try self.order.end()
        let completed = self.completed ?? .init()
        let model = self.started?.model ?? ""
        if !self.json {
            for call in self.toolCalls.assembled {
                let words = TerminalText.singleLine("\(call.name)(\(call.argumentsJson))")
                await self.console.note("the model wants a tool called: \(words)\n")
            }
        }
        return Answer(text: self.text, summary: AnswerSummary(model: model, completed: completed))
    }

    /// Leaves a line that was begun, so that what follows starts on its own.
    mutating func breakLine() async throws {
        await self.progress.clear()
        switch self.line {
        case .fresh: return
        case .text: try await self.console.write("\n")
        case .reasoning: await self.console.note("\n")
        }
        self.line = .fresh
    }

    private mutating func show(text: String) async throws {
        guard !self.json, !text.isEmpty else { return }
        if self.line == .reasoning { try await self.breakLine() }
        self.line = .text
        try await self.console.write(self.console.output.isTerminal ? TerminalText.sanitized(text) : text)
    }

    /// What was shown cannot be taken back, so it is said that it does not count.
    private mutating func show(_ superseded: Roundhouse_V1_Superseded) async throws {
        guard !self.json else { return }
        try await self.breakLine()
        let reason = [superseded.fault, superseded.message].filter { !$0.isEmpty }.joined(separator: ": ")
        await self.console.note(line: "(what came before is void: \(reason); another attempt begins)")
    }

    /// Thoughts go to standard error, so that a redirected answer is the answer alone.
    private mutating func show(reasoning: String) async throws {
        guard !self.json, !reasoning.isEmpty else { return }
        if self.line == .text { try await self.breakLine() }
        let mark = self.line == .reasoning ? "" : "[thinking] "
        self.line = .reasoning
        let words = self.console.errors.isTerminal ? TerminalText.sanitized(reasoning) : reasoning
        await self.console.note(self.console.errors.dim(mark + words))
    }
}
