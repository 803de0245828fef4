internal import GRPCCore
internal import RoundhouseAPI
internal import SwiftProtobuf
internal import Synchronization

/// What happens now, again and again, through restarts of the server, until it is enough or the task is cancelled.
struct MetricsWatcher: Sendable {
    enum Update: Sendable {
        case figures(Roundhouse_V1_WatchMetricsResponse)
        /// The server is away, and why; it is tried again.
        case away(String)
    }

    /// Shared with the call that reads.
    private final class Progress: Sendable {
        let hasAnswered = Atomic(false)
    }

    /// Between tries to reach a server that is away: doubled up to the longest.
    private static let pauses = Duration.milliseconds(500)...Duration.seconds(5)

    let gateway: Gateway
    let clock: CommandClock
    let request: Roundhouse_V1_WatchMetricsRequest

    /// - Parameter take: says whether to go on.
    /// - Throws: what the first watch threw if it brought nothing (the address may be wrong), what no other try can
    ///   mend, what `take` throws, and `CancellationError`.
    func run(_ take: @escaping @Sendable (Update) async throws -> Bool) async throws {
        var pause = Self.pauses.lowerBound
        var hasBegun = false
        while true {
            let watch = try await self.watch(isFirst: !hasBegun, take)
            try Task.checkCancellation()
            if watch.isEnough { return }
            if watch.hasAnswered {
                hasBegun = true
                pause = Self.pauses.lowerBound
            }
            guard try await take(.away(watch.ending)) else { return }
            try await self.clock.sleep(pause)
            pause = min(pause * 2, Self.pauses.upperBound)
        }
    }

    private func watch(
        isFirst: Bool,
        _ take: @escaping @Sendable (Update) async throws -> Bool
    ) async throws -> (hasAnswered: Bool, isEnough: Bool, ending: String) {
        let progress = Progress()
        do {
            let isEnough = try await self.gateway.telemetry.watchMetrics(
                self.request, options: self.gateway.workOptions
            ) { response in
                for try await message in response.messages {
                    progress.hasAnswered.store(true, ordering: .relaxed)
                    guard try await take(.figures(message)) else { return true }
                }
                return false
            }
            return (progress.hasAnswered.load(ordering: .relaxed), isEnough, "it ended the stream")
        } catch let error as RPCError where !Task.isCancelled {
            let hasAnswered = progress.hasAnswered.load(ordering: .relaxed)
            // A server that is killed says nothing, one that stops may cancel what is left.
            guard error.code == .unavailable || error.code == .cancelled, hasAnswered || !isFirst else { throw error }
            return (hasAnswered, false, error.message)
        }
    }
}
