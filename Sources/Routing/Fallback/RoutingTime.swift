/// The clock of the router. Tests have one of their own.
public struct RoutingTime: Sendable {
    public var now: @Sendable () -> ContinuousClock.Instant
    /// Throws when the task is cancelled meanwhile.
    public var sleep: @Sendable (Duration) async throws -> Void

    public init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.sleep = sleep
    }

    public static let continuous = RoutingTime(
        now: { ContinuousClock.now },
        sleep: { try await Task.sleep(for: $0, clock: .continuous) }
    )
}
