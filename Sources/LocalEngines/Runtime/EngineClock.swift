import FoundationEssentials

/// The time as supervision sees it; tests bring their own.
package struct EngineClock: Sendable {
    /// For measuring and waiting.
    package var now: @Sendable () -> ContinuousClock.Instant
    /// Microseconds since 1970-01-01 UTC, for people.
    package var wallMicroseconds: @Sendable () -> Int64
    /// Throws when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void

    package init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        wallMicroseconds: @escaping @Sendable () -> Int64,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.wallMicroseconds = wallMicroseconds
        self.sleep = sleep
    }

    package static let system = EngineClock(
        now: { .now },
        wallMicroseconds: { Int64(Date().timeIntervalSince1970 * 1_000_000) },
        sleep: { try await Task.sleep(for: $0, clock: .continuous) }
    )
}
