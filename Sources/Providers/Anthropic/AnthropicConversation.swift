import Inference

/// A conversation in the shape of the Messages API: what the system says apart, and turns that alternate.
struct AnthropicConversation: Sendable {
    /// All that the system says, wherever in the conversation it said it, with an empty line between; may be empty.
    private(set) var system = ""
    private(set) var turns: [Turn] = []

    /// Messages of one side that follow one another. Never empty.
    struct Turn: Sendable {
        let isAssistant: Bool
        var parts: [Message.Part]
    }

    /// - Parameter prefill: the begun answer, for the end of the last turn.
    /// - Throws: ``UpstreamFault/Kind/invalidRequest``, naming the part, for what stands where it has no meaning or is no
    ///   JSON; ``UpstreamFault/Kind/unsupported`` for pictures of other types and for a conversation without turns.
    init(_ messages: [Message], prefill: String?) throws(UpstreamFault) {
        for (place, message) in messages.enumerated() {
            do throws(UpstreamFault) {
                try self.add(message)
            } catch {
                throw UpstreamFault(error.kind, "messages[\(place)]: \(error.message)")
            }
        }
        if let prefill { self.add(.text(prefill), isAssistant: true) }
        self.sortResults()
        self.trimEnd()
        guard !self.turns.isEmpty else {
            throw UpstreamFault(
                .unsupported, "messages: the Messages API needs a message of a user beside what the system says")
        }
    }

    private mutating func add(_ message: Message) throws(UpstreamFault) {
        for part in message.parts {
            try Self.check(part, in: message.role)
            if message.role == .system {
                if case .text(let text) = part, Self.isSendable(part) {
                    self.system += self.system.isEmpty ? text : "\n\n\(text)"
                }
            } else {
                self.add(part, isAssistant: message.role == .assistant)
            }
        }
    }

    private mutating func add(_ part: Message.Part, isAssistant: Bool) {
        guard Self.isSendable(part) else { return }
        if let last = self.turns.indices.last, self.turns[last].isAssistant == isAssistant {
            self.turns[last].parts.append(part)
        } else {
            self.turns.append(Turn(isAssistant: isAssistant, parts: [part]))
        }
    }

    /// Text of nothing but white space is refused there, and thoughts without a signature of theirs prove nothing.
    private static func isSendable(_ part: Message.Part) -> Bool {
        switch part {
        case .text(let text): text.contains { !$0.isWhitespace }
        case .reasoning(let reasoning): AnthropicConversation.signature(of: reasoning) != nil
        case .image, .toolCall, .toolResult: true
        }
    }

    /// The signature that this wire format may be given back; `nil` when there is none.
    static func signature(of reasoning: Reasoning) -> ReasoningSignature? {
        guard let signature = reasoning.signature, signature.isFor(AnthropicFormat.origin), !signature.value.isEmpty
        else { return nil }
        return signature
    }

    /// Puts results of tools at the front of their turn, where the API wants them.
    private mutating func sortResults() {
        for place in self.turns.indices where !self.turns[place].isAssistant {
            let parts = self.turns[place].parts
            let results = parts.filter(\.isToolResult)
            guard !results.isEmpty, results.count < parts.count else { continue }
            self.turns[place].parts = results + parts.filter { !$0.isToolResult }
        }
    }

    /// An answer that is begun must not end with white space there.
    private mutating func trimEnd() {
        guard let last = self.turns.indices.last, self.turns[last].isAssistant,
            case .text(let text)? = self.turns[last].parts.last
        else { return }
        let end = text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? text.startIndex
        self.turns[last].parts[self.turns[last].parts.count - 1] = .text(String(text[..<end]))
    }

    // MARK: - Checks

    private static func check(_ part: Message.Part, in role: Message.Role) throws(UpstreamFault) {
        switch (part, role) {
        case (.text, _), (.reasoning, .assistant), (.toolResult, .tool), (.toolResult, .user): return
        case (.image(let image), .user): try Self.check(image)
        case (.toolCall(let call), .assistant):
            guard call.argumentsJSON.isEmpty || JSONSyntax.isObject(call.argumentsJSON) else {
                throw UpstreamFault(
                    .invalidRequest,
                    "the arguments of tool call '\(call.id)' are no JSON object: \(call.argumentsJSON.utf8.span.excerpt)"
                )
            }
        default:
            throw UpstreamFault(.invalidRequest, "\(part.name) has no place in a message of role \(role.rawValue)")
        }
    }

    private static let mediaTypes: Set<String> = ["image/jpeg", "image/png", "image/gif", "image/webp"]

    private static func check(_ image: Image) throws(UpstreamFault) {
        guard case .bytes(_, let mediaType) = image.source, !Self.mediaTypes.contains(mediaType) else { return }
        throw UpstreamFault(
            .unsupported, "an image of type '\(mediaType)'; expected image/jpeg, image/png, image/gif or image/webp")
    }
}

extension Message.Part {
    fileprivate var isToolResult: Bool {
        if case .toolResult = self { true } else { false }
    }

    fileprivate var name: String {
        switch self {
        case .text: "a text"
        case .image: "an image"
        case .toolCall: "a tool call"
        case .toolResult: "a tool result"
        case .reasoning: "reasoning"
        }
    }
}
