// What OpenAI's clients send.
extension OpenAIReference {
    static var requests: [APIReference.Component] {
        [
            .init(name: "OpenAIChatRequest", schema: self.chatRequest),
            .init(name: "OpenAICompletionRequest", schema: self.completionRequest),
            .init(name: "OpenAIContentPart", schema: self.part),
            .init(name: "OpenAIEmbeddingRequest", schema: self.embeddingRequest),
            .init(name: "OpenAIMessage", schema: self.message),
            .init(name: "OpenAIResponseFormat", schema: self.responseFormat),
            .init(name: "OpenAIRouting", schema: self.routing),
            .init(name: "OpenAIStreamOptions", schema: self.streamOptions),
            .init(name: "OpenAITool", schema: self.tool),
            .init(name: "OpenAIToolCall", schema: self.toolCall),
            .init(name: "OpenAIToolChoice", schema: self.toolChoice),
        ]
    }

    private static let model: APISchema = .string(
        "Which model: an id (`openai/gpt-4o`, `local/small`), an alias (`default`), or `auto` to let the gateway choose.",
        example: "default")

    private static let routingField: APISchema = .reference(
        "OpenAIRouting", "What a model must be to answer, and what is done when it fails.")

    private static var chatRequest: APISchema {
        .object(
            "A conversation and how it is to be answered.", required: ["messages"],
            [
                "model": self.model,
                "messages": .array(of: .reference("OpenAIMessage"), "The conversation, oldest first.", least: 1),
                "stream": .boolean("The answer comes as server-sent events.").orNull,
                "stream_options": .reference("OpenAIStreamOptions", "With `stream` alone.").orNull,
                "max_completion_tokens": .integer("The most tokens to generate.", least: 1).orNull,
                "max_tokens": .integer("The older name of `max_completion_tokens`.", least: 1).orNull,
                "temperature": .number("Randomness.", least: 0, most: 2).orNull,
                "top_p": .number("Nucleus sampling, above 0.", least: 0.01, most: 1).orNull,
                "presence_penalty": .number("Discourages tokens that appeared at all.", least: -2, most: 2).orNull,
                "frequency_penalty": .number("Discourages tokens by how often they appeared.", least: -2, most: 2)
                    .orNull,
                "stop": APISchema.either(
                    .string(), .array(of: .string(), most: 16),
                    text: "Sequences that end the answer and are not part of it."
                ).orNull,
                "seed": .integer("For repeatable sampling, where the upstream honours it.").orNull,
                "n": .integer("How many answers; one is given.", least: 1, most: 1).orNull,
                "tools": .array(
                    of: .reference("OpenAITool"), "Tools that the model may ask to have called.", most: 128),
                "tool_choice": .reference("OpenAIToolChoice", "Whether it must, may or must not."),
                "parallel_tool_calls": .boolean("Whether several tools may be called in one answer."),
                "response_format": .reference("OpenAIResponseFormat", "The form that the answer must have."),
                "reasoning_effort": APISchema.choice(
                    "none", "minimal", "low", "medium", "high", text: "How much the model may think."
                ).orNull,
                "logprobs": .boolean("Tells how probable each token was, where the upstream does.").orNull,
                "top_logprobs": .integer("How many other tokens are named at each place.", least: 0, most: 20).orNull,
                "user": .string("Your name for your user, for the upstream's abuse detection."),
                "metadata": .dictionary(of: .string(), "Your own labels, kept with the request's record.").orNull,
                "roundhouse": self.routingField,
            ])
    }

