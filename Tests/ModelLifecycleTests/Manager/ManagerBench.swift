import Inference
import Logging
import Synchronization
import TestSupport
import Testing

@testable import ModelLifecycle

/// A manager over a scripted runtime, on time that stands still.
struct ManagerBench: Sendable {
    let runtime = ScriptedRuntime()
    let events = EventCatcher()
    let clock = SteppedTime()
    let manager: LifecycleManager

    private final class WarmUps: Sendable {
        let instances = Mutex<[RuntimeInstance]>([])
        let fault = Mutex<UpstreamFault?>(nil)
    }

    private let warmed = WarmUps()

    init(
        _ models: [ManagedModel], limits: LifecycleLimits = .forTests(),
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) {
        let warmed = self.warmed
        self.manager = LifecycleManager(
            runtimes: [.local: self.runtime],
            limits: limits,
            memory: NoMemory(),
            events: self.events,
            time: self.clock.time,
            logger: logger,
            warm: { (instance: RuntimeInstance) async throws(UpstreamFault) in
                warmed.instances.withLock { $0.append(instance) }
                if let fault = warmed.fault.withLock({ $0 }) { throw fault }
            }
        )
        self.manager.apply(models)
    }

    var warmUpCount: Int { self.warmed.instances.withLock { $0.count } }
    func failWarmUps(_ fault: UpstreamFault) { self.warmed.fault.withLock { $0 = fault } }

    /// Runs the manager beside the body, stops it, and expects that it leaves nothing.
    func run(_ body: @Sendable (ManagerBench) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.manager.run() }
            defer { group.cancelAll() }
            try await body(self)
        }
        #expect(self.runtime.running == [])
        #expect(self.manager.loadedModels() == [])
    }

    func state(_ model: ModelID) -> InstanceState? { self.manager.status(of: model)?.state }

    private struct NoMemory: MemoryReader {
        func read() -> [MemoryReading] { [] }
    }
}
