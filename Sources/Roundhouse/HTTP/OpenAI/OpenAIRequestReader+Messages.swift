internal import FoundationEssentials
internal import Inference

// The conversation.
extension OpenAIFields {
    mutating func messages(_ value: JSONValue?) -> [Message] {
        guard let value, !value.isNull else {
            self.report("messages", "is missing: at least one message is expected", .missing)
            return []
        }
        guard let array = self.array(value) else { return [] }
        var calls = CallNames()
        var messages: [Message] = []
        var isEmpty = true
        for element in array.elements {
            isEmpty = false
            if let message = self.message(element, &calls) { messages.append(message) }
        }
        if isEmpty { self.report(value, "is empty: at least one message is expected", .invalidValue) }
        return messages
    }

    /// What tools were called so far. Results name their calls by id; some wire formats want the tool's name as well.
    private struct CallNames {
        var byID: [String: String] = [:]
        /// The old form has no ids: the newest call of a function is the one that a result is of.
        var newestID: [String: String] = [:]
        var oldCalls = 0
    }

    private mutating func message(_ value: JSONValue, _ calls: inout CallNames) -> Message? {
        guard value.kind == .object else {
            self.wrongType(value, expected: "an object")
            return nil
        }
        self.checkKeys(value)
        guard let role = value["role"], !role.isNull else {
            self.report(self.path(value) + ".role", "is missing: \(Self.roles) is expected", .missing)
            return nil
        }
        switch role.string {
        case "system", "developer":
            return Message(role: .system, parts: self.texts(of: value, in: role))
        case "user":
            return Message(role: .user, parts: self.userParts(of: value))
        case "assistant":
            return Message(role: .assistant, parts: self.assistantParts(of: value, &calls))
        case "tool":
            return Message(role: .tool, parts: [.toolResult(self.toolResult(value, calls))])
        case "function":
            return Message(role: .tool, parts: [.toolResult(self.functionResult(value, calls))])
        case nil:
            self.wrongType(role, expected: Self.roles)
            return nil
        case let name?:
            self.report(role, "is '\(name.prefix(100))'; expected \(Self.roles)", .invalidValue)
            return nil
        }
    }

    private static let roles = "system, developer, user, assistant, tool or function"

    // MARK: - Content

    /// The content of a message that is text alone.
    private mutating func texts(of message: JSONValue, in role: JSONValue) -> [Message.Part] {
        self.ignoreOthers(of: message, but: ["role", "content"])
        return self.parts(of: message) { fields, part, _ in
            fields.unsupported(part, expected: "text in a message of this role")
            return nil
        }
    }

    private mutating func userParts(of message: JSONValue) -> [Message.Part] {
        self.ignoreOthers(of: message, but: ["role", "content"])
        return self.parts(of: message) { fields, part, type in
            guard type == "image_url" else {
                fields.unsupported(part, expected: "text or image_url")
                return nil
            }
            return fields.image(part).map { .image($0) }
        }
    }

    /// Reads `content`: a string, or an array of parts, of which those with text are read here.
    ///
    /// - Parameter other: reads a part of another type.
    private mutating func parts(
        of message: JSONValue,
        other: (inout OpenAIFields, _ part: JSONValue, _ type: String) -> Message.Part?
    ) -> [Message.Part] {
        guard let content = message["content"], !content.isNull else {
            self.report(
                self.path(message) + ".content", "is missing: a text or an array of parts is expected", .missing)
            return []
        }
        if let text = content.string { return [.text(text)] }
        guard content.kind == .array else {
            self.wrongType(content, expected: "a string or an array of parts")
            return []
        }
        let before = self.checks.violations.count
        let parts = content.elements.compactMap { self.part($0, other: other) }
        if parts.isEmpty, self.checks.violations.count == before {
            self.report(content, "is empty: at least one part is expected", .invalidValue)
        }
        return parts
    }

