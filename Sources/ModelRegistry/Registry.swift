private import Synchronization

/// The current ``RegistrySnapshot``. Readers take it in nanoseconds; writers swap it whole.
public final class Registry: Sendable {
    private let current: Mutex<RegistrySnapshot>

    public init(_ snapshot: RegistrySnapshot = .empty) {
        self.current = Mutex(snapshot)
    }

    /// What exists now.
    public var snapshot: RegistrySnapshot {
        self.current.withLock { $0 }
    }

    /// Replaces everything at once: a reader sees the old registry or the new one, never a mixture.
    public func replace(with snapshot: RegistrySnapshot) {
        self.current.withLock { $0 = snapshot }
    }
}
