internal import GRPCCore
internal import RoundhouseAPI
internal import SwiftProtobuf

/// Shows requests as they end, through restarts of the server, until the task is cancelled.
struct RequestFollower {
    /// Between looks, and between tries to reach a server that is away: doubled up to the longest.
    private static let pauses = Duration.seconds(1)...Duration.seconds(10)
    /// The most that one look shows: a flood is not read by anyone.
    private static let most = 10_000

    let gateway: Gateway
    let console: any Console
    let json: Bool
    let filter: String

    /// - Parameter count: how many are shown that have ended before; 0: none.
    /// - Throws: what the first look threw (the address or the filter may be wrong), what no other try can mend, and
    ///   `CancellationError`.
    func follow(after count: Int) async throws {
        var lines = RequestLines(for: self.console.output)
        let first = try await self.gateway.requests(filter: self.filter, limit: max(count, 1))
        var last = first.lastSequence
        try await self.show(count == 0 ? [] : first.requests, &lines)
        var pause = Self.pauses.lowerBound
        var isAway = false
        while true {
            try await self.console.clock.sleep(pause)
            do {
                let next = try await self.gateway.requests(filter: self.news(after: last), limit: Self.most)
                if isAway { await self.note("the server is back") }
                (isAway, pause) = (false, Self.pauses.lowerBound)
                guard next.lastSequence >= last else {
                    await self.note("the server counts its requests anew: some may be missing here")
                    last = 0
                    continue
                }
                last = next.lastSequence
                try await self.show(next.requests, &lines)
            } catch let error as RPCError where error.code == .unavailable && !Task.isCancelled {
                if !isAway { await self.note("the server is away (\(error.message)); waiting for it") }
                pause = isAway ? min(pause * 2, Self.pauses.upperBound) : pause
                isAway = true
            }
        }
    }

    private func news(after last: Int64) -> String {
        let news = "sequence > \(last)"
        return self.filter.allSatisfy(\.isWhitespace) ? news : "(\(self.filter)) AND \(news)"
    }

    /// - Parameter requests: the newest first.
    private func show(_ requests: [Roundhouse_V1_RequestRecord], _ lines: inout RequestLines) async throws {
        for request in requests.reversed() {
            if self.json {
                try await self.console.write(json: request)
            } else {
                try await self.console.write(lines.text(of: request))
            }
        }
    }

    private func note(_ text: String) async {
        guard !self.json else { return }
        await self.console.note(self.console.errors.dim(TerminalText.singleLine(text)) + "\n")
    }
}
