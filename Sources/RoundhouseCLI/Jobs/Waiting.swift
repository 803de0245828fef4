extension Console {
    /// Runs a call that tells nothing on the way; meanwhile a terminal shows what is waited for.
    func waiting<Result>(
        for title: String,
        json: Bool,
        _ body: () async throws -> Result
    ) async throws -> Result {
        guard !json, self.errors.isTerminal else { return try await body() }
        var view = ProgressView(self)
        await self.note(view.show(title))
        do {
            let result = try await body()
            await self.note(view.clear())
            return result
        } catch {
            await self.note(view.clear())
            throw error
        }
    }
}
