internal import LocalEngines
internal import Synchronization

/// Asks those who may not answer, each for no longer than a limit.
///
/// A probe that goes on after its limit, because what it waits in heeds no cancellation (a disk that hangs), is left to
/// itself and not asked again before it has ended: however often somebody looks, it takes one task.
final class ProbeRunner: Sendable {
    let limit: Duration
    private let clock: EngineClock
    private let running = Mutex<Set<String>>([])

    init(limit: Duration, clock: EngineClock) {
        self.limit = limit
        self.clock = clock
    }

    /// - Parameters:
    ///   - name: One of its own for each probe.
    ///   - limit: Another one than ``limit``.
    /// - Returns: ``Look/hung`` when the limit has passed, or the probe of an earlier call is still at it.
    func run<Value: Sendable & Hashable>(
        _ name: String,
        within limit: Duration? = nil,
        _ probe: @escaping @Sendable () async -> Value
    ) async -> Look<Value> {
        guard self.running.withLock({ $0.insert(name).inserted }) else { return .hung }
        let (looks, arrival) = AsyncStream.makeStream(of: Look<Value>.self)
        let began = self.clock.now()
        // task: cancelled at the limit; one that does not heed that ends with its probe, which is never there twice.
        let task = Task {
            let value = await probe()
            let latency = began.duration(to: self.clock.now())
            self.running.withLock { _ = $0.remove(name) }
            arrival.yield(.seen(value, latency: latency))
            arrival.finish()
        }
        defer { task.cancel() }
        return await withTaskGroup(of: Look<Value>.self) { group in
            group.addTask {
                for await look in looks { return look }
                return .hung
            }
            group.addTask { [clock = self.clock, limit = limit ?? self.limit] in
                try? await clock.sleep(limit)
                return .hung
            }
            defer { group.cancelAll() }
            return await group.next() ?? .hung
        }
    }
}
