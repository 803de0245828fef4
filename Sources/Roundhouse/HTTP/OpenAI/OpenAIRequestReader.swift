internal import Hummingbird
internal import Inference
internal import NIOCore

/// Makes an ``InferenceRequest`` of the body of `/v1/chat/completions` or `/v1/completions`.
///
/// What a field means is OpenAI's, what it may hold is what gRPC allows (``RequestReader``).
/// Source: <https://platform.openai.com/docs/api-reference/chat/create>
enum OpenAIRequestReader {
    /// - Parameter requestID: see ``requestID(_:)``.
    /// - Throws: ``OpenAIError`` that names every field at fault, or the place where the JSON breaks.
    static func chat(
        _ body: ByteBuffer, headers: HTTPFields, requestID: String
    ) throws(OpenAIError) -> OpenAIRequest {
        try self.read(body, requestID) { (root, fields) in
            var request = fields.request(.chat, root, headers, requestID)
            fields.checkChoices(root)
            request.inference.messages = fields.messages(root["messages"])
            request.inference.logprobs = fields.chatLogprobs(root)
            fields.tools(root, &request)
            request.inference.responseFormat = fields.responseFormat(root["response_format"])
            request.inference.reasoning = fields.reasoning(root)
            request.inference.extraFields = Self.others(of: root, but: Self.chatFields)
            request.ignoredFields = fields.ignored
            return request
        }
    }

    /// - Parameter requestID: see ``requestID(_:)``.
    /// - Throws: ``OpenAIError`` that names every field at fault, or the place where the JSON breaks.
    static func completion(
        _ body: ByteBuffer, headers: HTTPFields, requestID: String
    ) throws(OpenAIError) -> OpenAIRequest {
        try self.read(body, requestID) { (root, fields) in
            var request = fields.request(.completion, root, headers, requestID)
            fields.checkChoices(root)
            let prompt = fields.prompt(root["prompt"])
            request.inference.messages = [Message(.user, prompt)]
            if fields.boolean(root["echo"]) == true { request.echo = prompt }
            request.inference.logprobs = fields.integer(root["logprobs"], in: 0...20).map {
                LogprobOptions(topCount: $0)
            }
            fields.mustBeAbsent(root["suffix"], "text is only added to the end of the prompt")
            if let bestOf = fields.integer(root["best_of"]), bestOf != 1 {
                fields.report(
                    "best_of", "is '\(bestOf)'; one answer is made for a request: expected 1", .unsupportedValue)
            }
            request.inference.extraFields = Self.others(of: root, but: Self.completionFields)
            request.ignoredFields = fields.ignored
            return request
        }
    }

    /// The client's name for its request where it gave a valid one (`x-request-id`), else a new one.
    static func requestID(_ headers: HTTPFields) -> String {
        guard let id = headers.value(.requestID), RequestID.isValid(id) else { return RequestID.make() }
        return id
    }

    /// Reads a body as a JSON object, and what it holds.
    ///
    /// - Throws: ``OpenAIError`` with `requestID`.
    static func read<Value>(
        _ body: ByteBuffer, _ requestID: String,
        _ read: (JSONValue, inout OpenAIFields) -> Value
    ) throws(OpenAIError) -> Value {
        do throws(OpenAIError) {
            let root = try self.object(body)
            var fields = OpenAIFields()
            fields.checkKeys(root)
            let value = read(root, &fields)
            try fields.finish()
            return value
        } catch {
            var error = error
            error.requestID = requestID
            throw error
        }
    }

    private static func object(_ body: ByteBuffer) throws(OpenAIError) -> JSONValue {
        let text: JSONText
        do {
            text = try JSONText(Array(body.readableBytesView))
        } catch {
            throw OpenAIError(
                status: .badRequest, type: OpenAIError.invalidRequest, code: "invalid_json",
                message: body.readableBytes == 0
                    ? "the body is empty; a JSON object is expected" : "the body is no JSON \(error.description)")
        }
        guard text.root.kind == .object else {
            throw OpenAIError(
                status: .badRequest, type: OpenAIError.invalidRequest, code: OpenAIFields.Code.invalidType.rawValue,
                message: "the body is \(text.root.kind.name); expected an object in braces")
        }
        return text.root
    }

    /// Fields that mean nothing to us, as they were written.
    private static func others(of root: JSONValue, but known: Set<String>) -> [ExtraField] {
        var others: [ExtraField] = []
        for member in root.members {
            let name = member.key.string ?? ""
            if !known.contains(name) { others.append(ExtraField(name: name, json: member.value.raw)) }
        }
        return others
    }

