/// The part of the reference that is about the server itself: probes, figures, this reference.
enum ServerReference {
    static let group = APIReference.Group(
        name: "Server", text: "Probes for who runs the server, figures for Prometheus, and this reference.")

    static let failure = APIReference.Failure(
        name: "Problem", text: "What is wrong, in a sentence that says what to do.", schema: .reference("ProblemBody"),
        example: ["error": ["code": 404, "message": "nothing is at '/metricz'; GET / lists what there is"]])

    static let components: [APIReference.Component] = [
        .init(
            name: "ProblemBody",
            schema: .object(
                "What is wrong.", required: ["error"],
                [
                    "error": .object(
                        required: ["code", "message"],
                        [
                            "code": .integer("The status.", least: 400, most: 599),
                            "message": .string("A sentence that says what to do."),
                        ])
                ])),
        .init(
            name: "ReadinessPage",
            schema: .object(
                "Whether requests are answered, and why not.", required: ["ready", "checks"],
                [
                    "ready": .boolean("Whether they are."),
                    "checks": .array(
                        of: .object(
                            required: ["check", "passed", "message"],
                            [
                                "check": .choice("server", "database", "models", text: "What was looked at."),
                                "passed": .boolean("Whether it is well."),
                                "message": .string("What was found, and what to do."),
                            ]), "Those that failed; with `verbose` all of them."),
                ])),
    ]

    static let operations: [APIReference.Operation] = [
        Self.get("GetHealth", "/healthz", "Tells that the process serves, also while it shuts down.", text: "`ok`"),
        Self.readiness,
        Self.get(
            "GetMetrics", "/metrics", "Figures for Prometheus.", text: "The page, in Prometheus' text format."),
        Self.get("GetIndex", "/", "Lists what there is.", text: "A route on each line."),
        Self.get(
            "GetOpenAPI", "/openapi.json", "This reference as an OpenAPI document.", type: "application/json",
            schema: .dictionary(of: .anything()), text: "An OpenAPI 3.1 document."),
        Self.get("GetReference", "/docs", "This reference as a page.", type: "text/html", text: "A page for people."),
    ]

    private static func get(
        _ id: String, _ path: String, _ summary: ReferenceText, type: String = "text/plain",
        schema: APISchema = .string(), text: ReferenceText
    ) -> APIReference.Operation {
        APIReference.Operation(
            id: "Server_\(id)", method: .get, path: path, group: self.group.name, summary: summary.summary,
            text: summary,
            answers: [.init(status: "200", text: text, contents: [.init(mediaType: type, schema: schema)])],
            failures: [.init(status: "default", name: self.failure.name)])
    }

    private static var readiness: APIReference.Operation {
        var operation = self.get(
            "GetReadiness", "/readyz", "Tells whether requests are answered, and why not.", type: "application/json",
            schema: .reference("ReadinessPage"), text: "They are.")
        operation.parameters = [
            .init(
                place: .query, name: "verbose",
                schema: .string("Tells everything that was looked at, whatever its value."))
        ]
        operation.answers.append(
            .init(
                status: "503", text: "They are not, and why.",
                contents: [.init(mediaType: "application/json", schema: .reference("ReadinessPage"))]))
        return operation
    }
}