    private mutating func part(
        _ value: JSONValue, other: (inout OpenAIFields, JSONValue, String) -> Message.Part?
    ) -> Message.Part? {
        // Some clients write texts without their braces.
        if let text = value.string { return .text(text) }
        guard let part = self.object(value) else {
            if value.isNull { self.wrongType(value, expected: "an object") }
            return nil
        }
        guard let type = part["type"]?.string else {
            self.report(self.path(part) + ".type", "is missing: the part's type is expected", .missing)
            return nil
        }
        guard type == "text" else { return other(&self, part, type) }
        self.ignoreOthers(of: part, but: ["type", "text"])
        guard let text = part["text"], !text.isNull else {
            self.report(self.path(part) + ".text", "is missing: a text is expected", .missing)
            return nil
        }
        return self.string(text).map { .text($0) }
    }

    fileprivate mutating func unsupported(_ part: JSONValue, expected: String) {
        guard let type = part["type"] else { return }
        self.report(type, "is '\((type.string ?? "").prefix(100))'; expected \(expected)", .unsupportedValue)
    }

    // MARK: - Pictures

    fileprivate mutating func image(_ part: JSONValue) -> Image? {
        self.ignoreOthers(of: part, but: ["type", "image_url"])
        guard let holder = part["image_url"], !holder.isNull else {
            self.report(self.path(part) + ".image_url", "is missing: an object with a url is expected", .missing)
            return nil
        }
        // Some clients write the address in the place of the object that holds it.
        if holder.string != nil { return self.image(holder, detail: nil) }
        guard let object = self.object(holder) else { return nil }
        self.ignoreOthers(of: object, but: ["url", "detail"])
        guard let url = object["url"], !url.isNull else {
            self.report(self.path(object) + ".url", "is missing: an address is expected", .missing)
            return nil
        }
        return self.image(url, detail: self.name(object["detail"], as: Image.Detail.self))
    }

    private mutating func image(_ value: JSONValue, detail: Image.Detail?) -> Image? {
        guard let url = self.string(value) else { return nil }
        let prefix = self.prefix
        guard url.utf8.starts(with: "data:".utf8) else {
            self.checks.checkImage(
                url: url, field: Self.path(value, prefix), otherwise: "bytes go into a data: URL in base64")
            return Image(.url(url), detail: detail)
        }
        guard let comma = url.utf8.firstIndex(of: UInt8(ascii: ",")) else {
            self.report(value, "is a data: URL without data; expected 'data:image/png;base64,…'", .invalidValue)
            return nil
        }
        let head = url[url.utf8.index(url.startIndex, offsetBy: 5)..<comma].split(separator: ";")
        guard head.last == "base64", let data = Data(base64Encoded: String(url[url.utf8.index(after: comma)...])) else {
            self.report(value, "is a data: URL without base64; expected 'data:image/png;base64,…'", .invalidValue)
            return nil
        }
        let type = head.first.map { $0.lowercased() } ?? ""
        self.checks.checkImage(byteCount: data.count, field: Self.path(value, prefix))
        self.checks.checkImage(mediaType: type, field: Self.path(value, prefix))
        return Image(.bytes([UInt8](data), mediaType: type), detail: detail)
    }

    // MARK: - What models said

    private mutating func assistantParts(of message: JSONValue, _ calls: inout CallNames) -> [Message.Part] {
        self.ignoreOthers(
            of: message,
            but: [
                "role", "content", "refusal", "reasoning_content", "reasoning", "tool_calls", "function_call",
            ])
        let before = self.checks.violations.count
        var parts: [Message.Part] = []
        let thoughts = self.string(message["reasoning_content"]) ?? self.string(message["reasoning"])
        if let thoughts, !thoughts.isEmpty { parts.append(.reasoning(Reasoning(thoughts))) }
        if let content = message["content"], !content.isNull {
            let said = self.parts(of: message) { fields, part, type in
                guard type == "refusal", let words = part["refusal"]?.string else {
                    fields.unsupported(part, expected: "text or refusal")
                    return nil
                }
                return .text(words)
            }
            parts += said
        }
        if let words = self.string(message["refusal"]), !words.isEmpty { parts.append(.text(words)) }
        let called = self.toolCalls(message, &calls)
        // Clients write an empty text beside calls.
        if !called.isEmpty { parts.removeAll { $0 == .text("") } }
        parts += called
        if parts.isEmpty, self.checks.violations.count == before {
            self.report(
                self.path(message) + ".content", "is missing: a text, or tool_calls beside it, is expected", .missing)
        }
        return parts
    }

