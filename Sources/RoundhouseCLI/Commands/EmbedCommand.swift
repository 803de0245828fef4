internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct EmbedCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed",
        abstract: "Turn texts into vectors that lie close together when the texts mean the same.",
        discussion: """
            Shows how many numbers each vector has, its length and its first numbers; for two texts also the cosine of \
            the angle between them, 1 for the same direction. --json prints every number.
            """
    )

    @Argument(help: ArgumentHelp("The texts. Default or '-': one text from standard input.", valueName: "text"))
    var texts: [String] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("An id, an alias or 'auto'.", valueName: "model"))
    var model: String?

    @Option(help: ArgumentHelp("How many numbers a vector is to have.", valueName: "count"))
    var dimensions: Int32?

    @Flag(help: "Give the vectors the length 1.")
    var normalize = false

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        var texts = self.texts
        if texts.count < 2 { texts = [try await PromptSource.prompt(texts.first, from: console)] }
        let response = try await gateway.generation.embed(
            .with {
                $0.model = self.model ?? ""
                $0.inputs = texts
                if let value = self.dimensions { $0.dimensions = value }
                if self.normalize { $0.normalize = true }
            },
            options: gateway.workOptions
        )
        guard response.embeddings.count == texts.count else {
            throw CommandFailure.brokenPromise(
                "the server gave \(Figures.count(Int64(response.embeddings.count), "vector")) for "
                    + Figures.count(Int64(texts.count), "text")
            )
        }
        guard !self.connection.json else { return try await console.write(json: response) }
        try await console.write(EmbeddingTexts.table(response.embeddings, of: texts))
        if let line = EmbeddingTexts.cosineLine(response.embeddings) { try await console.write(line: line) }
        await console.note(console.errors.dim(TerminalText.singleLine(EmbeddingTexts.figures(response))) + "\n")
    }
}
