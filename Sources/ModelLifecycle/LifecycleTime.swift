internal import FoundationEssentials

/// The time as this room sees it; tests bring their own.
package struct LifecycleTime: Sendable {
    /// For measuring.
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

    package static let system = LifecycleTime(
        now: { .now },
        wallMicroseconds: { Int64(Date().timeIntervalSince1970 * 1_000_000) },
        sleep: { try await Task.sleep(for: $0, clock: .continuous) }
    )
}

extension Duration {
    /// Whole milliseconds, rounded down, for the attributes of events.
    var wholeMilliseconds: Int64 {
        self.components.seconds * 1000 + self.components.attoseconds / 1_000_000_000_000_000
    }

    /// Seconds as a fraction.
    var inSeconds: Double {
        Double(self.components.seconds) + Double(self.components.attoseconds) * 1e-18
    }
}
