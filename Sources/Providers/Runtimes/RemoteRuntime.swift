import Inference
import Synchronization

/// ``ModelRuntime`` over a ``RemoteServer``: loads, watches, unloads.
///
/// Loading is one request that lasts as long as the load. Once ready, the server is asked again and again whether the
/// instance is still there, since it may take it out of memory without a word.
struct RemoteRuntime<Server: RemoteServer>: Sendable {
    let server: Server
    let clock: RuntimeClock

    /// Between two looks at a ready instance.
    static var interval: Duration { .seconds(5) }
    /// Between two looks at one that comes or goes.
    static var shortInterval: Duration { .milliseconds(500) }
    /// Looks in a row that may fail before the instance counts as lost.
    static var failureLimit: Int { 3 }
    /// Looks at an instance that was told to go: half a minute.
    static var unloadLimit: Int { 60 }
    /// For unloading when the task is cancelled.
    static var farewell: Duration { .seconds(2) }

    func prepare(_ model: RuntimeModel) async throws(RuntimeUnavailable) -> MemoryEstimate {
        do throws(UpstreamFault) {
            if let found = try await self.server.model(named: model.id.name) {
                return MemoryEstimate(weightBytes: found.sizeBytes, devices: [:])
            }
        } catch {
            throw RuntimeUnavailable(self.words(for: error))
        }
        throw RuntimeUnavailable(self.missing(model.id.name))
    }

    func probe(_ instance: RuntimeInstance) async -> Bool {
        let name = instance.key.model.name
        let handle = instance.handle
        // The digest is not needed to find it again: the handle is what the server listed it by.
        let found = try? await self.server.loaded(RemoteModel(name: name, sizeBytes: 0), handle: handle)
        return found != nil
    }

