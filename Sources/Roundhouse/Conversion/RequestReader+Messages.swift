internal import Inference
internal import RoundhouseAPI

// The conversation.
extension RequestReader {
    /// The longest picture, in bytes. Encoded for an upstream it is a third larger.
    static let longestImage = 20 << 20
    private static let imageTypes = ["image/png", "image/jpeg", "image/gif", "image/webp"]

    mutating func messages(_ messages: [Roundhouse_V1_Message], mayBeEmpty: Bool = false) -> [Message] {
        if messages.isEmpty, !mayBeEmpty {
            self.report(FieldViolation("messages", "is empty: at least one message is expected"))
        }
        // Results name their calls by id; some wire formats want the tool's name as well.
        var toolNames: [String: String] = [:]
        return messages.enumerated().map { index, message in
            let role = self.role(message.role, field: "messages[\(index)].role")
            let parts = self.parts(
                message.parts, of: role, names: &toolNames, field: "messages[\(index)].parts")
            return Message(role: role ?? .user, parts: parts)
        }
    }

    /// - Returns: `nil` for a role that is none; told then.
    private mutating func role(_ role: Roundhouse_V1_Role, field: String) -> Message.Role? {
        switch role {
        case .system: return .system
        case .user: return .user
        case .assistant: return .assistant
        case .tool: return .tool
        case .unspecified, .UNRECOGNIZED:
            self.report(
                FieldViolation(
                    field,
                    found: "\(role.rawValue)",
                    expected: "ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT or ROLE_TOOL"
                )
            )
            return nil
        }
    }

    private mutating func parts(
        _ parts: [Roundhouse_V1_Part],
        of role: Message.Role?,
        names: inout [String: String],
        field: String
    ) -> [Message.Part] {
        if parts.isEmpty {
            self.report(FieldViolation(field, "is empty: at least one part is expected"))
        }
        return parts.enumerated().compactMap { index, part in
            let field = "\(field)[\(index)]"
            guard let content = part.content else {
                self.report(
                    FieldViolation(
                        field, "has no content: text, image, tool_call, tool_result or reasoning is expected"))
                return nil
            }
            self.check(content, standsIn: role, field: field)
            switch content {
            case .text(let text): return .text(text)
            case .image(let image): return self.image(image, field: "\(field).image").map { .image($0) }
            case .toolCall(let call): return .toolCall(self.toolCall(call, &names, field: "\(field).tool_call"))
            case .toolResult(let result):
                return .toolResult(self.toolResult(result, names, field: "\(field).tool_result"))
            case .reasoning(let reasoning):
                return .reasoning(
                    Reasoning(
                        reasoning.text,
                        signature: Self.signature(
                            reasoning.signature, origin: reasoning.origin, isRedacted: reasoning.redacted)
                    )
                )
            }
        }
    }

    /// Who may say what.
    private mutating func check(
        _ content: Roundhouse_V1_Part.OneOf_Content,
        standsIn role: Message.Role?,
        field: String
    ) {
        let (name, roles): (String, Set<Message.Role>) =
            switch content {
            case .text: ("text", [.system, .user, .assistant])
            case .image: ("image", [.user])
            case .toolCall: ("tool_call", [.assistant])
            case .toolResult: ("tool_result", [.tool])
            case .reasoning: ("reasoning", [.assistant])
            }
        guard let role, !roles.contains(role) else { return }
        let expected = roles.map { "ROLE_\($0.rawValue.uppercased())" }.sorted().joined(separator: " or ")
        self.report(
            FieldViolation(
                field, "holds \(name) in a message of ROLE_\(role.rawValue.uppercased()); expected \(expected)"))
    }

    private mutating func image(_ image: Roundhouse_V1_Image, field: String) -> Image? {
        let detail: Image.Detail? =
            switch image.detail {
            case .unspecified: nil
            case .auto: .auto
            case .low: .low
            case .high: .high
            case .UNRECOGNIZED(let number): self.unknown(number, "detail", of: field, "an ImageDetail")
            }
        switch image.source {
        case .data(let data):
            self.checkImage(byteCount: data.count, field: "\(field).data")
            self.checkImage(mediaType: image.mediaType, field: "\(field).media_type")
            return Image(.bytes([UInt8](data), mediaType: image.mediaType), detail: detail)
        case .url(let url):
            self.checkImage(url: url, field: "\(field).url", otherwise: "bytes go into data")
            return Image(.url(url), detail: detail)
        case nil:
            self.report(FieldViolation(field, "has no source: data or url is expected"))
            return nil
        }
    }

