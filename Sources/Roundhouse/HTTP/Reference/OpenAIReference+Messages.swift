// What requests of OpenAI's clients are made of.
extension OpenAIReference {
    static var message: APISchema {
        .object(
            "One turn of a conversation.", required: ["role"],
            [
                "role": .choice("system", "developer", "user", "assistant", "tool", text: "Who speaks."),
                "content": APISchema.either(
                    .string(), .array(of: .reference("OpenAIContentPart"), least: 1),
                    text: "What is said. An assistant's may be left out beside `tool_calls`."
                ).orNull,
                "tool_calls": .array(of: .reference("OpenAIToolCall"), "Of an assistant: what it wanted called.")
                    .orNull,
                "tool_call_id": .string("Of a tool: the call that this came of.").orNull,
                "reasoning_content": .string("Of an assistant: what it thought. Give it back as it came.").orNull,
                "refusal": .string("Of an assistant: the words with which it declined.").orNull,
            ])
    }

    static var part: APISchema {
        .object(
            "A piece of a message.", required: ["type"],
            [
                "type": .choice(
                    "text", "image_url", "refusal", text: "What it is. `image_url` in a user's message alone."),
                "text": .string("With the type `text`."),
                "image_url": .object(
                    "With the type `image_url`.", required: ["url"],
                    [
                        "url": .string("An https or http address, or `data:image/png;base64,` and the bytes."),
                        "detail": .choice("auto", "low", "high", text: "How closely the model is to look."),
                    ]),
                "refusal": .string("With the type `refusal`."),
            ])
    }

    static var toolCall: APISchema {
        .object(
            "A call of a tool that the model asked for.", required: ["id", "type", "function"],
            [
                "id": .string("Its name, for the answer of the tool."),
                "type": .constant("function"),
                "function": .object(
                    required: ["name", "arguments"],
                    ["name": .string("The tool."), "arguments": .string("A JSON object, as text.")]),
            ])
    }

    // MARK: - Options

    static var tool: APISchema {
        .object(
            "A function that the model may ask to have called.", required: ["type", "function"],
            [
                "type": .constant("function"),
                "function": .object(
                    required: ["name"],
                    [
                        "name": self.name, "description": .string("What it does, for the model.").orNull,
                        "parameters": APISchema.dictionary(of: .anything(), "A JSON Schema of its arguments.").orNull,
                        "strict": .boolean("Whether the model is held to the schema.").orNull,
                    ]),
            ])
    }

    private static var name: APISchema {
        let limits = APISchema.StringLimits(pattern: "^[A-Za-z0-9_-]{1,64}$")
        return APISchema(form: .string(limits), text: "1 to 64 letters, digits, `_` and `-`.")
    }

    static var toolChoice: APISchema {
        .either(
            .choice("auto", "none", "required"),
            .object(
                required: ["type", "function"],
                [
                    "type": .constant("function"),
                    "function": .object(required: ["name"], ["name": .string("This tool must be called.")]),
                ]),
            text: "Whether the model must, may or must not ask for tools.")
    }

    static var responseFormat: APISchema {
        .object(
            "The form that an answer must have.", required: ["type"],
            [
                "type": .choice("text", "json_object", "json_schema", text: "What it is."),
                "json_schema": .object(
                    "With the type `json_schema`.", required: ["schema"],
                    [
                        "name": self.name, "description": .string("What the answer is for, for the model.").orNull,
                        "schema": .dictionary(of: .anything(), "A JSON Schema."),
                        "strict": .boolean("Whether the model is held to it.").orNull,
                    ]),
            ])
    }

    static var reasoning: APISchema {
        .object(
            "The same as OpenRouter has it.",
            [
                "effort": .choice("none", "minimal", "low", "medium", "high", text: "How much the model may think."),
                "max_tokens": .integer("Tokens of thoughts at most.", least: 1, most: Int64(Int32.max)),
                "enabled": .boolean("False: not at all."),
            ])
    }

    static var streamOptions: APISchema {
        .object(
            "What a stream tells.",
            ["include_usage": .boolean("A last chunk tells the usage, who answered and what it cost.").orNull])
    }

    // MARK: - Routing

    static var routing: APISchema {
        var schema = APISchema.object(
            """
            Who may answer, and what is done when somebody fails. The headers `x-roundhouse-strategy`, `-recovery`, \
            `-priority`, `-hold-back`, `-tags`, `-explain`, `-share` and `-requirements` say the same where a body cannot; \
            the body wins.
            """,
            [
                "requirements": .reference("ModelRequirements", "What a model must be."),
                "strategy": .string("How candidates are ordered.", example: "cost_optimized"),
                "recovery": .choice(
                    "fail", "restart", "continue", "align",
                    text: "What is done when an upstream fails after output was sent."),
                "priority": .choice("low", "normal", "high", "critical", text: "Routing rules look at it."),
                "hold_back": self.holdBack,
                "tags": .array(of: .string(), "Your labels for routing rules, of 1 to 63 bytes.", most: 16),
                "explain": .boolean("Also tells why who was chosen."),
                "share": .boolean("Whether the request may share the upstream call of an identical one in flight."),
                "metadata": .dictionary(of: .string(), "Your own labels, beside those of the request."),
            ])
        if case .object(var object) = schema.form {
            object.isClosed = true
            schema.form = .object(object)
        }
        return schema
    }

    private static var holdBack: APISchema {
        .object(
            "How much of an answer's beginning is kept back, so that a failure in it can be hidden.",
            [
                "characters": .integer(least: 1, most: 1_000_000),
                "milliseconds": .integer(least: 1, most: 600_000),
            ])
    }
}
