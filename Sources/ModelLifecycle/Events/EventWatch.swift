internal import Inference
internal import Synchronization

/// What a watcher of events gets.
package enum EventUpdate: Sendable, Hashable {
    case event(StoredEvent)
    /// Everything up to this sequence was sent or filtered out. The first one says that what had happened before the watch
    /// began was sent.
    case heartbeat(sequence: Int64)
}

/// Why a watch cannot begin or go on.
package enum EventWatchError: Error, Sendable, Hashable {
    /// The watcher reads too slowly. It got everything up to `lastSequence`, and can go on after it.
    case lagged(lastSequence: Int64)
    /// Events after the given sequence are no longer kept. A watch after `firstKept - 1` gets everything that is.
    case expired(firstKept: Int64)
    /// There was no such event yet.
    case invalid(after: Int64, lastSequence: Int64)
    /// Old events cannot be read.
    case storage(String)
}

/// Events as they happen, what was kept before them first. For one reader; ends when the log does.
package struct EventWatch: AsyncSequence, Sendable {
    package typealias Element = EventUpdate
    package typealias Failure = EventWatchError

    let log: EventLog
    let membership: EventWatchMembership
    /// Where the replay begins; `nil` when there is none.
    let after: Int64?

    package func makeAsyncIterator() -> Iterator {
        Iterator(
            log: self.log,
            membership: self.membership,
            phase: self.after.map { .replaying(after: $0) } ?? .greeting
        )
    }

    package struct Iterator: AsyncIteratorProtocol {
        enum Phase {
            /// Reading what is kept.
            case replaying(after: Int64)
            /// Live; the first heartbeat is due.
            case greeting
            case live
            case ended
        }

        let log: EventLog
        let membership: EventWatchMembership
        var phase: Phase
        /// Replayed events that were not handed out yet, the next one last.
        private var page: [StoredEvent] = []

        init(log: EventLog, membership: EventWatchMembership, phase: Phase) {
            self.log = log
            self.membership = membership
            self.phase = phase
        }

        private var watcher: EventWatcher { self.membership.watcher }

        /// - Returns: `nil` when the log has ended or the task is cancelled.
        package mutating func next(
            isolation: isolated (any Actor)? = #isolation
        ) async throws(EventWatchError) -> EventUpdate? {
            do {
                return try await self.step()
            } catch {
                self.phase = .ended
                throw error
            }
        }

        private mutating func step() async throws(EventWatchError) -> EventUpdate? {
            while case .replaying(let after) = self.phase {
                if let event = self.page.popLast() { return .event(event) }
                guard !Task.isCancelled else { return nil }
                switch try await self.log.replay(after: after, for: self.membership) {
                case .page(let events, let through):
                    self.page = events.reversed()
                    self.phase = .replaying(after: through)
                case .caughtUp:
                    self.phase = .greeting
                case .ended:
                    self.phase = .ended
                }
            }
            switch self.phase {
            case .greeting:
                self.phase = .live
                return .heartbeat(sequence: self.watcher.greeting)
            case .live:
                return try await self.watcher.next(heartbeat: self.log.settings.heartbeat, time: self.log.time)
            case .ended, .replaying:
                return nil
            }
        }
    }
}

/// Held by whoever reads a watch, and by nobody else: with its end the log forgets the watcher.
final class EventWatchMembership: Sendable {
    let watcher: EventWatcher
    let number: Int
    private let leave: @Sendable () -> Void

    init(watcher: EventWatcher, number: Int, leave: @escaping @Sendable () -> Void) {
        self.watcher = watcher
        self.number = number
        self.leave = leave
    }

    deinit { self.leave() }
}

/// One watcher's bounded buffer.
final class EventWatcher: Sendable {
    private struct State {
        var buffer: [StoredEvent] = []
        /// Those before it were handed out.
        var head = 0
        /// Everything up to here was put into the buffer or filtered out.
        var covered: Int64 = 0
        var greeting: Int64 = 0
        var hasLagged = false
        var hasEnded = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    let filter: EventFilter
    private let bufferLimit: Int
    private let state = Mutex(State())

    init(filter: EventFilter, bufferLimit: Int) {
        self.filter = filter
        self.bufferLimit = max(1, bufferLimit)
    }

    /// What the first heartbeat says.
    var greeting: Int64 { self.state.withLock { $0.greeting } }

    /// From now on it is offered every event. It has no use for those up to `sequence`.
    func goLive(at sequence: Int64) {
        self.state.withLock { state in
            state.covered = sequence
            state.greeting = sequence
        }
    }

    /// Takes events in order.
    ///
    /// - Returns: Who waits for them, to be resumed once no lock is held.
    func offer(_ events: [StoredEvent]) -> CheckedContinuation<Void, Never>? {
        self.state.withLock { state in
            for stored in events where stored.sequence > state.covered && !state.hasLagged && !state.hasEnded {
                if self.filter.admits(stored.event) {
                    guard state.buffer.count - state.head < self.bufferLimit else {
                        state.hasLagged = true
                        break
                    }
                    state.buffer.append(stored)
                }
                state.covered = stored.sequence
            }
            guard state.head < state.buffer.count || state.hasLagged else { return nil }
            return state.waiter.take()
        }
    }

    func end() -> CheckedContinuation<Void, Never>? {
        self.state.withLock { state in
            state.hasEnded = true
            return state.waiter.take()
        }
    }

    /// The next event, or a heartbeat when none comes for so long.
    func next(heartbeat: Duration, time: LifecycleTime) async throws(EventWatchError) -> EventUpdate? {
        if let update = try self.take() { return update }
        let isTimeUp = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.wait()
                return false
            }
            group.addTask {
                // An error is cancellation: something came.
                (try? await time.sleep(heartbeat)) != nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        if let update = try self.take() { return update }
        guard isTimeUp, !Task.isCancelled else { return nil }
        return .heartbeat(sequence: self.state.withLock { $0.covered })
    }

    private func take() throws(EventWatchError) -> EventUpdate? {
        let (event, lagged) = self.state.withLock { state -> (StoredEvent?, Int64?) in
            guard state.head < state.buffer.count else {
                state.buffer.removeAll(keepingCapacity: true)
                state.head = 0
                return (nil, state.hasLagged ? state.covered : nil)
            }
            let event = state.buffer[state.head]
            state.head += 1
            // What was handed out is let go of before it outgrows what waits.
            if state.head * 2 > state.buffer.count {
                state.buffer.removeFirst(state.head)
                state.head = 0
            }
            return (event, nil)
        }
        if let lagged { throw .lagged(lastSequence: lagged) }
        return event.map(EventUpdate.event)
    }

    /// Returns when there is something to take, when the watch has ended, or when the task is cancelled.
    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = self.state.withLock { state in
                    if state.head < state.buffer.count || state.hasLagged || state.hasEnded || Task.isCancelled {
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiter.take() }?.resume()
        }
    }
}
