internal import ArgumentParser
internal import RoundhouseAPI

/// What is generated, by whom and how. The server checks the ranges and names every value at fault.
struct GenerationOptions: ParsableArguments, Sendable {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "An id ('local/small'), an alias ('default') or 'auto'.",
            discussion: "Default: the server's choice.",
            valueName: "model"
        )
    )
    var model: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("Instructions for the model.", valueName: "text"))
    var system: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Randomness, 0 to 2.", valueName: "number"))
    var temperature: Double?

    @Option(parsing: .unconditional, help: ArgumentHelp("Nucleus sampling, above 0 and up to 1.", valueName: "number"))
    var topP: Double?

    @Option(parsing: .unconditional, help: ArgumentHelp("The most tokens to generate.", valueName: "count"))
    var maxOutputTokens: Int32?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A sequence that ends the answer. May be repeated.", valueName: "text")
    )
    var stop: [String] = []

    @Option(parsing: .unconditional, help: ArgumentHelp("For repeatable sampling.", valueName: "number"))
    var seed: Int64?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Discourages tokens that appeared at all, -2 to 2.", valueName: "number")
    )
    var presencePenalty: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Discourages tokens by how often they appeared, -2 to 2.", valueName: "number")
    )
    var frequencyPenalty: Double?

    @Option(
        name: .customLong("request-id"),
        help: ArgumentHelp("Your name for the request, in logs, records and the upstream.", valueName: "id")
    )
    var requestID: String?

    @Option(
        help: ArgumentHelp("A label kept with the request's record. May be repeated.", valueName: "key=value")
    )
    var metadata: [String] = []

    @Option(
        name: .customLong("image"),
        help: ArgumentHelp(
            "A picture to look at: a file, or an address that the model's provider fetches. May be repeated.",
            discussion: "In a conversation it goes with the first question.",
            valueName: "file-or-url"
        )
    )
    var images: [String] = []

    @Option(
        name: .customLong("json-schema"),
        help: ArgumentHelp("A file with the JSON Schema that the answer must fulfil.", valueName: "file")
    )
    var schemaFile: String?

    @Option(help: "How much the model may think.")
    var reasoning: ReasoningArgument?

    @Option(help: "What is done when an upstream fails after output was sent.")
    var recovery: RecoveryArgument?

    @Flag(
        inversion: .prefixedNo,
        help: "Share the upstream call of an identical request in flight. Needs --temperature 0 or --seed."
    )
    var share: Bool?

    @OptionGroup(title: "Routing")
    var routing: RoutingOptions

    func validate() throws {
        _ = try self.labels()
    }

    private func labels() throws -> [String: String] {
        var labels: [String: String] = [:]
        for pair in self.metadata {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw ValidationError("--metadata must be key=value, not '\(pair)'")
            }
            guard labels.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw ValidationError("--metadata names '\(parts[0])' twice")
            }
        }
        return labels
    }

    /// A request for the next turn of a conversation.
    ///
    /// - Parameter model: instead of the options' model. Empty: the server's choice.
    /// - Throws: ``CommandFailure/usage(_:)`` for a picture or a schema that cannot be read.
    func request<Request: GenerationMessage>(
        model: String? = nil,
        history: [Roundhouse_V1_Message] = [],
        prompt: String
    ) throws -> Request {
        var request = Request()
        request.model = model ?? self.model ?? ""
        if let system = self.system { request.messages.append(.saying(system, as: .system)) }
        var question = Roundhouse_V1_Message.saying(prompt, as: .user)
        if history.isEmpty { question.parts += try self.images.map(PictureArgument.part) }
        request.messages += history + [question]
        if let value = self.temperature { request.temperature = value }
        if let value = self.topP { request.topP = value }
        if let value = self.maxOutputTokens { request.maxOutputTokens = value }
        if let value = self.seed { request.seed = value }
        if let value = self.presencePenalty { request.presencePenalty = value }
        if let value = self.frequencyPenalty { request.frequencyPenalty = value }
        request.stop = self.stop
        request.requestID = self.requestID ?? ""
        request.metadata = try self.labels()
        if let file = self.schemaFile { request.responseFormat.jsonSchema.schemaJson = try Self.schema(in: file) }
        if let effort = self.reasoning { request.reasoning.effort = effort.message }
        if let mode = self.recovery { request.recovery = mode.message }
        if let share = self.share { request.shareIdentical = share }
        self.routing.apply(to: &request)
        return request
    }

    /// The server reads it; here it only has to be text.
    private static func schema(in file: String) throws(CommandFailure) -> String {
        let bytes = try InputFile.contents(of: file, for: "--json-schema", limit: 1 << 20)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .usage("--json-schema: the file '\(file)' is not UTF-8 text")
        }
        return text
    }
}