    private mutating func toolCalls(_ message: JSONValue, _ calls: inout CallNames) -> [Message.Part] {
        var parts: [Message.Part] = []
        for value in self.elements(message["tool_calls"]) {
            guard let call = self.object(value) else { continue }
            if let type = call["type"], !type.isNull, type.string != "function" {
                self.unsupported(call, expected: "function")
                continue
            }
            let id = self.string(call["id"]) ?? ""
            if id.isEmpty {
                self.report(self.path(call) + ".id", "is missing: the call's id is expected", .missing)
            }
            guard let function = self.object(call["function"]) else {
                if call["function"]?.isNull ?? true {
                    self.report(
                        self.path(call) + ".function", "is missing: a name and arguments are expected", .missing)
                }
                continue
            }
            let made = self.call(function, id: id)
            calls.byID[id] = made.name
            parts.append(.toolCall(made))
        }
        if let function = self.object(message["function_call"]) {
            calls.oldCalls += 1
            let call = self.call(function, id: "call_\(calls.oldCalls)")
            calls.byID[call.id] = call.name
            calls.newestID[call.name] = call.id
            parts.append(.toolCall(call))
        }
        return parts
    }

    private mutating func call(_ function: JSONValue, id: String) -> ToolCall {
        let name = self.string(function["name"]) ?? ""
        let arguments = self.string(function["arguments"]) ?? ""
        let prefix = self.prefix
        self.checks.checkName(name, field: Self.path(function, prefix) + ".name")
        if !arguments.isEmpty {
            self.checks.checkJSONObject(arguments, field: Self.path(function, prefix) + ".arguments")
        }
        return ToolCall(id: id, name: name, argumentsJSON: arguments)
    }

    // MARK: - What tools gave

    private mutating func toolResult(_ message: JSONValue, _ calls: CallNames) -> ToolResult {
        self.ignoreOthers(of: message, but: ["role", "content", "tool_call_id", "name"])
        let path = self.prefix
        guard let id = self.string(message["tool_call_id"]) else {
            if message["tool_call_id"]?.isNull ?? true {
                self.report(
                    self.path(message) + ".tool_call_id", "is missing: the id of the tool call is expected", .missing)
            }
            return ToolResult(callID: "", content: "")
        }
        let name = self.checks.toolName(
            self.string(message["name"]) ?? "", ofCall: id, among: calls.byID, field: Self.path(message, path),
            idField: Self.path(message, path) + ".tool_call_id")
        return ToolResult(callID: id, name: name, content: self.resultText(message))
    }

    private mutating func functionResult(_ message: JSONValue, _ calls: CallNames) -> ToolResult {
        self.ignoreOthers(of: message, but: ["role", "content", "name"])
        let name = self.string(message["name"]) ?? ""
        guard let id = calls.newestID[name] else {
            self.report(
                self.path(message) + ".name",
                "is '\(name.prefix(100))'; expected the name of a function_call in an earlier message", .invalidValue)
            return ToolResult(callID: "", content: "")
        }
        return ToolResult(callID: id, name: name, content: self.resultText(message))
    }

    private mutating func resultText(_ message: JSONValue) -> String {
        let parts = self.parts(of: message) { fields, part, _ in
            fields.unsupported(part, expected: "text in a result of a tool")
            return nil
        }
        return Message(role: .tool, parts: parts).text
    }
}