    func run(
        _ launch: RuntimeLaunch, report: @escaping @Sendable (RuntimeReport) -> Void
    ) async -> RuntimeExit {
        report(.started(processID: nil))
        let traces = Traces()
        let ownEnd = await withTaskGroup(of: RuntimeExit?.self) { group in
            group.addTask {
                await launch.stop.wait()
                return nil
            }
            group.addTask { await self.live(launch, traces, report) }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        guard let ownEnd else { return await self.end(traces) }
        if case .released = ownEnd { return ownEnd }
        // What failed half-way may have left something there all the same.
        await self.tidyUp(traces)
        return ownEnd
    }

    // MARK: - From load to loss

    /// - Returns: how it ended by itself; `nil` when it was cancelled.
    private func live(
        _ launch: RuntimeLaunch, _ traces: Traces, _ report: @Sendable (RuntimeReport) -> Void
    ) async -> RuntimeExit? {
        let name = launch.model.id.name
        do throws(UpstreamFault) {
            guard let model = try await self.server.model(named: name) else {
                return .unavailable(reason: self.missing(name))
            }
            let loaded = try await self.bring(model, launch, traces)
            guard let loaded else {
                return .crashed(reason: "\(self.server.product) says that it loaded \(name), but does not list it")
            }
            report(.ready(Self.instance(loaded, launch)))
            return await self.watch(model, loaded, report)
        } catch {
            return self.exit(for: error)
        }
    }

    /// Joins an instance that is there, or loads one.
    private func bring(
        _ model: RemoteModel, _ launch: RuntimeLaunch, _ traces: Traces
    ) async throws(UpstreamFault) -> LoadedRemoteModel? {
        if let loaded = try await self.server.loaded(model, handle: nil) {
            traces.note(model, handle: loaded.handle)
            try await self.server.keep(model, handle: loaded.handle)
            return loaded
        }
        traces.note(model, handle: nil)
        let handle = try await self.server.load(model, contextLength: launch.model.contextLength)
        traces.note(model, handle: handle)
        for look in 0..<Self.failureLimit {
            if look > 0 { try await self.pause(Self.shortInterval) }
            if let loaded = try await self.server.loaded(model, handle: handle) { return loaded }
        }
        return nil
    }

    private func watch(
        _ model: RemoteModel, _ loaded: LoadedRemoteModel, _ report: @Sendable (RuntimeReport) -> Void
    ) async -> RuntimeExit? {
        var size = loaded.sizeBytes
        var failures = 0
        while true {
            do throws(UpstreamFault) {
                try await self.pause(Self.interval)
                guard let now = try await self.server.loaded(model, handle: loaded.handle) else {
                    return .released(
                        reason:
                            "\(self.server.product) no longer has \(model.name) in memory: it made room for another "
                            + "model, was started again, or somebody unloaded it there")
                }
                failures = 0
                if now.sizeBytes != size {
                    size = now.sizeBytes
                    report(.memory([.remote: size]))
                }
            } catch {
                if error.kind == .cancelled { return nil }
                failures += 1
                guard failures < Self.failureLimit else {
                    return .crashed(
                        reason: "\(self.server.product) did not answer \(failures) times in a row: \(error.message)")
                }
            }
        }
    }

    private static func instance(_ loaded: LoadedRemoteModel, _ launch: RuntimeLaunch) -> RuntimeInstance {
        RuntimeInstance(
            key: launch.model.key, launch: launch.number, contextLength: loaded.contextLength,
            memory: [.remote: loaded.sizeBytes], device: .remote, handle: loaded.handle)
    }

    private func pause(_ duration: Duration) async throws(UpstreamFault) {
        do {
            try await self.clock.sleep(duration)
        } catch {
            throw UpstreamFault(.cancelled, "the task was cancelled")
        }
    }

    // MARK: - The end

    /// After a stop, or when the task was cancelled.
    private func end(_ traces: Traces) async -> RuntimeExit {
        if Task.isCancelled {
            await self.tidyUp(traces)
            return .stopped
        }
        do throws(UpstreamFault) {
            return try await self.unload(traces)
        } catch {
            if error.kind == .cancelled {
                await self.tidyUp(traces)
                return .stopped
            }
            return .crashed(reason: "\(self.server.product) could not be told to unload: \(error.message)")
        }
    }

    /// Unloads and looks until it is gone.
    private func unload(_ traces: Traces) async throws(UpstreamFault) -> RuntimeExit {
        guard let (model, handle) = traces.noted else { return .stopped }
        // A load that was broken off may come to its end a little later: one look is not enough then.
        let neededMisses = handle == nil ? 3 : 1
        var misses = 0
        for look in 0..<Self.unloadLimit {
            if look > 1 || misses > 0 { try await self.pause(Self.shortInterval) }
            if let loaded = try await self.server.loaded(model, handle: handle) {
                misses = 0
                try await self.unload(model, loaded.handle)
            } else {
                misses += 1
                if misses == neededMisses { return .stopped }
            }
        }
        return .crashed(
            reason: "\(self.server.product) still has \(model.name) in memory after it was told to unload it")
    }

    private func unload(_ model: RemoteModel, _ handle: String) async throws(UpstreamFault) {
        do throws(UpstreamFault) {
            try await self.server.unload(model, handle: handle)
        } catch  where error.kind == .modelNotFound {
            // Gone already.
        }
    }

    /// Tells the server once to unload, come what may, for two seconds at most.
    private func tidyUp(_ traces: Traces) async {
        guard let (model, handle) = traces.noted else { return }
        // task: awaited at once; a task of its own because a cancelled one cannot send a request any more.
        let farewell = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    guard let loaded = try? await self.server.loaded(model, handle: handle) else { return }
                    try? await self.unload(model, loaded.handle)
                }
                group.addTask { try? await self.clock.sleep(Self.farewell) }
                await group.next()
                group.cancelAll()
            }
        }
        await farewell.value
    }

    // MARK: - Words

    private func missing(_ name: String) -> String {
        "\(self.server.product) at \(self.server.address) has no model '\(name)'; \(self.server.howToInstall(name))"
    }

    private func words(for fault: UpstreamFault) -> String {
        switch fault.kind {
        case .unreachable, .timedOut(.connect):
            "\(self.server.product) at \(self.server.address) does not answer; \(self.server.howToStart) "
                + "(\(fault.message))"
        default: "\(self.server.product) at \(self.server.address): \(fault.message)"
        }
    }

    /// `nil` when the task was cancelled.
    private func exit(for fault: UpstreamFault) -> RuntimeExit? {
        let words = self.words(for: fault)
        switch fault.kind {
        case .cancelled: return nil
        case .unreachable, .timedOut(.connect): return .unavailable(reason: words)
        case .modelNotFound, .invalidRequest, .authenticationFailed, .malformed, .contextLengthExceeded,
            .contentFiltered, .insufficientMemory, .queueFull, .unsupported, .diverged:
            return .refused(reason: words)
        // Both say it in words only: it needs more memory than there is.
        case .serverError where fault.message.lowercased().contains("memory"): return .refused(reason: words)
        case .rateLimited, .overloaded, .serverError, .timedOut, .truncated: return .crashed(reason: words)
        }
    }
}

/// What a launch has left on the server so far.
private final class Traces: Sendable {
    private let state = Mutex<(model: RemoteModel, handle: String?)?>(nil)

    var noted: (model: RemoteModel, handle: String?)? { self.state.withLock { $0 } }

    /// - Parameter handle: `nil` while a load is under way.
    func note(_ model: RemoteModel, handle: String?) {
        self.state.withLock { $0 = (model, handle) }
    }
}
