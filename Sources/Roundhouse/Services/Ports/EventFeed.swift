internal import ModelLifecycle

/// Kept events, and those that happen.
protocol EventFeed: Sendable {
    /// Kept events before `sequence` (all when `nil`), newest first, at most `limit` of those that `filter` admits.
    func list(before sequence: Int64?, limit: Int, filter: EventFilter) async throws(EventFeedError) -> [StoredEvent]

    /// Gives events to `deliver`, in order and without gaps, until the task is cancelled or `deliver` throws.
    ///
    /// Its await is the backpressure: what happens meanwhile waits in a bounded buffer.
    ///
    /// - Parameter sequence: where to go on; `nil` begins with what happens from now on.
    /// - Throws: ``EventFeedError``, or what `deliver` threw.
    func watch(
        after sequence: Int64?,
        filter: EventFilter,
        deliver: @Sendable (EventFeedItem) async throws -> Void
    ) async throws
}

/// What a watcher gets.
enum EventFeedItem: Sendable, Hashable {
    case event(StoredEvent)
    /// Everything up to `sequence` was given or filtered out. The first one says that what had happened before was.
    case heartbeat(sequence: Int64)
}

/// Why events cannot be had.
enum EventFeedError: Error, Sendable, Hashable {
    /// What comes after the sequence is no longer kept.
    case expired(firstKept: Int64)
    /// The watcher was too slow; it was given everything up to ``last``.
    case lagged(lastSequence: Int64)
    case shuttingDown
    case storage(String)
}
