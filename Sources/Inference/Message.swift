/// One turn of a conversation.
public struct Message: Sendable, Hashable {
    public var role: Role
    /// In order; never empty.
    public var parts: [Part]

    public init(role: Role, parts: [Part]) {
        self.role = role
        self.parts = parts
    }

    public init(_ role: Role, _ text: String) {
        self.init(role: role, parts: [.text(text)])
    }

    public enum Role: String, Sendable, Hashable, CaseIterable {
        case system
        case user
        case assistant
        /// Results of tool calls.
        case tool
    }

    /// A piece of a message.
    public enum Part: Sendable, Hashable {
        case text(String)
        /// In messages of ``Role/user``.
        case image(Image)
        /// In messages of ``Role/assistant``: what the model asked for.
        case toolCall(ToolCall)
        /// In messages of ``Role/tool``: what came of it.
        case toolResult(ToolResult)
        /// In messages of ``Role/assistant``: what the model thought, to be given back to it.
        case reasoning(Reasoning)
    }

    /// The message's text parts, joined.
    public var text: String {
        if self.parts.count == 1, case .text(let text) = self.parts[0] { return text }
        var joined = ""
        for case .text(let text) in self.parts { joined += text }
        return joined
    }

    /// Whether it holds nothing but text.
    public var isPlainText: Bool {
        self.parts.allSatisfy { if case .text = $0 { true } else { false } }
    }

    /// About how many bytes it takes in a request, for buffers and estimates. Images count as encoded.
    public var approximateBytes: Int {
        self.parts.reduce(32) { sum, part in
            switch part {
            case .text(let text): sum + text.utf8.count
            case .image(let image): sum + image.approximateBytes
            case .toolCall(let call): sum + call.name.utf8.count + call.argumentsJSON.utf8.count + 64
            case .toolResult(let result): sum + result.content.utf8.count + 64
            case .reasoning(let reasoning):
                sum + reasoning.text.utf8.count + (reasoning.signature?.value.utf8.count ?? 0)
            }
        }
    }
}

/// A picture that a client sends.
public struct Image: Sendable, Hashable {
    public var source: Source
    /// How closely the model is to look; `nil`: the upstream's default. OpenAI's `detail`.
    public var detail: Detail?

    public init(_ source: Source, detail: Detail? = nil) {
        self.source = source
        self.detail = detail
    }

    public enum Source: Sendable, Hashable {
        /// - Parameter mediaType: `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
        case bytes([UInt8], mediaType: String)
        /// `https` or `http`; the upstream fetches it. Never fetched here.
        case url(String)
    }

    public enum Detail: String, Sendable, Hashable, CaseIterable {
        case auto, low, high
    }

    fileprivate var approximateBytes: Int {
        switch self.source {
        case .bytes(let bytes, _): bytes.count / 3 * 4 + 64
        case .url(let url): url.utf8.count + 64
        }
    }
}

/// A tool that a model wanted called.
public struct ToolCall: Sendable, Hashable {
    public var id: String
    public var name: String
    /// As the model wrote it: mostly a JSON object, but nobody checked.
    public var argumentsJSON: String
    /// See ``ToolCallDelta/signature``.
    public var signature: ReasoningSignature?

    public init(id: String, name: String, argumentsJSON: String, signature: ReasoningSignature? = nil) {
        self.id = id
        self.name = name
        self.argumentsJSON = argumentsJSON
        self.signature = signature
    }
}

/// What a tool gave.
public struct ToolResult: Sendable, Hashable {
    /// ``ToolCall/id``.
    public var callID: String
    /// ``ToolCall/name``: some wire formats want it again. Filled in from the call when the client left it out.
    public var name: String
    public var content: String
    /// Whether the tool failed and ``content`` says how.
    public var isError: Bool

    public init(callID: String, name: String = "", content: String, isError: Bool = false) {
        self.callID = callID
        self.name = name
        self.content = content
        self.isError = isError
    }
}

/// What a model thought before it said something.
public struct Reasoning: Sendable, Hashable {
    /// Empty when ``signature`` is redacted.
    public var text: String
    public var signature: ReasoningSignature?

    public init(_ text: String, signature: ReasoningSignature? = nil) {
        self.text = text
        self.signature = signature
    }
}
