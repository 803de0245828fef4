package import Inference
package import Logging
import Synchronization

/// Loads models by starting an engine for each, as a process of its own, and unloads them by ending it.
///
/// Nothing is decided here: when to load, how often to try and what to evict is ModelLifecycle's to say.
package final class LlamaCppRuntime: ModelRuntime {
    /// Whether the engine on a port answers that it is well. Must end when its task is cancelled.
    package typealias HealthCheck = @Sendable (_ host: String, _ port: Int, _ apiKey: String) async -> Bool

    /// What processes take of GPUs, as the driver says; empty where it does not.
    package typealias GPUMemory = @Sendable (_ processIDs: [Int32]) async -> [MemoryDevice: Int64]

    /// How long ``probe(_:)`` waits for an answer.
    package static let probeTimeout = Duration.seconds(3)
    /// How often a load is looked at. Looking costs the kernel time for each page, so that it is done less often where
    /// it takes long.
    static let loadInterval = Duration.milliseconds(250)
    /// How often the memory of a ready engine is measured.
    static let memoryInterval = Duration.seconds(5)

    private let engine: any LocalEngine
    private let records: EngineRecords?
    private let healthCheck: HealthCheck
    private let gpuMemory: GPUMemory
    private let clock: EngineClock
    private let logger: Logger
    /// Of the instances that are ready, by launch.
    private let endpoints = Mutex<[Int: EngineEndpoint]>([:])
    /// Measuring may wait for the kernel, which may wait for a disk: not in line with other work.
    private let measuring = BlockingWork("roundhouse.engines", concurrent: true)

    /// - Parameters:
    ///   - records: Where engines are noted for a later start of the server to find; `nil` notes nothing.
    ///   - healthCheck: Asks `GET /health` of the engine's own HTTP server.
    ///   - gpuMemory: For models with layers on a GPU. Without it, the estimate stands for the real figure.
    package init(
        engine: any LocalEngine,
        records: EngineRecords? = nil,
        healthCheck: @escaping HealthCheck,
        gpuMemory: @escaping GPUMemory = { _ in [:] },
        clock: EngineClock = .system,
        logger: Logger
    ) {
        self.engine = engine
        self.records = records
        self.healthCheck = healthCheck
        self.gpuMemory = gpuMemory
        self.clock = clock
        self.logger = logger
    }

    package var name: String { self.engine.name }

    package func prepare(_ model: RuntimeModel) async throws(RuntimeUnavailable) -> MemoryEstimate {
        try await self.command(for: model).estimate
    }

    /// Where the instance of a launch answers, while it is ready.
    package func endpoint(forLaunch launch: Int) -> EngineEndpoint? {
        self.endpoints.withLock { $0[launch] }
    }

    package func run(
        _ launch: RuntimeLaunch,
        report: @escaping @Sendable (RuntimeReport) -> Void
    ) async -> RuntimeExit {
        let exit = await withTaskGroup(of: RuntimeExit?.self) { group in
            group.addTask { await self.runEngine(launch, report) }
            group.addTask {
                await launch.stop.wait()
                return nil
            }
            var exit: RuntimeExit?
            // The first to end, engine or signal, ends the other.
            for await outcome in group {
                if let outcome { exit = outcome }
                group.cancelAll()
            }
            return exit ?? .stopped
        }
        self.logEnd(launch, exit)
        return exit
    }

    package func probe(_ instance: RuntimeInstance) async -> Bool {
        guard let endpoint = self.endpoint(forLaunch: instance.launch) else { return false }
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask { await self.healthCheck(endpoint.host, endpoint.port, endpoint.apiKey) }
            group.addTask {
                try? await self.clock.sleep(Self.probeTimeout)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    // MARK: - One launch

    private func command(for model: RuntimeModel) async throws(RuntimeUnavailable) -> EngineCommand {
        let engine = self.engine
        return try await BlockingWork.shared.run { () throws(RuntimeUnavailable) in try engine.prepare(model) }
    }

    private func runEngine(_ launch: RuntimeLaunch, _ report: @escaping @Sendable (RuntimeReport) -> Void) async
        -> RuntimeExit
    {
        var command: EngineCommand
        do { command = try await self.command(for: launch.model) } catch { return .unavailable(reason: error.reason) }
        if Task.isCancelled { return .stopped }
        let mark = EngineCommand.makeKey()
        if self.records != nil { command.environment[EngineRecords.variable] = mark }
        let news = AsyncStream<EngineNews>.makeStream()
        let watcher = EngineWatcher(launch: launch, command: command, runtime: self, report: report)
        let process = self.process(launch, command, mark, news.continuation)
        let exit = await withTaskGroup(of: RuntimeExit?.self) { group in
            group.addTask {
                await watcher.watch(news.stream)
                return nil
            }
            group.addTask {
                defer { news.continuation.finish() }
                return await process.run()
            }
            var exit: RuntimeExit?
            for await outcome in group {
                guard let outcome else { continue }
                exit = outcome
                // Nothing is reported of a process that is gone.
                group.cancelAll()
            }
            return exit ?? .stopped
        }
        self.endpoints.withLock { $0[launch.number] = nil }
        await self.records?.remove(mark: mark)
        return exit
    }

    private func process(
        _ launch: RuntimeLaunch,
        _ command: EngineCommand,
        _ mark: String,
        _ news: AsyncStream<EngineNews>.Continuation
    ) -> EngineProcess {
        let logger = self.logger
        let records = self.records
        let name = "\(launch.model.key)"
        return EngineProcess(
            model: name,
            launch: launch.number,
            command: command,
            clock: self.clock,
            log: LogTail(),
            onLine: { logger.debug("engine", metadata: ["model": "\(name)", "line": "\($0)"]) },
            onStart: { processID in
                await records?.add(
                    processID, mark: mark, model: name, command: [command.executable] + command.arguments)
                news.yield(.started(processID))
            },
            onReady: { endpoint in
                logger.info("engine ready", metadata: ["model": "\(name)", "endpoint": "\(endpoint)"])
                self.endpoints.withLock { $0[launch.number] = endpoint }
                news.yield(.ready(endpoint))
            }
        )
    }

    private func logEnd(_ launch: RuntimeLaunch, _ exit: RuntimeExit) {
        let model = Logger.MetadataValue.string("\(launch.model.key)")
        switch exit {
        case .stopped:
            self.logger.info("engine stopped", metadata: ["model": model])
        case .released(let reason), .crashed(let reason), .refused(let reason), .unavailable(let reason):
            self.logger.error("engine failed", metadata: ["model": model, "reason": "\(reason)"])
        }
    }

    // MARK: - Measuring

    /// What the instance takes now, by device; empty when nothing can be said.
    fileprivate func memory(_ processID: Int32, _ estimate: MemoryEstimate) async -> [MemoryDevice: Int64] {
        let measured = await self.measuring.run { () -> (family: [Int32], bytes: Int64) in
            let family = ProcessMemory.family(processID)
            return (family, family.reduce(0) { $0 + (ProcessMemory.bytes($1) ?? 0) })
        }
        guard measured.bytes > 0 else { return [:] }
        var devices: [MemoryDevice: Int64] = [.cpu: measured.bytes]
        let expected = estimate.devices.filter { $0.key != .cpu }
        guard !expected.isEmpty else { return devices }
        let real = await self.gpuMemory(measured.family)
        devices.merge(real.isEmpty ? expected : real) { $1 }
        return devices
    }

    fileprivate func measure(_ meter: LoadMeter) async -> LoadMeter {
        await self.measuring.run {
            var meter = meter
            meter.measure()
            return meter
        }
    }

    fileprivate func sleep(_ duration: Duration) async throws { try await self.clock.sleep(duration) }
    fileprivate func now() -> ContinuousClock.Instant { self.clock.now() }
}

/// What one launch tells about itself.
private enum EngineNews: Sendable {
    case started(Int32)
    case ready(EngineEndpoint)
}

/// Turns what a process does into the reports of its launch.
private struct EngineWatcher: Sendable {
    let launch: RuntimeLaunch
    let command: EngineCommand
    let runtime: LlamaCppRuntime
    let report: @Sendable (RuntimeReport) -> Void

    private var totalBytes: Int64 { self.command.estimate.weightBytes }

    /// Returns when the process is gone or the task cancelled.
    func watch(_ news: AsyncStream<EngineNews>) async {
        await withTaskGroup { group in
            // The leader of the group: the engine, or the launcher above it.
            var leader: Int32 = 0
            for await event in news {
                switch event {
                case .started(let processID):
                    leader = processID
                    self.report(.started(processID: processID))
                    group.addTask { await self.watchLoad(processID) }
                case .ready(let endpoint):
                    group.cancelAll()
                    await group.waitForAll()
                    await self.watchReady(endpoint, leader)
                }
            }
            group.cancelAll()
        }
    }

    private func watchLoad(_ processID: Int32) async {
        var meter = LoadMeter(
            processID: processID, files: self.command.weightFiles, totalBytes: self.totalBytes)
        guard meter.totalBytes > 0 else { return }
        var told: Int64 = -1
        while !Task.isCancelled {
            let start = self.runtime.now()
            meter = await self.runtime.measure(meter)
            if Task.isCancelled { return }
            if meter.loadedBytes != told {
                told = meter.loadedBytes
                self.report(.loading(loadedBytes: told, totalBytes: meter.totalBytes))
            }
            let pause = max(LlamaCppRuntime.loadInterval, (self.runtime.now() - start) * 8)
            do { try await self.runtime.sleep(pause) } catch { return }
        }
    }

    private func watchReady(_ endpoint: EngineEndpoint, _ leader: Int32) async {
        let memory = await self.runtime.memory(leader, self.command.estimate)
        if Task.isCancelled { return }
        if self.totalBytes > 0 {
            self.report(.loading(loadedBytes: self.totalBytes, totalBytes: self.totalBytes))
        }
        let device = memory.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? .cpu
        self.report(
            .ready(
                RuntimeInstance(
                    key: self.launch.model.key, launch: self.launch.number, processID: endpoint.pid,
                    contextLength: endpoint.contextLength, memory: memory, device: device)))
        await self.watchMemory(leader, memory)
    }

    private func watchMemory(_ leader: Int32, _ first: [MemoryDevice: Int64]) async {
        var told = first
        while !Task.isCancelled {
            do { try await self.runtime.sleep(LlamaCppRuntime.memoryInterval) } catch { return }
            let memory = await self.runtime.memory(leader, self.command.estimate)
            if Task.isCancelled { return }
            guard Self.differs(memory, from: told) else { continue }
            told = memory
            self.report(.memory(memory))
        }
    }

    /// Whether a figure has changed by more than 5 %.
    private static func differs(_ new: [MemoryDevice: Int64], from old: [MemoryDevice: Int64]) -> Bool {
        guard !new.isEmpty else { return false }
        return Set(new.keys).union(old.keys).contains { device in
            let (before, now) = (old[device] ?? 0, new[device] ?? 0)
            return abs(now - before) > before / 20
        }
    }
}
