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

    func write(_ table: Table) async throws {
        try await self.write(table.rendered(for: self.output))
    }

    func write(_ page: Page) async throws {
        try await self.write(page.rendered(for: self.output))
    }
}
