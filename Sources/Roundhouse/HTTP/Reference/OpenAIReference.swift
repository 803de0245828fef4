/// The part of the reference that no proto makes: the routes that OpenAI's clients speak to.
enum OpenAIReference {
    static let group = APIReference.Group(
        name: "OpenAI",
        text: """
            What OpenAI's clients speak, with every model behind the gateway. Point them at `/v1`; a key is not asked for. \
            Fields that are not named here go to OpenAI-compatible upstreams as they are; others do not get them, and the \
            header `x-roundhouse-ignored-fields` names them.
            """)

    static let failure = APIReference.Failure(
        name: "OpenAIError", text: "What is wrong, in the shape that OpenAI's clients know.",
        schema: .reference("OpenAIErrorBody"),
        example: [
            "error": [
                "message": "there is no model 'gpt-5'; GET /v1/models lists those that there are",
                "type": "invalid_request_error", "param": "model", "code": "model_not_found",
            ]
        ])

    static var operations: [APIReference.Operation] {
        [self.chat, self.completion, self.embeddings, self.models, self.model]
    }

    private static func operation(
        _ id: String, _ method: APIReference.Operation.Method, _ path: String, _ text: ReferenceText,
        body: APIReference.Body? = nil, answer: APIReference.Answer, failures: [String]
    ) -> APIReference.Operation {
        APIReference.Operation(
            id: "OpenAI_\(id)", method: method, path: path, group: self.group.name, summary: text.summary, text: text,
            body: body, answers: [answer],
            failures: (failures + ["default"]).map { .init(status: $0, name: self.failure.name) })
    }

    // MARK: - Generation

    private static var chat: APIReference.Operation {
        self.operation(
            "CreateChatCompletion", .post, "/v1/chat/completions",
            """
            Answers a conversation. With `stream`, the answer comes as server-sent events: chunk objects, one with the \
            usage when `stream_options.include_usage` is set, and `data: [DONE]`. A stream without `[DONE]` was cut, and an \
            event with `error` says why.
            """,
            body: APIReference.Body(
                schema: .reference("OpenAIChatRequest"), isRequired: true,
                example: [
                    "model": "default",
                    "messages": [
                        ["role": "system", "content": "Answer in one word."],
                        ["role": "user", "content": "What is the capital of France?"],
                    ],
                    "max_tokens": 16, "temperature": 0,
                ]),
            answer: self.answer("OpenAIChatCompletion", "OpenAIChatChunk", "The answer."),
            failures: self.generationFailures)
    }

    private static var completion: APIReference.Operation {
        self.operation(
            "CreateCompletion", .post, "/v1/completions",
            "Continues a text. With `stream`, as server-sent events, like those of `/v1/chat/completions`.",
            body: APIReference.Body(
                schema: .reference("OpenAICompletionRequest"), isRequired: true,
                example: ["model": "default", "prompt": "The capital of France is", "max_tokens": 4, "temperature": 0]),
            answer: self.answer("OpenAICompletion", "OpenAICompletion", "The text that follows."),
            failures: self.generationFailures)
    }

    private static let generationFailures = ["400", "404", "413", "415", "429", "503"]

    private static func answer(_ whole: String, _ chunk: String, _ text: ReferenceText) -> APIReference.Answer {
        APIReference.Answer(
            status: "200", text: text,
            contents: [
                .init(mediaType: "application/json", schema: .reference(whole)),
                .init(
                    mediaType: "text/event-stream",
                    schema: .anything("Events; the `data` of each but the last is a `\(chunk)` in JSON.")),
            ],
            headers: self.headers)
    }

    private static let headers: [APIReference.Header] = [
        .init(
            name: "x-request-id",
            schema: .string("The request's name in logs and records: yours, or one that was made.")),
        .init(name: "x-roundhouse-model", schema: .string("The model that answered: `provider/name`.")),
        .init(name: "x-roundhouse-provider", schema: .string("Its provider.")),
        .init(name: "x-roundhouse-attempts", schema: .integer("How many upstreams were asked.", least: 0)),
        .init(
            name: "x-roundhouse-cost-usd", schema: .string("What the answer cost, in US dollars, where that is known.")),
        .init(
            name: "x-roundhouse-ignored-fields",
            schema: .string("Fields of the request that the model's provider was not given, separated by commas.")),
    ]

    // MARK: - Embeddings and models

    private static var embeddings: APIReference.Operation {
        self.operation(
            "CreateEmbedding", .post, "/v1/embeddings",
            "Turns texts into vectors that lie close together when the texts mean the same.",
            body: APIReference.Body(
                schema: .reference("OpenAIEmbeddingRequest"), isRequired: true,
                example: ["model": "auto", "input": ["a cat on a mat", "a kitten on a rug"]]),
            answer: APIReference.Answer(
                status: "200", text: "A vector for each text.",
                contents: [.init(mediaType: "application/json", schema: .reference("OpenAIEmbeddingList"))],
                headers: self.headers),
            failures: self.generationFailures)
    }

    private static var models: APIReference.Operation {
        self.operation(
            "ListModels", .get, "/v1/models", "Lists the models and aliases that a request may name.",
            answer: APIReference.Answer(
                status: "200", text: "All of them.",
                contents: [.init(mediaType: "application/json", schema: .reference("OpenAIModelList"))]),
            failures: [])
    }

    private static var model: APIReference.Operation {
        var operation = self.operation(
            "RetrieveModel", .get, "/v1/models/{id}", "Gets one model or alias.",
            answer: APIReference.Answer(
                status: "200", text: "The model.",
                contents: [.init(mediaType: "application/json", schema: .reference("OpenAIModel"))]),
            failures: ["404"])
        var schema = APISchema.string("Its id. Its slashes stand as they are, or as %2F.")
        schema.form = .string(APISchema.StringLimits(shortest: 1))
        operation.parameters = [
            .init(place: .path, name: "id", schema: schema, isRequired: true, example: "local/small")
        ]
        return operation
    }
}
