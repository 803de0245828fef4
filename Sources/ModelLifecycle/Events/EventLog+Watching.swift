internal import Inference
internal import Synchronization

extension EventLog {
    /// Watches events as they happen, those after `after` that are kept first.
    ///
    /// - Parameters:
    ///   - after: `nil`: only what happens from now on. 0: everything that is kept.
    ///   - bufferLimit: The most admitted events that wait for the reader once it has caught up.
    /// - Throws: ``EventWatchError/expired(firstKept:)`` and ``EventWatchError/invalid(after:lastSequence:)``. The watch
    ///   itself may throw all of them but the latter.
    package func watch(
        after: Int64?,
        filter: EventFilter = EventFilter(),
        bufferLimit: Int = 1024
    ) throws(EventWatchError) -> EventWatch {
        let watcher = EventWatcher(filter: filter, bufferLimit: bufferLimit)
        let (number, begin) = self.state.withLock { state -> (Int, Result<Int64?, EventWatchError>) in
            state.watches += 1
            let begin = Self.begin(after: after, state)
            if case .success(nil) = begin { Self.goLive(watcher, number: state.watches, at: state.window.last, &state) }
            return (state.watches, begin)
        }
        let replay = try begin.get()
        let membership = EventWatchMembership(watcher: watcher, number: number) { [weak self] in
            self?.state.withLock { $0.watchers[number] = nil }
        }
        return EventWatch(log: self, membership: membership, after: replay)
    }

    /// Where a replay begins, or `nil` without one.
    private static func begin(after: Int64?, _ state: State) -> Result<Int64?, EventWatchError> {
        guard let after else { return .success(nil) }
        let firstKept = Self.firstKept(state)
        if after == 0 { return .success(firstKept - 1) }
        guard after > 0, after <= state.window.last else {
            return .failure(.invalid(after: after, lastSequence: state.window.last))
        }
        return after + 1 < firstKept ? .failure(.expired(firstKept: firstKept)) : .success(after)
    }

    /// From here on there are no gaps.
    private static func firstKept(_ state: State) -> Int64 {
        min(state.window.first, max(state.firstOnDisk, state.window.lostThrough + 1))
    }

    private static func goLive(_ watcher: EventWatcher, number: Int, at sequence: Int64, _ state: inout State) {
        watcher.goLive(at: sequence)
        if state.hasEndedWatches {
            watcher.end()?.resume()
        } else {
            state.watchers[number] = watcher
        }
    }

    enum Replay {
        /// Admitted events, and the sequence to go on after.
        case page([StoredEvent], through: Int64)
        /// Nothing is left; from now on the watcher is offered what comes.
        case caughtUp
        case ended
    }

    /// One step of a replay. The step to live happens under the lock under which events are published: none falls between.
    func replay(after: Int64, for membership: EventWatchMembership) async throws(EventWatchError) -> Replay {
        enum Source {
            case memory(Replay)
            case disk(through: Int64)
            case expired(firstKept: Int64)
        }
        let filter = membership.watcher.filter
        let pageSize = max(1, self.settings.pageSize)
        let source = self.state.withLock { state -> Source in
            if state.hasEndedWatches { return .memory(.ended) }
            if after >= state.window.published {
                Self.goLive(membership.watcher, number: membership.number, at: after, &state)
                return .memory(.caughtUp)
            }
            if after + 1 >= state.window.first {
                let page = state.window.events(after: after, through: state.window.published, limit: pageSize)
                let through = page.last?.sequence ?? after
                return .memory(.page(page.filter { filter.admits($0.event) }, through: through))
            }
            let firstKept = Self.firstKept(state)
            return after + 1 < firstKept ? .expired(firstKept: firstKept) : .disk(through: state.window.first - 1)
        }
        switch source {
        case .memory(let replay): return replay
        case .expired(let firstKept): throw .expired(firstKept: firstKept)
        case .disk(let through):
            return try await self.readPage(after: after, through: through, limit: pageSize, filter: filter)
        }
    }

    /// - Parameter through: Everything up to here left memory, so it is on disk unless it was deleted.
    private func readPage(
        after: Int64,
        through: Int64,
        limit: Int,
        filter: EventFilter
    ) async throws(EventWatchError) -> Replay {
        let found: [StoredEvent]
        do {
            found = try await self.storage.events(after: after, limit: limit, filter: filter)
        } catch {
            throw .storage("\(error)")
        }
        // Deleted while we read: what we found may have a hole.
        let firstKept = self.state.withLock { Self.firstKept($0) }
        guard after + 1 >= firstKept else { throw .expired(firstKept: firstKept) }
        let page = found.filter { $0.sequence <= through }
        let isWhole = found.count < limit || page.count < found.count
        return .page(page, through: isWhole ? through : page.last?.sequence ?? through)
    }
}
