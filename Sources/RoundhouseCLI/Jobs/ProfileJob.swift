internal import RoundhouseAPI

/// A profile, shown until its figures.
struct ProfileJob: Sendable {
    let model: String
    let console: any Console
    let json: Bool

    /// - Throws: ``CommandFailure/brokenPromise(_:)`` when the stream ended with OK but without the figures.
    func follow(_ messages: some AsyncSequence<Roundhouse_V1_ProfileModelResponse, any Error>) async throws {
        var view = JobView(self.console, json: self.json)
        var profile: Roundhouse_V1_ModelProfile?
        do {
            for try await message in messages {
                if case .profile(let last) = message.update { profile = last }
                if try await view.takesJSON(message) { continue }
                switch message.update {
                case .progress(let progress): await view.show(progress)
                case .run(let run):
                    if !run.error.isEmpty { await view.say(ProfileTexts.failure(run)) }
                    await view.show(
                        "measuring \(self.model)",
                        done: Int64(run.run),
                        of: Int64(run.runCount),
                        unit: .items
                    )
                case .profile, nil: break
                }
            }
        } catch {
            await view.clear()
            throw error
        }
        guard let profile else {
            throw CommandFailure.brokenPromise("the server ended the stream with OK but without a profile")
        }
        guard !self.json else { return }
        await view.clear()
        try await self.console.write(ProfileTexts.page(profile))
    }
}
