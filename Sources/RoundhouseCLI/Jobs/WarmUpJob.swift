internal import RoundhouseAPI
internal import SwiftProtobuf

/// A warm-up, shown until its summary.
struct WarmUpJob: Sendable {
    let console: any Console
    let json: Bool

    /// - Throws: ``QuietEnding`` when a model could not be warmed up; ``CommandFailure/brokenPromise(_:)`` when the
    ///   stream ended with OK but without a summary.
    func follow(_ messages: some AsyncSequence<Roundhouse_V1_WarmUpResponse, any Error>) async throws {
        var view = JobView(self.console, json: self.json)
        var summary: Roundhouse_V1_WarmUpSummary?
        do {
            for try await message in messages {
                if case .summary(let last) = message.update { summary = last }
                if try await view.takesJSON(message) { continue }
                switch message.update {
                case .progress(let progress) where progress.phase != .ready: await view.show(progress)
                case .result(let result): await view.say(Self.line(result))
                case .progress, .summary, nil: break
                }
            }
        } catch {
            await view.clear()
            throw error
        }
        guard let summary else {
            throw CommandFailure.brokenPromise("the server ended the stream with OK but without a summary")
        }
        if !self.json {
            await view.clear()
            try await self.console.write(line: Self.sentence(summary))
        }
        if summary.status == "failed" || summary.status == "partial" { throw QuietEnding(status: .failure) }
    }

    private static func line(_ result: Roundhouse_V1_WarmUpResult) -> String {
        let outcome =
            switch result.outcome {
            case .warmed: "warmed up in \(Figures.duration(Duration(result.elapsed)))"
            case .alreadyWarm: "was warm already"
            case .skipped: "left out"
            case .failed: "failed"
            case .unspecified: "done"
            case .UNRECOGNIZED(let number): "outcome \(number)"
            }
        return "\(result.model): \(outcome)" + (result.reason.isEmpty ? "" : ": \(result.reason)")
    }

    /// "success: 2 models were loaded (3.40 s; in memory: 3 models, 1 embedding, 2 text)".
    private static func sentence(_ summary: Roundhouse_V1_WarmUpSummary) -> String {
        let counts = summary.loadedCounts.filter { $0.value > 0 }.sorted { $0.key < $1.key }
            .map { ", \($0.value) \($0.key)" }
        let memory = "in memory: \(Figures.some(Int(summary.totalLoaded), "model"))\(counts.joined())"
        let message = summary.message.isEmpty ? "" : ": \(summary.message)"
        return "\(summary.status)\(message) (\(Figures.duration(Duration(summary.elapsed))); \(memory))"
    }
}
