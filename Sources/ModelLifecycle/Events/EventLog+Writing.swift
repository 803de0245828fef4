internal import Logging
internal import Synchronization

extension EventLog {
    /// Writes until the task is cancelled, then writes what is left and ends all watches. Once per log.
    package func run() async {
        let isFirst = self.state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning && !state.hasEnded
        }
        guard isFirst else {
            self.logger.error("An event log runs once; this call does nothing")
            return
        }
        await self.prune()
        // An event may have come before this task ran.
        self.writeSignals.continuation.yield()
        for await _ in self.writeSignals.stream {
            if await self.writePass() {
                if self.state.withLock({ $0.unpruned >= self.settings.pruneEvery }) { await self.prune() }
            } else {
                // An error is cancellation, which ends the loop as well.
                try? await self.time.sleep(self.settings.retryInterval)
                self.writeSignals.continuation.yield()
            }
        }
        await self.finish()
    }

    /// Waits until everything that was recorded before the call is on disk.
    ///
    /// - Returns: The last sequence on disk.
    /// - Throws: Why it could not be written now; it will be tried again.
    package func flush() async throws -> Int64 {
        let result: Result<Int64, any Error> = await withCheckedContinuation { continuation in
            let isRunning = self.state.withLock { state in
                if state.isRunning { state.flushers.append(continuation) }
                return state.isRunning
            }
            if isRunning {
                self.writeSignals.continuation.yield()
            } else {
                continuation.resume(returning: .failure(EventLogError("the event log does not run")))
            }
        }
        return try result.get()
    }

    /// Ends all watches, and those that come later at once: their readers get `nil`. For a server that is about to stop.
    package func endWatches() {
        let waiters = self.state.withLock { state in
            state.hasEndedWatches = true
            return state.watchers.values.compactMap { $0.end() }
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Writes everything, then answers those who asked for it before.
    private func writePass() async -> Bool {
        let flushers = self.state.withLock { state in
            defer { state.flushers = [] }
            return state.flushers
        }
        let result = await self.writeAll()
        for flusher in flushers { flusher.resume(returning: result) }
        return (try? result.get()) != nil
    }

    private func writeAll() async -> Result<Int64, any Error> {
        while true {
            let (batch, settled) = self.state.withLock { state in
                (state.window.waiting(limit: self.settings.batchSize), state.window.settled)
            }
            guard let last = batch.last else { return .success(settled) }
            do {
                try await self.storage.append(batch)
            } catch {
                // A failure may have come after the commit; adding them again would fail for ever.
                guard let range = try? await self.storage.eventRange(), range.contains(last.sequence) else {
                    self.failed(error)
                    return .failure(error)
                }
            }
            self.succeeded(through: last.sequence, count: batch.count)
        }
    }

    private func failed(_ error: any Error) {
        let (isNew, waiters, waiting) = self.state.withLock { state in
            let isNew = state.failure == nil
            state.failure = "\(error)"
            return (isNew, Self.publish(through: .max, &state), state.window.waitingCount)
        }
        for waiter in waiters { waiter.resume() }
        // A line for each change, not for each try.
        if isNew {
            self.logger.error(
                "Events cannot be written; they wait in memory and are tried again",
                metadata: ["error": "\(error)", "waiting": "\(waiting)", "capacity": "\(self.settings.capacity)"]
            )
        }
    }

    private func succeeded(through sequence: Int64, count: Int) {
        let (wasFailing, waiters, lost) = self.state.withLock { state in
            state.window.written(through: sequence)
            state.unpruned += count
            defer { state.failure = nil }
            return (state.failure != nil, Self.publish(through: sequence, &state), state.window.lostCount)
        }
        for waiter in waiters { waiter.resume() }
        if wasFailing {
            self.logger.notice("Events are written again", metadata: ["lost_since_start": "\(lost)"])
        }
    }

    /// Deletes old events. Watchers learn first that these are gone, so that none reads a hole.
    private func prune() async {
        let hasTooMany = self.state.withLock { state in
            state.unpruned = 0
            let first = state.window.settled - Int64(self.settings.kept) + 1
            guard first > state.firstOnDisk else { return false }
            state.firstOnDisk = first
            return true
        }
        guard hasTooMany else { return }
        do {
            try await self.storage.pruneEvents(keeping: self.settings.kept)
        } catch {
            self.logger.warning("Old events cannot be deleted", metadata: ["error": "\(error)"])
        }
    }

    /// The last pass, on a task that is cancelled already.
    private func finish() async {
        _ = await self.writePass()
        let (lost, flushers, waiters) = self.state.withLock { state in
            state.hasEnded = true
            state.hasEndedWatches = true
            state.isRunning = false
            let waiters = Self.publish(through: .max, &state) + state.watchers.values.compactMap { $0.end() }
            defer { state.flushers = [] }
            return (state.window.waitingCount, state.flushers, waiters)
        }
        for waiter in waiters { waiter.resume() }
        for flusher in flushers { flusher.resume(returning: .failure(EventLogError("the event log has ended"))) }
        if lost > 0 {
            self.logger.error("Events were lost at the end", metadata: ["lost": "\(lost)"])
        }
    }
}
