internal import RoundhouseAPI

/// An installation, shown until the model is registered.
struct InstallationJob: Sendable {
    /// "downloading" or "copying".
    let verb: String
    let console: any Console
    let json: Bool

    /// - Throws: ``CommandFailure/brokenPromise(_:)`` when the stream ended with OK before it was done.
    func follow(_ messages: some AsyncSequence<Roundhouse_V1_InstallModelResponse, any Error>) async throws {
        var view = JobView(self.console, json: self.json)
        var last: Roundhouse_V1_InstallModelResponse?
        do {
            for try await message in messages {
                if message.phase == .completed { last = message }
                if try await view.takesJSON(message) { continue }
                await self.show(message, &view)
            }
        } catch {
            await view.clear()
            throw error
        }
        guard let last else {
            throw CommandFailure.brokenPromise("the server ended the stream with OK but without 'completed'")
        }
        guard !self.json else { return }
        await view.clear()
        try await self.console.write(line: Self.sentence(last))
    }

    private func show(_ message: Roundhouse_V1_InstallModelResponse, _ view: inout JobView) async {
        switch message.phase {
        case .checking: await view.show("checking the source and the disk")
        case .transferring:
            await view.show(
                self.verb,
                done: message.receivedBytes,
                of: message.totalBytes,
                resumed: message.resumedBytes
            )
        case .converting:
            await view.show("converting", done: message.receivedBytes, of: message.totalBytes)
        case .verifying: await view.show("verifying the file")
        case .registering: await view.show("registering it")
        case .completed, .unspecified, .UNRECOGNIZED: break
        }
    }

    /// "local/small is installed as version 1a2b3c4d5e6f: 340.0 MiB; it is unloaded".
    private static func sentence(_ message: Roundhouse_V1_InstallModelResponse) -> String {
        let model = message.model
        let size = model.versions.first { $0.version == message.version }?.sizeBytes ?? model.sizeBytes
        let version = message.version.isEmpty ? "" : " as version \(message.version)"
        let isActive = message.version.isEmpty || model.activeVersion == message.version
        let state = isActive ? "it is \(StateTexts.text(model))" : "version \(model.activeVersion) stays the active one"
        return "\(model.id) is installed\(version): \(Figures.bytes(size)); \(state)"
    }
}
