internal import ModelLifecycle

/// The event log, as `LifecycleService` asks it.
struct EventLogFeed: EventFeed {
    let log: EventLog

    func list(
        before sequence: Int64?,
        limit: Int,
        filter: EventFilter
    ) async throws(EventFeedError) -> [StoredEvent] {
        do {
            return try await self.log.events(before: sequence, limit: limit, filter: filter)
        } catch {
            throw .storage("\(error)")
        }
    }

    func watch(
        after sequence: Int64?,
        filter: EventFilter,
        deliver: @Sendable (EventFeedItem) async throws -> Void
    ) async throws {
        do {
            for try await update in try self.log.watch(after: sequence, filter: filter) {
                switch update {
                case .event(let event): try await deliver(.event(event))
                case .heartbeat(let sequence): try await deliver(.heartbeat(sequence: sequence))
                }
            }
        } catch let error as EventWatchError {
            throw EventFeedError(error)
        }
        // The log ends watches when the server stops; a client that left has ended this task.
        if !Task.isCancelled { throw EventFeedError.shuttingDown }
    }
}

extension EventFeedError {
    fileprivate init(_ error: EventWatchError) {
        switch error {
        case .lagged(let last): self = .lagged(lastSequence: last)
        case .expired(let first): self = .expired(firstKept: first)
        // A sequence of the future is one of another server's past: everything that is kept is news to its owner.
        case .invalid(_, let last): self = .expired(firstKept: last + 1)
        case .storage(let reason): self = .storage(reason)
        }
    }
}
