internal import ModelLifecycle

/// Kept events, and those that happen.
protocol EventFeed: Sendable {
    /// Kept events before `sequence` (all when `nil`), newest first, at most `limit` of those that `filter` admits.
    func list(before sequence: Int64?, limit: Int, filter: EventFilter) async throws -> [StoredEvent]

    /// Gives events to `deliver`, in order and without gaps, until the log ends, the task is cancelled or `deliver`
    /// throws.
    ///
    /// Its await is the backpressure: what happens meanwhile waits in a bounded buffer.
    ///
    /// - Parameter sequence: where to go on; `nil` begins with what happens from now on.
    /// - Throws: ``EventWatchError``, or what `deliver` threw.
    func watch(
        after sequence: Int64?,
        filter: EventFilter,
        deliver: @Sendable (EventUpdate) async throws -> Void
    ) async throws
}

extension EventLog: EventFeed {
    func list(before sequence: Int64?, limit: Int, filter: EventFilter) async throws -> [StoredEvent] {
        try await self.events(before: sequence, limit: limit, filter: filter)
    }

    func watch(
        after sequence: Int64?,
        filter: EventFilter,
        deliver: @Sendable (EventUpdate) async throws -> Void
    ) async throws {
        for try await update in try self.watch(after: sequence, filter: filter) as EventWatch {
            try await deliver(update)
        }
    }
}