    private static let commonFields: Set<String> = [
        "model", "temperature", "top_p", "max_tokens", "stop", "seed", "presence_penalty", "frequency_penalty", "n",
        "logprobs", "stream", "stream_options", "user", "metadata", "roundhouse",
    ]
    private static let chatFields = Self.commonFields.union([
        "messages", "max_completion_tokens", "top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "functions",
        "function_call", "response_format", "reasoning_effort", "reasoning",
    ])
    private static let completionFields = Self.commonFields.union(["prompt", "echo", "suffix", "best_of"])
}

// What both have.
extension OpenAIFields {
    fileprivate mutating func request(
        _ endpoint: OpenAIRequest.Endpoint, _ root: JSONValue, _ headers: HTTPFields, _ requestID: String
    ) -> OpenAIRequest {
        let isStreamed = self.boolean(root["stream"]) ?? false
        let routing = self.routing(root["roundhouse"], headers, isStreamed: isStreamed)
        let options = self.object(root["stream_options"])
        let inference = InferenceRequest(
            id: requestID,
            target: self.target(root["model"]),
            messages: [],
            sampling: self.sampling(root),
            routing: routing.options,
            metadata: self.labels(root["metadata"]).merging(routing.metadata) { $1 },
            trace: headers.traceContext,
            user: self.string(root["user"])
        )
        return OpenAIRequest(
            endpoint: endpoint, inference: inference, isStreamed: isStreamed,
            includesUsage: self.boolean(options?["include_usage"]) ?? false)
    }

    mutating func target(_ value: JSONValue?) -> InferenceRequest.Target {
        guard let name = self.string(value) else { return .automatic }
        return self.checks.target(name)
    }

    private mutating func sampling(_ root: JSONValue) -> SamplingParameters {
        var sampling = SamplingParameters()
        sampling.temperature = self.number(root["temperature"], in: 0...2)
        sampling.topP = self.number(root["top_p"]).map { self.checks.topP($0) }
        sampling.maxOutputTokens = self.maxTokens(root)
        sampling.stop = self.checks.stop(self.strings(root["stop"], orOne: true))
        sampling.seed = self.integer(root["seed"])
        sampling.presencePenalty = self.number(root["presence_penalty"], in: -2...2)
        sampling.frequencyPenalty = self.number(root["frequency_penalty"], in: -2...2)
        return sampling
    }

    private mutating func maxTokens(_ root: JSONValue) -> Int? {
        let old = self.count(root["max_tokens"])
        let new = self.count(root["max_completion_tokens"])
        if let old, let new, old != new {
            self.report(
                "max_completion_tokens", "is '\(new)' and max_tokens '\(old)'; expected one of the two", .invalidValue)
        }
        return new ?? old
    }

    /// Everything that would make more than one answer.
    fileprivate mutating func checkChoices(_ root: JSONValue) {
        if let count = self.integer(root["n"]), count != 1 {
            self.report("n", "is '\(count)'; one answer is made for a request: expected 1", .unsupportedValue)
        }
        if let options = root["stream_options"] {
            self.ignoreOthers(of: options, but: ["include_usage", "include_obfuscation"])
        }
    }

    fileprivate mutating func chatLogprobs(_ root: JSONValue) -> LogprobOptions? {
        let isWanted = self.boolean(root["logprobs"]) ?? false
        let count = self.integer(root["top_logprobs"], in: 0...20)
        if let count, count > 0, !isWanted {
            self.report("top_logprobs", "is '\(count)' without logprobs; expected logprobs to be true", .invalidValue)
        }
        return isWanted ? LogprobOptions(topCount: count ?? 0) : nil
    }

    fileprivate mutating func prompt(_ value: JSONValue?) -> String {
        guard let value, !value.isNull else {
            self.report("prompt", "is missing: a text is expected", .missing)
            return ""
        }
        if let text = value.string { return text }
        let elements = Array(value.elements.prefix(2))
        if elements.count == 1, let text = elements[0].string { return text }
        if elements.contains(where: { $0.kind == .number || $0.kind == .array }) {
            self.report(
                value, "holds tokens, which mean another text to every model; expected a string", .unsupportedValue)
        } else if elements.count > 1 {
            self.report(value, "holds several texts; one answer is made for a request: expected one", .unsupportedValue)
        } else {
            self.wrongType(value, expected: "a string or an array of one string")
        }
        return ""
    }

    fileprivate mutating func mustBeAbsent(_ value: JSONValue?, _ reason: String) {
        guard let value, !value.isNull, value.string != "" else { return }
        self.report(value, "is not supported: \(reason)", .unsupported)
    }
}
