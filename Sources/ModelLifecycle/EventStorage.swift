package import Inference

/// An event as it is kept.
package struct StoredEvent: Sendable, Hashable {
    /// From 1, without gaps and across restarts.
    package var sequence: Int64
    /// Since 1970-01-01 UTC.
    package var atMicroseconds: Int64
    package var event: GatewayEvent

    package init(sequence: Int64, atMicroseconds: Int64, event: GatewayEvent) {
        self.sequence = sequence
        self.atMicroseconds = atMicroseconds
        self.event = event
    }
}

/// Which events are meant. Empty and `nil` mean all.
package struct EventFilter: Sendable, Hashable {
    package var kinds: Set<GatewayEvent.Kind> = []
    package var model: ModelID?
    package var provider: ProviderID?
    package var alias: String?

    package init() {}

    package func admits(_ event: GatewayEvent) -> Bool {
        (self.kinds.isEmpty || self.kinds.contains(event.kind))
            && (self.model == nil || event.model == self.model)
            && (self.provider == nil || event.provider == self.provider)
            && (self.alias == nil || event.alias == self.alias)
    }
}

/// Where events are kept. Implemented by Persistence.
package protocol EventStorage: Sendable {
    /// The first and the last sequence that are kept; `nil` when there are none.
    func eventRange() async throws -> ClosedRange<Int64>?

    /// Adds events in order, all or none.
    func append(_ events: [StoredEvent]) async throws

    /// Events after `sequence` in ascending order, or those before it in descending order, at most `limit` of those
    /// that `filter` admits.
    func events(after sequence: Int64, limit: Int, filter: EventFilter) async throws -> [StoredEvent]
    func events(before sequence: Int64, limit: Int, filter: EventFilter) async throws -> [StoredEvent]

    /// Deletes all but the last `count` events.
    func pruneEvents(keeping count: Int) async throws
}
