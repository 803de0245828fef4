internal import GRPCCore
internal import GRPCProtobuf
internal import RoundhouseAPI
internal import SwiftProtobuf
internal import Synchronization

/// Shows events as they happen, through restarts of the server, until the task is cancelled.
struct EventFollower {
    /// Between tries to reach a server that is away: doubled up to the longest.
    private static let pauses = Duration.milliseconds(500)...Duration.seconds(10)

    /// Why a watch ended, and what that means for the next one.
    private enum Ending {
        /// The server is away or stops.
        case away(String)
        /// It has dropped this watcher for reading too slowly.
        case lagged
        /// Events after the last one that was seen are gone.
        case expired
        /// The server counts anew: it keeps its events in another place now.
        case unknown
    }

    let gateway: Gateway
    let console: any Console
    let json: Bool
    private let request: Roundhouse_V1_WatchEventsRequest
    private let position: Position

    /// The last event that was shown or filtered out. Nil: none is known.
    var last: Int64? { self.position.last }

    /// - Parameter after: see `WatchEventsRequest.after_sequence`.
    init(
        gateway: Gateway,
        console: any Console,
        json: Bool,
        request: Roundhouse_V1_WatchEventsRequest,
        after: Int64?
    ) {
        self.gateway = gateway
        self.console = console
        self.json = json
        self.request = request
        self.position = Position(after)
    }

    /// - Throws: what the first watch threw if it brought nothing (the address may be wrong), what no other try can
    ///   mend, and `CancellationError`.
    func follow() async throws {
        var pause = Self.pauses.lowerBound
        var isAway = false
        while true {
            let before = self.position.answers
            let ending = try await self.watch(wasAway: isAway)
            try Task.checkCancellation()
            let hasProgressed = self.position.answers > before
            // Something came: whatever ended it is new.
            if hasProgressed {
                pause = Self.pauses.lowerBound
                isAway = false
            }
            switch ending {
            case .away(let why):
                if !isAway { await self.note("the server is away (\(why)); waiting for it") }
                isAway = true
                try await self.console.clock.sleep(pause)
                pause = min(pause * 2, Self.pauses.upperBound)
            case .lagged:
                await self.note("events came faster than they were read; going on after \(self.position.last ?? 0)")
                if !hasProgressed { try await self.console.clock.sleep(pause) }
            case .expired:
                await self.note("events after \(self.position.last ?? 0) are no longer kept: some are missing here")
                self.position.restart()
            case .unknown:
                await self.note("the server knows no event \(self.position.last ?? 0): it has begun to count anew")
                self.position.restart()
            }
        }
    }

    private func watch(wasAway: Bool) async throws -> Ending {
        var request = self.request
        if let last = self.position.last { request.afterSequence = last }
        let hadAnswers = self.position.answers > 0
        do {
            try await self.gateway.lifecycle.watchEvents(request, options: self.gateway.workOptions) { response in
                var isBack = !wasAway
                for try await message in response.messages {
                    if !isBack { await self.note("the server is back") }
                    isBack = true
                    try await self.show(message)
                }
            }
            return .away("it ended the stream")
        } catch let error as RPCError where !Task.isCancelled {
            guard let ending = Self.ending(of: error), hadAnswers || self.position.answers > 0 else { throw error }
            // Everything that is kept was asked for already.
            if error.code == .outOfRange, self.position.last == 0 { throw error }
            return ending
        }
    }

    /// Nil: another try would fail in the same way.
    private static func ending(of error: RPCError) -> Ending? {
        let details = (try? error.unpackGoogleRPCStatus())?.details ?? []
        let reason = details.compactMap { $0.errorInfo?.reason }.first
        return switch (error.code, reason) {
        case (.resourceExhausted, "WATCH_LAGGED"): .lagged
        case (.outOfRange, "EVENTS_EXPIRED"): .expired
        case (.outOfRange, "EVENTS_UNKNOWN"): .unknown
        // A server that is killed says nothing, one that stops may cancel what is left.
        case (.unavailable, _), (.cancelled, _): .away(error.message)
        default: nil
        }
    }

    private func show(_ message: Roundhouse_V1_WatchEventsResponse) async throws {
        if self.json { try await self.console.write(json: message) }
        switch message.update {
        case .event(let event):
            if !self.json { try await self.console.write(EventTexts.line(event, for: self.console.output)) }
            self.position.reach(event.sequence)
        case .heartbeat(let heartbeat):
            self.position.reach(heartbeat.sequence)
        case nil:
            break
        }
    }

    private func note(_ text: String) async {
        guard !self.json else { return }
        await self.console.note(self.console.errors.dim(TerminalText.singleLine(text)) + "\n")
    }
}

extension EventFollower {
    /// How far the events were seen. Shared with the call that reads them.
    private final class Position: Sendable {
        private let state: Mutex<(last: Int64?, answers: Int)>

        init(_ last: Int64?) {
            self.state = Mutex((last, 0))
        }

        var last: Int64? { self.state.withLock { $0.last } }

        /// Messages that came, in all.
        var answers: Int { self.state.withLock { $0.answers } }

        func reach(_ sequence: Int64) {
            self.state.withLock {
                $0.last = sequence
                $0.answers += 1
            }
        }

        /// Begins again with everything that is kept.
        func restart() {
            self.state.withLock { $0.last = 0 }
        }
    }
}
