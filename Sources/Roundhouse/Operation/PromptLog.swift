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
        self.logger.debug("Prompt", metadata: ["request_id": "\(request.id)", "text": "\(Self.text(of: request))"])
        return LoggedText(request.id, self.logger)
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
    private let id: String
    private let logger: Logger
    private let text = Mutex("")

    fileprivate init(_ id: String, _ logger: Logger) {
        self.id = id
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
        self.logger.debug("Answer", metadata: ["request_id": "\(self.id)", "text": "\(text)"])
    }
}
