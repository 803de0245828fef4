internal import SwiftProtobuf

extension Console {
    /// Writes a message of the API as one line of protobuf JSON.
    func write(json message: some Message) async throws {
        try await self.write(try message.jsonString() + "\n")
    }

    /// Writes a sentence. What stands in it may come from elsewhere: it cannot break the line.
    func write(line: String) async throws {
        try await self.write(TerminalText.singleLine(line) + "\n")
    }

    /// Says a sentence beside the result, on standard error.
    func note(line: String) async {
        await self.note(TerminalText.singleLine(line) + "\n")
    }

    /// Asks on standard error, and takes anything but a yes for a no.
    func confirms(_ question: String) async throws -> Bool {
        await self.note(TerminalText.singleLine(question) + " [y/N] ")
        let answer = await self.nextLine()
        try Task.checkCancellation()
        // The end of the input has left the cursor behind the question.
        if answer == nil { await self.note("\n") }
        return ["y", "yes"].contains(answer.map { $0.filter { !$0.isWhitespace }.lowercased() })
    }

    func write(_ table: Table) async throws {
        try await self.write(table.rendered(for: self.output))
    }

    func write(_ page: Page) async throws {
        try await self.write(page.rendered(for: self.output))
    }
}
