import Inference

/// A conversation in Gemini's terms: instructions beside it, two roles that take turns, typed parts.
///
/// System messages become instructions wherever they stood. Results of tools are the user's. Neighbours of one role are
/// one content, since Gemini wants the roles to alternate.
struct GeminiConversation: Sendable, Hashable {
    private(set) var instructions: [String] = []
    private(set) var contents: [GeminiContent] = []

    /// - Throws: ``UpstreamFault/Kind/unsupported`` for what Gemini does not take, ``UpstreamFault/Kind/invalidRequest``
    ///   for a result of a tool whose name nobody knows.
    init(_ request: UpstreamRequest, model: GeminiModelName) throws(UpstreamFault) {
        let messages = request.inference.messages
        var names: [String: String] = [:]
        for (place, message) in messages.enumerated() {
            guard message.role != .system else {
                guard message.isPlainText else {
                    throw UpstreamFault(.unsupported, "messages[\(place)]: Gemini takes system messages as text only")
                }
                self.instructions.append(message.text)
                continue
            }
            for part in message.parts {
                if case .toolCall(let call) = part { names[call.id] = call.name }
                guard let part = try Self.part(part, place, names, model) else { continue }
                self.append(part, from: message.role == .assistant ? .model : .user)
            }
        }
        if let begun = request.prefill { self.append(.text(begun), from: .model) }
        guard !self.contents.isEmpty else {
            throw UpstreamFault(.unsupported, "Gemini needs a message beside those of the system")
        }
        if model.isAtLeast(3) { self.vouchForForeignCalls() }
    }

    private mutating func append(_ part: GeminiPart, from role: GeminiContent.Role) {
        if self.contents.last?.role == role {
            self.contents[self.contents.count - 1].parts.append(part)
        } else {
            self.contents.append(GeminiContent(role: role, parts: [part]))
        }
    }

    /// Gemini 3 and later refuse a turn whose first call has no signature. Calls of other upstreams have none: Google
    /// documents this value for them, with which the turn is taken as it is.
    private mutating func vouchForForeignCalls() {
        for place in self.contents.indices where self.contents[place].role == .model {
            guard
                let first = self.contents[place].parts.firstIndex(where: { part in
                    if case .call = part { true } else { false }
                }),
                case .call(let id, let name, let arguments, nil) = self.contents[place].parts[first]
            else { continue }
            self.contents[place].parts[first] = .call(
                id: id, name: name, argumentsJSON: arguments, signature: "skip_thought_signature_validator")
        }
    }

    /// - Parameter names: of the calls so far, by id.
    /// - Returns: `nil` for thoughts that Gemini would make nothing of.
    private static func part(
        _ part: Message.Part, _ message: Int, _ names: [String: String], _ model: GeminiModelName
    ) throws(UpstreamFault) -> GeminiPart? {
        switch part {
        case .text(let text): return .text(text)
        case .image(let image): return try Self.image(image, message, model)
        case .toolCall(let call):
            return .call(
                id: GeminiCallIDs.sent(call.id), name: call.name, argumentsJSON: try Self.arguments(call, message),
                signature: Self.signature(call.signature))
        case .toolResult(let result):
            guard let name = result.name.isEmpty ? names[result.callID] : result.name else {
                throw UpstreamFault(
                    .invalidRequest,
                    "messages[\(message)].tool_result: no name, and no earlier call has the id '\(result.callID)'")
            }
            return .result(
                id: GeminiCallIDs.sent(result.callID), name: name, GeminiToolAnswer(result))
        case .reasoning(let reasoning):
            guard let signature = Self.signature(reasoning.signature) else { return nil }
            return .text(reasoning.text, signature: signature, isThought: !reasoning.text.isEmpty)
        }
    }

    private static func signature(_ signature: ReasoningSignature?) -> String? {
        guard let signature, signature.isFor(GeminiFormat.origin), !signature.value.isEmpty else { return nil }
        return signature.value
    }

