// What OpenAI's clients send. A field that is null is one that is not there.
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

    private static var chatRequest: APISchema {
        .object(
            "A conversation and how it is to be answered.", required: ["messages"],
            self.common(
                before: [
                    "model": self.model,
                    "messages": .array(of: .reference("OpenAIMessage"), "The conversation, oldest first.", least: 1),
                    "max_completion_tokens": self.count("The most tokens to generate."),
                ],
                after: [
                    "logprobs": .boolean("Tells how probable each token was, where the upstream does.").orNull,
                    "top_logprobs": .integer(
                        "With `logprobs`: how many other tokens are named at each place.", least: 0, most: 20
                    )
                    .orNull,
                    "tools": .array(
                        of: .reference("OpenAITool"), "Tools that the model may ask to have called.", most: 128
                    )
                    .orNull,
                    "tool_choice": .reference("OpenAIToolChoice", "Whether it must, may or must not.").orNull,
                    "parallel_tool_calls": .boolean("Whether several tools may be called in one answer.").orNull,
                    "response_format": .reference("OpenAIResponseFormat", "The form that the answer must have.").orNull,
                    "reasoning_effort": APISchema.choice(
                        "none", "minimal", "low", "medium", "high", text: "How much the model may think."
                    )
                    .orNull,
                    "reasoning": self.reasoning.orNull,
                ]))
    }

    private static var completionRequest: APISchema {
        .object(
            "A text and how it is to go on.", required: ["prompt"],
            self.common(
                before: [
                    "model": self.model,
                    "prompt": .either(.string(), .array(of: .string(), least: 1, most: 1), text: "The text."),
                ],
                after: [
                    "logprobs": .integer("Tells how probable each token was, and so many others.", least: 0, most: 20)
                        .orNull,
                    "echo": .boolean("The prompt stands before the answer.").orNull,
                    "best_of": .integer("One answer is made.", least: 1, most: 1).orNull,
                ]))
    }

    private static var embeddingRequest: APISchema {
        .object(
            "Texts to turn into vectors.", required: ["input"],
            [
                "model": self.model,
                "input": .either(
                    self.someText, .array(of: self.someText, least: 1, most: 2048),
                    text: "One text or many, none empty."),
                "dimensions": .integer(
                    "The length that the vectors are to have, where the model can shorten them.", least: 1, most: 65_536
                ).orNull,
                "encoding_format": APISchema.choice(
                    "float", "base64", text: "Numbers, or the bytes of 32-bit numbers, smallest first, in Base64."
                ).orNull,
                "user": .string("Your name for your user.").orNull,
                "metadata": self.metadata,
                "roundhouse": self.routingField,
            ])
    }

    // MARK: - What several have

    private static func common(
        before: KeyValuePairs<String, APISchema>, after: KeyValuePairs<String, APISchema>
    ) -> [(name: String, schema: APISchema)] {
        let shared: KeyValuePairs<String, APISchema> = [
            "max_tokens": self.count("The most tokens to generate."),
            "temperature": .number("Randomness.", least: 0, most: 2).orNull,
            "top_p": self.topP,
            "stop": self.stop,
            "seed": .integer("For repeatable sampling, where the upstream honours it.", format: "int64").orNull,
            "presence_penalty": .number("Discourages tokens that appeared at all.", least: -2, most: 2).orNull,
            "frequency_penalty": .number("Discourages tokens by how often they appeared.", least: -2, most: 2).orNull,
            "n": .integer("One answer is made.", least: 1, most: 1).orNull,
            "stream": .boolean("The answer comes as server-sent events.").orNull,
            "stream_options": .reference("OpenAIStreamOptions", "With `stream` alone.").orNull,
        ]
        let last: KeyValuePairs<String, APISchema> = [
            "user": .string("Your name for your user, for the upstream's abuse detection.").orNull,
            "metadata": self.metadata,
            "roundhouse": self.routingField,
        ]
        return [before, shared, after, last].flatMap { $0.map { (name: $0.key, schema: $0.value) } }
    }

    private static let model: APISchema = APISchema.string(
        """
        Which model: an id (`openai/gpt-4o`, `local/small`), an alias (`default`), or `auto` or nothing to let the gateway \
        choose.
        """,
        example: "default"
    ).orNull

    private static let routingField: APISchema = APISchema.reference(
        "OpenAIRouting", "What a model must be to answer, and what is done when it fails."
    ).orNull

    private static let metadata: APISchema = APISchema.dictionary(
        of: .string(),
        "Your own labels, kept with the request's record: at most 16, keys up to 64 bytes, values up to 512."
    ).orNull

    private static var topP: APISchema {
        let limits = APISchema.NumberLimits(most: 1, above: 0)
        return APISchema(form: .number(limits), text: "Nucleus sampling.", isNullable: true)
    }

    private static var stop: APISchema {
        APISchema.either(
            self.someText, .array(of: self.someText, most: 16),
            text: "Sequences that end the answer and are not part of it."
        ).orNull
    }

    private static var someText: APISchema { APISchema(form: .string(APISchema.StringLimits(shortest: 1))) }

    private static func count(_ text: ReferenceText) -> APISchema {
        .integer(text, least: 1, most: Int64(Int32.max)).orNull
    }
}