    private static var completionRequest: APISchema {
        .object(
            "A text and how it is to go on.", required: ["prompt"],
            [
                "model": self.model,
                "prompt": .string("The text."),
                "stream": .boolean("The answer comes as server-sent events.").orNull,
                "stream_options": .reference("OpenAIStreamOptions", "With `stream` alone.").orNull,
                "max_tokens": .integer("The most tokens to generate.", least: 1).orNull,
                "temperature": .number("Randomness.", least: 0, most: 2).orNull,
                "top_p": .number("Nucleus sampling, above 0.", least: 0.01, most: 1).orNull,
                "presence_penalty": .number("Discourages tokens that appeared at all.", least: -2, most: 2).orNull,
                "frequency_penalty": .number("Discourages tokens by how often they appeared.", least: -2, most: 2)
                    .orNull,
                "stop": APISchema.either(
                    .string(), .array(of: .string(), most: 16),
                    text: "Sequences that end the answer and are not part of it."
                ).orNull,
                "seed": .integer("For repeatable sampling, where the upstream honours it.").orNull,
                "n": .integer("How many answers; one is given.", least: 1, most: 1).orNull,
                "echo": .boolean("The prompt stands before the answer.").orNull,
                "user": .string("Your name for your user, for the upstream's abuse detection."),
                "roundhouse": self.routingField,
            ])
    }

    private static var embeddingRequest: APISchema {
        .object(
            "Texts to turn into vectors.", required: ["input"],
            [
                "model": self.model,
                "input": .either(
                    .string(), .array(of: .string(), least: 1, most: 2048), text: "One text or many, none empty."),
                "dimensions": .integer(
                    "The length that the vectors are to have, where the model can shorten them.", least: 1, most: 65_536
                ),
                "encoding_format": .choice(
                    "float", "base64", text: "Numbers, or the bytes of 32-bit numbers, smallest first, in Base64."),
                "user": .string("Your name for your user."),
                "roundhouse": self.routingField,
            ])
    }

    // MARK: - Conversations

    private static var message: APISchema {
        .object(
            "One turn of a conversation.", required: ["role"],
            [
                "role": .choice("system", "developer", "user", "assistant", "tool", text: "Who speaks."),
                "content": APISchema.either(
                    .string(), .array(of: .reference("OpenAIContentPart"), least: 1), text: "What is said."
                ).orNull,
                "name": .string("Who of several speaks. Not passed on to every upstream."),
                "tool_calls": .array(of: .reference("OpenAIToolCall"), "Of an assistant: what it wanted called."),
                "tool_call_id": .string("Of a tool: the call that this came of."),
                "reasoning_content": .string("Of an assistant: what it thought. Give it back as it came.").orNull,
                "refusal": .string("Of an assistant: the words with which it declined.").orNull,
            ])
    }

    private static var part: APISchema {
        .object(
            "A piece of a message.", required: ["type"],
            [
                "type": .choice("text", "image_url", "refusal", text: "What it is."),
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

    private static var toolCall: APISchema {
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

    private static var tool: APISchema {
        .object(
            "A function that the model may ask to have called.", required: ["type", "function"],
            [
                "type": .constant("function"),
                "function": .object(
                    required: ["name"],
                    [
                        "name": APISchema(
                            form: .string(APISchema.StringLimits(pattern: "^[A-Za-z0-9_-]{1,64}$")),
                            text: "1 to 64 characters of letters, digits, `_` and `-`."),
                        "description": .string("What it does, for the model."),
                        "parameters": .dictionary(of: .anything(), "A JSON Schema of its arguments."),
                        "strict": .boolean("Whether the model is held to the schema.").orNull,
                    ]),
            ])
    }

    private static var toolChoice: APISchema {
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

    private static var responseFormat: APISchema {
        .object(
            "The form that an answer must have.", required: ["type"],
            [
                "type": .choice("text", "json_object", "json_schema", text: "What it is."),
                "json_schema": .object(
                    "With the type `json_schema`.", required: ["name"],
                    [
                        "name": .string("1 to 64 characters of letters, digits, `_` and `-`."),
                        "description": .string("What the answer is for, for the model."),
                        "schema": .dictionary(of: .anything(), "A JSON Schema."),
                        "strict": .boolean("Whether the model is held to it.").orNull,
                    ]),
            ])
    }

    private static var streamOptions: APISchema {
        .object("What a stream tells.", ["include_usage": .boolean("A last chunk tells the usage.")])
    }

    private static var routing: APISchema {
        .anything("What a model must be to answer, and what is done when it fails.")
    }
}
