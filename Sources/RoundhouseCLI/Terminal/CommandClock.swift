/// The time that a command goes by: for rates, and for waiting before another try. Tests turn it by hand.
struct CommandClock: Sendable {
    /// Since some fixed moment; never goes back.
    let now: @Sendable () -> Duration
    /// - Throws: `CancellationError` when the task is cancelled meanwhile.
    let sleep: @Sendable (Duration) async throws -> Void

    static let system = CommandClock(
        now: { [origin = ContinuousClock.now] in ContinuousClock.now - origin },
        sleep: { try await Task.sleep(for: $0) }
    )
}