    mutating func checkImage(byteCount: Int, field: @autoclosure () -> String) {
        guard byteCount == 0 || byteCount > Self.longestImage else { return }
        self.report(FieldViolation(field(), found: "\(byteCount) bytes", expected: "1 byte to 20 MiB"))
    }

    mutating func checkImage(mediaType: String, field: @autoclosure () -> String) {
        guard !Self.imageTypes.contains(mediaType) else { return }
        self.report(FieldViolation(field(), found: mediaType, expected: Self.imageTypes.joined(separator: ", ")))
    }

    /// - Parameter otherwise: how bytes are sent.
    mutating func checkImage(url: String, field: @autoclosure () -> String, otherwise: String) {
        let isAddress = url.hasPrefix("https://") || url.hasPrefix("http://")
        guard !isAddress || url.utf8.count > 8192 || !url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return }
        self.report(
            FieldViolation(
                field(), found: url,
                expected: "an https or http address of at most 8192 ASCII characters; \(otherwise)"))
    }

    private mutating func toolCall(
        _ call: Roundhouse_V1_ToolCall, _ names: inout [String: String], field: String
    ) -> ToolCall {
        if call.id.isEmpty { self.report(FieldViolation("\(field).id", "is empty: the call's id is expected")) }
        self.checkName(call.name, field: "\(field).name")
        if !call.argumentsJson.isEmpty { self.checkJSONObject(call.argumentsJson, field: "\(field).arguments_json") }
        names[call.id] = call.name
        return ToolCall(
            id: call.id, name: call.name, argumentsJSON: call.argumentsJson,
            signature: Self.signature(call.signature, origin: call.origin))
    }

    private mutating func toolResult(
        _ result: Roundhouse_V1_ToolResult, _ names: [String: String], field: String
    ) -> ToolResult {
        let name = self.toolName(
            result.name, ofCall: result.toolCallID, among: names, field: field, idField: "\(field).tool_call_id")
        return ToolResult(
            callID: result.toolCallID, name: name, content: result.content, isError: result.isError)
    }

    /// The name of the tool whose result it is.
    ///
    /// - Parameters:
    ///   - name: as the client says it; may be empty.
    ///   - names: of the tools that were called so far, by the ids of the calls.
    mutating func toolName(
        _ name: String, ofCall id: String, among names: [String: String],
        field: @autoclosure () -> String, idField: @autoclosure () -> String
    ) -> String {
        guard let known = names[id] else {
            self.report(
                FieldViolation(idField(), found: id, expected: "the id of a tool call in an earlier message"))
            return name
        }
        if !name.isEmpty, name != known {
            self.report(FieldViolation("\(field()).name", found: name, expected: "'\(known)', as in its call"))
        }
        return known
    }

    private static func signature(_ value: String, origin: String, isRedacted: Bool = false) -> ReasoningSignature? {
        value.isEmpty ? nil : ReasoningSignature(value, origin: origin, isRedacted: isRedacted)
    }

    /// 1-64 characters of letters, digits, `_` and `-`.
    mutating func checkName(_ name: String, field: @autoclosure () -> String) {
        let isFit = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D: true
            default: false
            }
        }
        guard (1...64).contains(name.utf8.count), isFit else {
            self.report(
                FieldViolation(field(), found: name, expected: "1-64 characters of letters, digits, '_' and '-'"))
            return
        }
    }

    mutating func checkJSONObject(_ text: String, field: @autoclosure () -> String) {
        guard let problem = JSONObjectText.problem(of: text) else { return }
        self.report(FieldViolation(field(), "is no JSON object: \(problem)"))
    }

    /// Tells that an enum's number has no meaning.
    mutating func unknown<Value>(_ number: Int, _ name: String, of field: String, _ expected: String) -> Value? {
        let path = field.isEmpty ? name : "\(field).\(name)"
        self.report(FieldViolation(path, found: "\(number)", expected: "\(expected) of this version"))
        return nil
    }
}
