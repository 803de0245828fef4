import Synchronization

/// Who can take requests, by name: the state behind `grpc.health.v1.Health`.
///
/// Names are full service names, model ids ("local/small") and aliases, and "" for the server as a whole. Readers get
/// the status of now; a watcher is woken by a change and reads what is newest then, so a slow one costs one pending
/// signal and skips what is already history, and no order of two changes can leave it with the older one.
package final class HealthRegistry: Sendable {
    package enum Status: Sendable, Hashable {
        case serving
        case notServing
    }

    private struct State {
        var statuses: [String: Status]
        var watchers: [String: [UInt64: AsyncStream<Void>.Continuation]] = [:]
        var watcherCount = 0
        var nextWatcher: UInt64 = 0
        var isShutDown = false
        var areWatchesEnded = false
    }

    /// More watches than this at once are refused: each holds a stream open for as long as its client likes.
    package let maximumWatches: Int
    private let state: Mutex<State>

    /// - Parameter statuses: What is known from the start. "" should be among them.
    package init(statuses: [String: Status] = ["": .serving], maximumWatches: Int = 4096) {
        self.maximumWatches = maximumWatches
        state = Mutex(State(statuses: statuses))
    }

    /// Sets the status of one name, or forgets it (nil). After `shutdown()` this changes nothing.
    package func set(_ status: Status?, for name: String) {
        let woken = state.withLock { state -> [AsyncStream<Void>.Continuation] in
            guard !state.isShutDown, state.statuses[name] != status else { return [] }
            state.statuses[name] = status
            return state.watchers[name].map { Array($0.values) } ?? []
        }
        for watcher in woken { watcher.yield() }
    }

    /// The status of one name; nil when it is not known.
    package func status(of name: String) -> Status? {
        state.withLock { $0.statuses[name] }
    }

    /// Everything that is known.
    package var all: [String: Status] {
        state.withLock { $0.statuses }
    }

    /// Says for every name that it takes no more requests, for good. Load balancers that watch turn away now, before
    /// the server does; watches stay open so that they hear it.
    package func shutdown() {
        let woken = state.withLock { state -> [AsyncStream<Void>.Continuation] in
            guard !state.isShutDown else { return [] }
            state.isShutDown = true
            state.statuses = state.statuses.mapValues { _ in .notServing }
            return state.watchers.values.flatMap(\.values)
        }
        for watcher in woken { watcher.yield() }
    }

    /// Ends every watch, so that none of them holds up the server's drain.
    package func endWatches() {
        let ended = state.withLock { state -> [AsyncStream<Void>.Continuation] in
            state.areWatchesEnded = true
            return state.watchers.values.flatMap(\.values)
        }
        for watcher in ended { watcher.finish() }
    }

    package var areWatchesEnded: Bool {
        state.withLock { $0.areWatchesEnded }
    }

    /// Starts to watch one name, known or not. Nil when there are `maximumWatches` already.
    func watch(_ name: String) -> HealthWatch? {
        let (signals, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        // The first status is one that the watcher has not seen either. Signalled before anyone else can end the watch.
        continuation.yield()
        let started = state.withLock { state -> (id: UInt64, isEnded: Bool)? in
            guard state.watcherCount < maximumWatches else { return nil }
            state.nextWatcher += 1
            state.watcherCount += 1
            state.watchers[name, default: [:]][state.nextWatcher] = continuation
            return (state.nextWatcher, state.areWatchesEnded)
        }
        guard let started else { return nil }
        continuation.onTermination = { [weak self] _ in self?.stopWatching(name, id: started.id) }
        if started.isEnded { continuation.finish() }
        return HealthWatch(registry: self, name: name, signals: signals, continuation: continuation)
    }

    private func stopWatching(_ name: String, id: UInt64) {
        state.withLock { state in
            guard state.watchers[name]?.removeValue(forKey: id) != nil else { return }
            state.watcherCount -= 1
            if state.watchers[name]?.isEmpty == true { state.watchers[name] = nil }
        }
    }
}

/// One watch of one name: the status of now, then every change, the newest when several came at once. Nil stands for a
/// name that is not known.
struct HealthWatch: AsyncSequence, Sendable {
    let registry: HealthRegistry
    let name: String
    let signals: AsyncStream<Void>
    let continuation: AsyncStream<Void>.Continuation

    /// Ends the sequence, from anywhere.
    func stop() {
        continuation.finish()
    }

    func makeAsyncIterator() -> Iterator {
        Iterator(watch: self, signals: signals.makeAsyncIterator())
    }

    struct Iterator: AsyncIteratorProtocol {
        let watch: HealthWatch
        var signals: AsyncStream<Void>.Iterator
        /// What was given out last; nil before the first.
        var last: HealthRegistry.Status??

        mutating func next() async -> HealthRegistry.Status?? {
            while await signals.next(isolation: #isolation) != nil {
                let now = watch.registry.status(of: watch.name)
                guard last != .some(now) else { continue }
                last = .some(now)
                return .some(now)
            }
            return nil
        }
    }
}