    private static func arguments(_ call: ToolCall, _ message: Int) throws(UpstreamFault) -> String {
        if call.argumentsJSON.allSatisfy(\.isWhitespace) { return "{}" }
        guard JSONSyntax.isObject(call.argumentsJSON) else {
            throw UpstreamFault(
                .unsupported,
                "messages[\(message)].tool_call: Gemini takes the arguments of '\(call.name)' as a JSON object only")
        }
        return call.argumentsJSON
    }

    private static func image(
        _ image: Image, _ message: Int, _ model: GeminiModelName
    ) throws(UpstreamFault) -> GeminiPart {
        switch image.source {
        case .bytes(let bytes, let mediaType): return .bytes(bytes, mediaType: mediaType)
        case .url(let url):
            let lowered = url.lowercased()
            guard lowered.hasPrefix("https://") || lowered.hasPrefix("gs://") else {
                throw UpstreamFault(
                    .unsupported, "messages[\(message)].image: Gemini fetches image URLs that are https only")
            }
            // Files that were uploaded to Gemini are known to every model.
            if model.isBefore([2, 5]), !lowered.hasPrefix("https://generativelanguage.googleapis.com/") {
                throw UpstreamFault(
                    .unsupported, "messages[\(message)].image: \(model.resource) does not fetch image URLs")
            }
            return .file(url, mediaType: GeminiMedia.type(ofURL: lowered))
        }
    }
}

struct GeminiContent: Sendable, Hashable {
    var role: Role
    /// Never empty.
    var parts: [GeminiPart]

    enum Role: String, Sendable, Hashable {
        case user, model
    }
}

enum GeminiPart: Sendable, Hashable {
    case text(String, signature: String? = nil, isThought: Bool = false)
    case bytes([UInt8], mediaType: String)
    case file(String, mediaType: String?)
    case call(id: String?, name: String, argumentsJSON: String, signature: String?)
    case result(id: String?, name: String, GeminiToolAnswer)
}

/// What a tool gave, as the JSON object that Gemini wants.
enum GeminiToolAnswer: Sendable, Hashable {
    /// An object, as it was.
    case object(String)
    /// Under the key `result`, or `error`: JSON that is no object on its own, or an object that tells of a failure.
    case json(String, isError: Bool)
    /// Under the key `result`, or `error`.
    case text(String, isError: Bool)

    init(_ result: ToolResult) {
        let isObject = JSONSyntax.isObject(result.content)
        if isObject, !result.isError {
            self = .object(result.content)
        } else if isObject || JSONSyntax.isArray(result.content) {
            self = .json(result.content, isError: result.isError)
        } else {
            // A text that happens to look like a number stays a text.
            self = .text(result.content, isError: result.isError)
        }
    }
}

enum GeminiMedia {
    /// The media type that the ending of a URL's path stands for; `nil`: Gemini finds out itself.
    static func type(ofURL url: String) -> String? {
        let path = url.prefix { $0 != "?" && $0 != "#" }
        return switch path.split(separator: "/").last?.split(separator: ".").last {
        case "png": "image/png"
        case "jpg", "jpeg": "image/jpeg"
        case "webp": "image/webp"
        case "gif": "image/gif"
        case "heic": "image/heic"
        case "heif": "image/heif"
        default: nil
        }
    }
}

/// Names for calls to which the upstream gave none: `call_7`.
///
/// They go on after those in the conversation, so that a client can tell the calls of different turns apart, and they are
/// not sent back.
struct GeminiCallIDs: Sendable, Hashable {
    private var last: Int

    /// - Parameter messages: the conversation that the answer belongs to.
    init(after messages: [Message] = []) {
        self.last = 0
        for message in messages {
            for case .toolCall(let call) in message.parts {
                if let number = Self.number(call.id) { self.last = max(self.last, number) }
            }
        }
    }

    mutating func next() -> String {
        self.last += 1
        return "call_\(self.last)"
    }

    /// `id` unless it was made here.
    static func sent(_ id: String) -> String? {
        id.isEmpty || self.number(id) != nil ? nil : id
    }

    /// At most nine digits, so that counting on cannot overflow.
    private static func number(_ id: String) -> Int? {
        guard id.hasPrefix("call_"), (6...14).contains(id.utf8.count) else { return nil }
        let digits = id.utf8.dropFirst(5)
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return Int(id.dropFirst(5))
    }
}
