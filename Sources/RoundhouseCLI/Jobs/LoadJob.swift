internal import RoundhouseAPI

/// A load, shown until the model is ready.
struct LoadJob: Sendable {
    let console: any Console
    let json: Bool

    /// - Throws: ``CommandFailure/brokenPromise(_:)`` when the stream ended with OK before the model was ready.
    func follow(_ messages: some AsyncSequence<Roundhouse_V1_LoadModelResponse, any Error>) async throws {
        var view = JobView(self.console, json: self.json)
        var loaded: Roundhouse_V1_LoadedModel?
        do {
            for try await message in messages {
                if message.hasLoaded { loaded = message.loaded }
                if try await view.takesJSON(message) { continue }
                if message.hasProgress && !message.hasLoaded { await view.show(message.progress) }
            }
        } catch {
            await view.clear()
            throw error
        }
        guard let loaded else {
            throw CommandFailure.brokenPromise("the server ended the stream with OK but without the loaded model")
        }
        guard !self.json else { return }
        await view.clear()
        try await self.console.write(line: LoadTexts.sentence(loaded))
    }
}
