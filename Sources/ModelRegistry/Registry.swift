private import Synchronization

/// The current ``RegistrySnapshot``. Readers take it in nanoseconds; writers swap it whole.
public final class Registry: Sendable {
    private let current: Mutex<RegistrySnapshot>
    private let observers = Mutex<[@Sendable (RegistrySnapshot) -> Void]>([])

    public init(_ snapshot: RegistrySnapshot = .empty) {
        self.current = Mutex(snapshot)
    }

    /// What exists now.
    public var snapshot: RegistrySnapshot {
        self.current.withLock { $0 }
    }

    /// Replaces everything at once: a reader sees the old registry or the new one, never a mixture. Returns when every
    /// observer has seen it.
    public func replace(with snapshot: RegistrySnapshot) {
        self.current.withLock { $0 = snapshot }
        let observers = self.observers.withLock { $0 }
        for observer in observers { observer(snapshot) }
    }

    /// Has every later snapshot told to `observer`, in order, before the change that made it returns. For the life of
    /// the registry; called under no lock, and must not block.
    package func observe(_ observer: @escaping @Sendable (RegistrySnapshot) -> Void) {
        self.observers.withLock { $0.append(observer) }
    }
}
