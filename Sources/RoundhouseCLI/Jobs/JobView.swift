internal import RoundhouseAPI
internal import SwiftProtobuf

/// The view of a stream that tells how a job goes on: progress on standard error, results on standard output, or all
/// of it as lines of JSON.
struct JobView {
    let console: any Console
    let json: Bool
    private var view: ProgressView

    init(_ console: any Console, json: Bool) {
        self.console = console
        self.json = json
        self.view = ProgressView(console)
    }

    /// Writes the message when that is what the caller wants.
    ///
    /// - Returns: whether nothing else is to be shown.
    func takesJSON(_ message: some Message) async throws -> Bool {
        if self.json { try await self.console.write(json: message) }
        return self.json
    }

    mutating func show(_ progress: Roundhouse_V1_LoadProgress) async {
        let title = LoadTexts.title(progress)
        let isCounted = progress.phase == .loading && progress.totalBytes > 0
        await self.console.note(
            isCounted
                ? self.view.show(title, done: progress.loadedBytes, of: progress.totalBytes) : self.view.show(title)
        )
    }

    mutating func show(_ title: String) async {
        await self.console.note(self.view.show(title))
    }

    mutating func show(
        _ title: String,
        done: Int64,
        of total: Int64,
        resumed: Int64 = 0,
        unit: ProgressBar.Unit = .bytes
    ) async {
        await self.console.note(self.view.show(title, done: done, of: total, resumed: resumed, unit: unit))
    }

    /// Says something that stays, above the line that moves.
    mutating func say(_ line: String) async {
        await self.console.note(self.view.clear())
        await self.console.note(line: line)
    }

    /// Takes the line that moves away: what it led to is said next.
    mutating func clear() async {
        await self.console.note(self.view.clear())
    }
}
