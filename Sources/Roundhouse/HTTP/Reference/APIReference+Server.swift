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
            (OpenAIReference.requests + OpenAIReference.answers + rest.components + ServerReference.components)
            .sorted { $0.name < $1.name }
        reference.failures = [OpenAIReference.failure, ServerReference.failure] + RESTReference.failures
        return reference
    }
}

extension RESTReference {
    /// What REST's routes answer when all is not well.
    static let failures: [APIReference.Failure] = [
        Self.failure(
            "Error", "What is wrong: a `google.rpc.Status`.", code: 14, "no model can answer now"),
        Self.failure(
            "InvalidRequest",
            "The request is wrong (`INVALID_ARGUMENT`, `OUT_OF_RANGE`), or not possible now (`FAILED_PRECONDITION`).",
            code: 3, "temperature: 3.0; expected a number from 0 to 2"),
        Self.failure(
            "NotFound", "There is nothing of this name (`NOT_FOUND`).", code: 5, "there is no model 'local/big'"),
        Self.failure(
            "Conflict", "It changed meanwhile (`ABORTED`), or is there already (`ALREADY_EXISTS`).", code: 10,
            "the model has changed; its etag is \"7\""),
    ]

    private static func failure(
        _ name: String, _ text: ReferenceText, code: Int64, _ message: String
    ) -> APIReference.Failure {
        APIReference.Failure(
            name: name, text: text, schema: .reference("google.rpc.Status"),
            example: ["code": .integer(code), "message": .string(message), "details": []])
    }
}
