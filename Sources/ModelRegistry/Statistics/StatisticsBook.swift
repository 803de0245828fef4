package import Inference
private import Synchronization

/// Keeps ``ModelStatistics`` in memory, and on disk a few seconds later.
///
/// Taking a record costs one short lock. A server that is killed loses what came since the last write; one that ends in
/// order loses nothing: cancel the task of ``run()`` and wait for it.
package final class StatisticsBook: RequestRecorder {
    package struct Settings: Sendable {
        /// Between two writes.
        package var interval = Duration.seconds(5)
        /// Models that are counted. A provider that passes every name on could otherwise be asked for any number of
        /// names; beyond this, new ones are not counted.
        package var capacity = 20_000

        package init() {}
    }

    private struct State {
        var models: [ModelID: ModelStatistics] = [:]
        var changed: Set<ModelID> = []
        var failure: String?
        /// Samples of models beyond the capacity.
        var uncounted: Int64 = 0
    }

    private let storage: any StatisticsStorage
    private let settings: Settings
    private let clock: any Clock<Duration>
    private let state: Mutex<State>
    private let turns = SerialTurns()

    /// - Parameters:
    ///   - stored: What ``StatisticsStorage/loadStatistics()`` gave.
    ///   - clock: Times the writes.
    package init(
        stored: [ModelID: ModelStatistics] = [:],
        storage: any StatisticsStorage,
        settings: Settings = Settings(),
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.storage = storage
        self.settings = settings
        self.clock = clock
        self.state = Mutex(State(models: stored))
    }

    package func record(_ record: RequestRecord) { self.take(record) }

    /// Counts a request for every model that it asked.
    package func take(_ record: RequestRecord) {
        let samples = UseSample.samples(of: record)
        guard !samples.isEmpty else { return }
        self.state.withLock { state in
            for (model, sample) in samples {
                guard state.models[model] != nil || state.models.count < self.settings.capacity else {
                    state.uncounted += 1
                    continue
                }
                state.models[model, default: ModelStatistics()].record(sample)
                state.changed.insert(model)
            }
        }
    }

    /// The statistics of every model that was ever asked.
    package func snapshot() -> [ModelID: ModelStatistics] { self.state.withLock { $0.models } }

    package func statistics(of model: ModelID) -> ModelStatistics? { self.state.withLock { $0.models[model] } }

    /// How many models changed since they were written.
    package var unsavedCount: Int { self.state.withLock { $0.changed.count } }

    /// Why the last write failed; `nil` when it did not. It is tried again with the next one.
    package var failure: String? { self.state.withLock { $0.failure } }

    /// Samples that were not counted because of ``Settings/capacity``.
    package var uncounted: Int64 { self.state.withLock { $0.uncounted } }

    /// Writes what changed every few seconds until the task is cancelled, then once more.
    package func run() async {
        while !Task.isCancelled {
            try? await self.clock.sleep(for: self.settings.interval)
            await self.write()
        }
        // What came during the last write.
        await self.write()
    }

    /// Returns when everything that came before the call is on disk.
    ///
    /// - Throws: ``RegistryEditError/storage(_:)``. What could not be written is tried again later.
    package func flush() async throws(RegistryEditError) {
        if let failure = await self.write() { throw .storage(failure) }
    }

    /// - Returns: why it failed.
    @discardableResult
    private func write() async -> String? {
        await self.turns.take {
            let (changed, ids) = self.state.withLock { state in
                let ids = state.changed
                state.changed = []
                let changed = ids.reduce(into: [ModelID: ModelStatistics]()) { $0[$1] = state.models[$1] }
                return (changed, ids)
            }
            guard !changed.isEmpty else { return nil }
            do {
                try await self.storage.save(changed)
                self.state.withLock { $0.failure = nil }
                return nil
            } catch {
                let failure = "\(error)"
                self.state.withLock { state in
                    state.changed.formUnion(ids)
                    state.failure = failure
                }
                return failure
            }
        }
    }
}
