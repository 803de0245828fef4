internal import Inference
internal import Logging
internal import Synchronization

/// Writes what clients ask and what they are answered into the log: only when the configuration wants it.
struct PromptLog: Sendable {
    /// What is written of one text at most, in bytes.
    static let longest = 16 * 1024

    private let logger: Logger

    /// - Returns: `nil` when no text is to be written. Otherwise a warning has been.
    init?(_ log: RoundhouseConfiguration.Log, logger: Logger) {
        guard log.prompts else { return nil }
        self.logger = logger
        logger.warning(
            "Prompts and answers are written to the log, at level debug (log.prompts)",
            metadata: ["log_level": "\(logger.logLevel)"])
    }

    func begin(_ request: InferenceRequest) -> LoggedText {
        let subject = Self.subject(request.id, request.trace)
        self.logger.debug("Prompt", metadata: subject.merging(["text": "\(Self.text(of: request))"]) { $1 })
        return LoggedText(subject, self.logger)
    }

    /// Writes the texts of which vectors are wanted, a line for each; the vectors are no text.
    func note(_ request: EmbeddingRequest) {
        self.logger.debug(
            "Prompt",
            metadata: Self.subject(request.id, request.trace).merging(
                ["inputs": "\(request.inputs.count)", "text": "\(Self.text(of: request.inputs))"]) { $1 })
    }

    /// Whose text it is.
    private static func subject(_ id: String, _ trace: TraceContext?) -> Logger.Metadata {
        var subject: Logger.Metadata = ["request_id": "\(id)"]
        if let trace { subject["trace_id"] = "\(trace.traceID)" }
        return subject
    }

    /// The first of them: no one matters more than another.
    private static func text(of inputs: [String]) -> String {
        var text = ""
        for (place, input) in inputs.enumerated() {
            if place > 0 { text += "\n" }
            let room = self.longest - text.utf8.count
            guard input.utf8.count <= room else {
                return text + String(decoding: input.utf8.prefix(max(room, 0)), as: UTF8.self) + "…"
            }
            text += input
        }
        return text
    }

    /// Of a conversation the texts, with who said them; the newest matter most.
    private static func text(of request: InferenceRequest) -> String {
        let text = request.messages.map { "\($0.role): \($0.text)" }.joined(separator: "\n")
        guard text.utf8.count > self.longest else { return text }
        return "…" + String(decoding: text.utf8.suffix(self.longest), as: UTF8.self)
    }
}

/// An answer under way that is to be logged.
final class LoggedText: Sendable {
    private let subject: Logger.Metadata
    private let logger: Logger
    private let text = Mutex("")

    fileprivate init(_ subject: Logger.Metadata, _ logger: Logger) {
        self.subject = subject
        self.logger = logger
    }

    func take(_ outputs: [PipelineOutput]) {
        self.text.withLock { text in
            for output in outputs where text.utf8.count < PromptLog.longest {
                switch output {
                case .superseded: text = ""
                case .delta(.textDelta(let more)): text += more.prefix(PromptLog.longest)
                default: break
                }
            }
        }
    }

    func end() {
        let text = self.text.withLock { $0 }
        self.logger.debug("Answer", metadata: self.subject.merging(["text": "\(text)"]) { $1 })
    }
}
