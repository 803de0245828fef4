extension APIReference {
    /// What this server answers.
    ///
    /// - Parameter version: of the server.
    /// - Throws: when the descriptor set that was built in is damaged or an annotation is wrong, which tests exclude.
    static func roundhouse(version: String) throws -> APIReference {
        let pool = try DescriptorPool.own()
        let rest = RESTReference(pool: pool, bindings: try RESTBindings(pool))
        var reference = APIReference(
            title: "Roundhouse", version: version,
            text: """
                A model gateway: one API over local and cloud models. Every route below `/api/v1` does what the gRPC method \
                beside it does, with the proto's names in its JSON; those below `/v1` are OpenAI's.
                """)
        reference.groups = [OpenAIReference.group] + rest.groups + [ServerReference.group]
        reference.operations = OpenAIReference.operations + rest.operations + ServerReference.operations
        reference.components =
            (OpenAIReference.requests + OpenAIReference.answers + rest.components + [RESTReference.errorBody]
            + ServerReference.components)
            .sorted { $0.name < $1.name }
        reference.failures = [OpenAIReference.failure, ServerReference.failure] + RESTReference.failures
        return reference
    }
}

extension RESTReference {
    /// What REST's routes answer when all is not well.
    static let failures: [APIReference.Failure] = [
        Self.failure(
            "Error", "What is wrong: a `google.rpc.Status`, with HTTP's status for its code.", code: 503, "UNAVAILABLE",
            "no model can answer now"),
        Self.failure(
            "InvalidRequest",
            "The request is wrong (`INVALID_ARGUMENT`, `OUT_OF_RANGE`), or not possible now (`FAILED_PRECONDITION`).",
            code: 400, "INVALID_ARGUMENT", "temperature is '3.0'; expected a number from 0 to 2"),
        Self.failure(
            "NotFound", "There is nothing of this name (`NOT_FOUND`).", code: 404, "NOT_FOUND",
            "model 'local/big' does not exist"),
        Self.failure(
            "Conflict", "It changed meanwhile (`ABORTED`), or is there already (`ALREADY_EXISTS`).", code: 409,
            "ABORTED",
            "the model has changed since this etag"),
    ]

    /// In the shape of AIP-193.
    static let errorBody = APIReference.Component(
        name: "ErrorBody",
        schema: .object(
            "What is wrong.", required: ["error"],
            [
                "error": .object(
                    "A `google.rpc.Status`.", required: ["code", "status", "message", "details"],
                    [
                        "code": .integer("HTTP's status.", least: 400, most: 599),
                        "status": .string("The name of gRPC's status.", example: "NOT_FOUND"),
                        "message": .string("A sentence that says what to do."),
                        "details": .array(
                            of: ProtoSchemas.reference(to: "google.protobuf.Any"),
                            """
                            A `google.rpc.ErrorInfo` with the domain `roundhouse` and a reason such as `MODEL_NOT_FOUND`; \
                            of an invalid request, a `google.rpc.BadRequest` that names every field at fault.
                            """),
                    ])
            ]))

    private static func failure(
        _ name: String, _ text: ReferenceText, code: Int64, _ status: String, _ message: String
    ) -> APIReference.Failure {
        APIReference.Failure(
            name: name, text: text, schema: .reference(Self.errorBody.name),
            example: [
                "error": [
                    "code": .integer(code), "status": .string(status), "message": .string(message), "details": [],
                ]
            ])
    }
}
