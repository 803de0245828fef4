// What OpenAI's clients get.
extension OpenAIReference {
    static var answers: [APIReference.Component] {
        [
            .init(name: "OpenAIAnswerMessage", schema: self.answerMessage),
            .init(name: "OpenAIChatChunk", schema: self.chatChunk),
            .init(name: "OpenAIChatCompletion", schema: self.chatCompletion),
            .init(name: "OpenAICompletion", schema: self.completion),
            .init(name: "OpenAIEmbeddingList", schema: self.embeddingList),
            .init(name: "OpenAIErrorBody", schema: self.error),
            .init(name: "OpenAIModel", schema: self.model),
            .init(name: "OpenAIModelList", schema: self.modelList),
            .init(name: "OpenAIUsage", schema: self.usage),
        ]
    }

    private static let created: APISchema = .integer("When, in seconds since 1970-01-01 UTC.", least: 0)
    private static let finishReason: APISchema = .choice(
        "stop", "length", "tool_calls", "content_filter", text: "How the answer ended.")

    private static var chatCompletion: APISchema {
        .object(
            "An answer.", required: ["id", "object", "created", "model", "choices", "usage"],
            [
                "id": .string("`chatcmpl-` and the request's id."),
                "object": .constant("chat.completion"),
                "created": self.created,
                "model": .string("The model that answered: `provider/name`."),
                "choices": .array(
                    of: .object(
                        required: ["index", "message", "finish_reason"],
                        [
                            "index": .integer(least: 0),
                            "message": .reference("OpenAIAnswerMessage"),
                            "logprobs": .anything("How probable each token was, when asked for."),
                            "finish_reason": self.finishReason,
                        ]), "The answer, as the one element."),
                "usage": .reference("OpenAIUsage"),
            ])
    }

    private static var answerMessage: APISchema {
        .object(
            "What the model said.", required: ["role", "content"],
            [
                "role": .constant("assistant"),
                "content": .string("The text.").orNull,
                "refusal": .string("Words with which the model declined.").orNull,
                "reasoning_content": .string("Thoughts that the model showed."),
                "tool_calls": .array(of: .reference("OpenAIToolCall"), "Tools that the model wants called."),
                "annotations": .array(
                    of: .object(required: ["type"], ["type": .choice("url_citation", "document_citation")]),
                    "Sources that the model named."),
            ])
    }

    private static var chatChunk: APISchema {
        .object(
            "A piece of an answer.", required: ["id", "object", "created", "model", "choices"],
            [
                "id": .string("The same in all chunks."),
                "object": .constant("chat.completion.chunk"),
                "created": self.created,
                "model": .string("The model that answers: `provider/name`."),
                "choices": .array(
                    of: .object(
                        required: ["index", "delta", "finish_reason"],
                        [
                            "index": .integer(least: 0),
                            "delta": .object(
                                "What is new.",
                                [
                                    "role": .constant("assistant"), "content": .string().orNull,
                                    "refusal": .string().orNull, "reasoning_content": .string(),
                                    "tool_calls": .array(of: .anything("A fragment of a call, by its `index`.")),
                                ]),
                            "finish_reason": self.finishReason.orNull,
                        ]), "None in the chunk that tells the usage."),
                "usage": .reference("OpenAIUsage", "In the last chunk, with `stream_options.include_usage`.").orNull,
            ])
    }

    private static var completion: APISchema {
        .object(
            "An answer, or a piece of it.", required: ["id", "object", "created", "model", "choices"],
            [
                "id": .string("`cmpl-` and the request's id."),
                "object": .constant("text_completion"),
                "created": self.created,
                "model": .string("The model that answered: `provider/name`."),
                "choices": .array(
                    of: .object(
                        required: ["index", "text", "finish_reason"],
                        [
                            "index": .integer(least: 0), "text": .string("The text."),
                            "reasoning_content": .string("Thoughts that the model showed."),
                            "logprobs": .anything("How probable each token was, when asked for."),
                            "finish_reason": self.finishReason.orNull,
                        ])),
                "usage": .reference("OpenAIUsage").orNull,
            ])
    }

    private static var embeddingList: APISchema {
        .object(
            "A vector for each text.", required: ["object", "data", "model", "usage"],
            [
                "object": .constant("list"),
                "data": .array(
                    of: .object(
                        required: ["object", "index", "embedding"],
                        [
                            "object": .constant("embedding"), "index": .integer("Which text.", least: 0),
                            "embedding": .either(
                                .array(of: .number()), .string("The bytes in Base64."), text: "The vector."),
                        ]), "In the order of the texts."),
                "model": .string("The model that answered: `provider/name`."),
                "usage": .object(
                    required: ["prompt_tokens", "total_tokens"],
                    ["prompt_tokens": .integer(least: 0), "total_tokens": .integer(least: 0)]),
            ])
    }

    private static var model: APISchema {
        .object(
            "A model or an alias.", required: ["id", "object", "created", "owned_by", "roundhouse"],
            [
                "id": .string("What requests name.", example: "local/small"),
                "object": .constant("model"), "created": self.created,
                "owned_by": .string("Its provider; `roundhouse` for an alias."),
                "roundhouse": .object(
                    "What the registry knows besides.", required: ["kind", "available"],
                    [
                        "kind": .choice("model", "alias"),
                        "available": .boolean("Whether a request sent now has a chance."),
                        "display_name": .string("Of a model: for people."),
                        "category": .string("Of a model: what comes out of it.", example: "text"),
                        "capabilities": .array(of: .string(), "Of a model: what it can do."),
                        "context_length": .integer("Of a model: tokens of prompt and answer together.", least: 0),
                        "max_output_tokens": .integer("Of a model: the longest answer.", least: 0),
                        "input_price_nano_usd": .integer("Of a model: for a million tokens of the prompt.", least: 0),
                        "output_price_nano_usd": .integer("Of a model: for a million tokens of the answer.", least: 0),
                        "aliases": .array(of: .string(), "Of a model: aliases that lead to it."),
                        "tags": .array(of: .string(), "Of a model: its labels."),
                        "mode": .string("Of an alias: how its targets share the requests."),
                        "targets": .array(of: .string(), "Of an alias: the models that it leads to."),
                    ]),
            ])
    }

    private static var modelList: APISchema {
        .object(
            "Models and aliases.", required: ["object", "data"],
            ["object": .constant("list"), "data": .array(of: .reference("OpenAIModel"))])
    }

    private static var usage: APISchema {
        .object(
            "The tokens that it took.", required: ["prompt_tokens", "completion_tokens", "total_tokens"],
            [
                "prompt_tokens": .integer("Of the conversation.", least: 0),
                "completion_tokens": .integer("Of the answer, thoughts included.", least: 0),
                "total_tokens": .integer("Both together.", least: 0),
                "prompt_tokens_details": .object(
                    "",
                    [
                        "cached_tokens": .integer("Those that the upstream had in its cache.", least: 0),
                        "audio_tokens": .integer(least: 0),
                    ]),
                "completion_tokens_details": .object(
                    "",
                    [
                        "reasoning_tokens": .integer("Those of thoughts.", least: 0),
                        "audio_tokens": .integer(least: 0),
                    ]),
            ])
    }

    private static var error: APISchema {
        .object(
            "What is wrong.", required: ["error"],
            [
                "error": .object(
                    required: ["message", "type", "param", "code"],
                    [
                        "message": .string("A sentence that says what to do."),
                        "type": .string("The class of error.", example: "invalid_request_error"),
                        "param": .string("The field that is wrong: `messages[1].content`.").orNull,
                        "code": .string("The error itself: `model_not_found`.").orNull,
                    ])
            ])
    }
}
