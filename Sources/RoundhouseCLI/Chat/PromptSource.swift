/// Where a prompt comes from: the command line, or standard input.
enum PromptSource {
    /// Above the servers' usual message limit of 4 MiB, so that it is the server that says what it takes.
    private static let inputLimit = 16 << 20

    /// - Parameter argument: nil or "-" for standard input.
    /// - Throws: ``CommandFailure/usage(_:)`` when there is nothing to say.
    static func prompt(_ argument: String?, from console: any Console) async throws -> String {
        let prompt: String
        if let argument, argument != "-" {
            prompt = argument
        } else {
            if console.isInputTerminal {
                await console.note(console.errors.dim("type the text, then Ctrl-D on a line of its own") + "\n")
            }
            prompt = try await console.remainingInput(limit: Self.inputLimit)
        }
        guard !prompt.trimmed.isEmpty else {
            throw CommandFailure.usage("the prompt is empty: give it as an argument or on standard input")
        }
        return prompt
    }
}
