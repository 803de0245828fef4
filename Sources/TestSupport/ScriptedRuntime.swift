public import Inference
private import Synchronization

/// A runtime that loads nothing and does as it is told, for tests of what is built on runtimes.
public final class ScriptedRuntime: ModelRuntime {
    /// What a launch does.
    public enum Script: Sendable, Hashable {
        /// Is ready at once, and ends when it is told to.
        case obey
        /// Reports bytes, one of the list after the other, then is ready.
        case load([Int64])
        /// Is ready once ``ScriptedRuntime/open(_:)`` is called.
        case gated
        /// Ends at once.
        case end(RuntimeExit)
        /// Is ready, and heeds nothing but the cancellation of its task.
        case deaf
    }

    private struct Life {
        var launch: RuntimeLaunch
        var end: AsyncStream<RuntimeExit>.Continuation
        var gate: StopSignal
    }

    private struct State {
        var sizes: [ModelID: Int64] = [:]
        var problems: [ModelID: String] = [:]
        var scripts: [ModelID: [Script]] = [:]
        var lives: [Int: Life] = [:]
        var launched: [InstanceKey] = []
        var deaf: Set<Int> = []
        var most = 0
    }

    public let name: String
    private let state = Mutex(State())
    private let device: MemoryDevice

    public init(name: String = "scripted", device: MemoryDevice = .cpu) {
        self.name = name
        self.device = device
    }

    // MARK: - Telling it

    /// What a model takes in memory; 10 when it is not said.
    public func set(size: Int64, of model: ModelID) { self.state.withLock { $0.sizes[model] = size } }

    /// Has ``prepare(_:)`` fail for a model; `nil` has it succeed again.
    public func set(problem: String?, of model: ModelID) { self.state.withLock { $0.problems[model] = problem } }

    /// What the launches of a model do, one after the other; the last one for all that follow.
    public func set(_ scripts: [Script], of model: ModelID) { self.state.withLock { $0.scripts[model] = scripts } }

    /// Has a gated launch of a model become ready.
    public func open(_ model: ModelID) {
        let gates = self.state.withLock { state in
            state.lives.values.filter { $0.launch.model.id == model }.map(\.gate)
        }
        for gate in gates { gate.send() }
    }

    /// Has what runs of a model end by itself.
    public func end(_ model: ModelID, _ exit: RuntimeExit) {
        let ends = self.state.withLock { state in
            state.lives.values.filter { $0.launch.model.id == model }.map(\.end)
        }
        for end in ends { end.yield(exit) }
    }

    /// Has a model no longer answer probes.
    public func deafen(_ launch: Int) { self.state.withLock { _ = $0.deaf.insert(launch) } }

    // MARK: - Asking it

    /// What was launched, in order.
    public var launched: [InstanceKey] { self.state.withLock { $0.launched } }

    /// What runs now, in order.
    public var running: [InstanceKey] {
        self.state.withLock { $0.lives.values.map(\.launch.model.key).sorted() }
    }

    /// The most that ran at a time.
    public var most: Int { self.state.withLock { $0.most } }

    // MARK: - ModelRuntime

    public func prepare(_ model: RuntimeModel) async throws(RuntimeUnavailable) -> MemoryEstimate {
        let (problem, size) = self.state.withLock { ($0.problems[model.id], $0.sizes[model.id] ?? 10) }
        if let problem { throw RuntimeUnavailable(problem) }
        return MemoryEstimate(weightBytes: size, devices: [self.device: size])
    }

    public func run(_ launch: RuntimeLaunch, report: @escaping @Sendable (RuntimeReport) -> Void) async -> RuntimeExit {
        let (ends, end) = AsyncStream.makeStream(of: RuntimeExit.self)
        let life = Life(launch: launch, end: end, gate: StopSignal())
        let script = self.state.withLock { state in
            state.lives[launch.number] = life
            state.launched.append(launch.model.key)
            state.most = max(state.most, state.lives.count)
            let scripts = state.scripts[launch.model.id] ?? []
            if scripts.count > 1 { state.scripts[launch.model.id]?.removeFirst() }
            return scripts.first ?? .obey
        }
        defer { self.state.withLock { $0.lives[launch.number] = nil } }
        return await withTaskGroup(of: RuntimeExit?.self) { group in
            group.addTask {
                for await exit in ends { return exit }
                return nil
            }
            if script != .deaf {
                group.addTask {
                    await launch.stop.wait()
                    return .stopped
                }
            }
            group.addTask { await self.play(script, life, report) }
            var exit: RuntimeExit?
            while exit == nil, let outcome = await group.next() {
                exit = outcome ?? (Task.isCancelled ? .stopped : nil)
            }
            group.cancelAll()
            return exit ?? .stopped
        }
    }

    private func play(_ script: Script, _ life: Life, _ report: @Sendable (RuntimeReport) -> Void) async -> RuntimeExit?
    {
        report(.started(processID: 4711))
        switch script {
        case .end(let exit): return exit
        case .gated: await life.gate.wait()
        case .load(let bytes):
            for loaded in bytes { report(.loading(loadedBytes: loaded, totalBytes: bytes.last ?? 0)) }
        case .obey, .deaf: break
        }
        guard !Task.isCancelled else { return nil }
        let model = life.launch.model
        report(.ready(RuntimeInstance(key: model.key, launch: life.launch.number, processID: 4711)))
        return nil
    }

    public func probe(_ instance: RuntimeInstance) async -> Bool {
        self.state.withLock { !$0.deaf.contains(instance.launch) }
    }
}
