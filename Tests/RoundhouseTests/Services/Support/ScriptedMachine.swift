import Inference
import LocalEngines
import Synchronization

@testable import Roundhouse

/// A machine, and providers, as the test says. It begins with all that is needed and nobody who hangs.
final class ScriptedMachine: Sendable {
    struct Values: Sendable {
        var libraries = [
            LinkedLibrary(name: "sqlite", version: "3.40.1", minimumVersion: "3.37", package: "libsqlite3-0")
        ]
        var python: PythonInstallation? = PythonInstallation(
            path: "/usr/bin/python3", version: "3.11.2", packageFolders: ["/packages"])
        var software = EngineSurvey.Findings(engines: [
            EngineSighting(name: "llama.cpp", path: "/engines/llama.cpp/1", version: "1")
        ])
        var servers: [LocalServer: ServerSighting] = [:]
        var services: [ProviderID: ServiceSighting] = [:]
        var disks = [DiskSighting(path: "/data", availableBytes: 50 << 30, totalBytes: 100 << 30)]
        /// What never answers: `python`, `software`, `disks`, a provider's id, a server's engine.
        var hangs: Set<String> = []
        /// What was asked, in its order.
        var asked: [String] = []
        var installs: [EngineCatalog.Step] = []
        var installFailure: EngineCatalog.Failure?
    }

    let time = ProbeTime()
    private let values = Mutex(Values())

    var now: Values { self.values.withLock { $0 } }
    func edit(_ body: (inout Values) -> Void) { self.values.withLock { body(&$0) } }

    private func ask(_ name: String) async -> Values {
        let values = self.values.withLock { values in
            values.asked.append(name)
            return values
        }
        // Deaf to cancellation, as a read from a disk that hangs.
        if values.hangs.contains(name) { await self.time.forever() }
        return values
    }

    func probes() -> HealthProbes {
        HealthProbes(libraries: self.now.libraries, software: self, servers: self, services: self, disks: self)
    }

    func ports(_ ports: ServicePorts, _ report: SystemReport) -> HealthPorts {
        HealthPorts(
            checker: HealthChecker(self.probes(), clock: self.time.clock) {
                HealthSetup(ports, report: report, engineDirectory: "/engines/llama.cpp/1")
            },
            install: { engine, progress throws(EngineCatalog.Failure) in
                let values = await self.ask("install \(engine)")
                for step in values.installs { progress(step) }
                if let failure = values.installFailure { throw failure }
            }
        )
    }
}

extension ScriptedMachine: SoftwareProbe, ServerProbe, ServiceProbe, DiskProbe {
    func python() async -> PythonInstallation? { await self.ask("python").python }
    func software(_ folders: [String]) async -> EngineSurvey.Findings { await self.ask("software").software }
    func disks() async -> [DiskSighting] { await self.ask("disks").disks }

    func look(at server: LocalServer) async -> ServerSighting {
        await self.ask(server.engine).servers[server] ?? ServerSighting(isRunning: false)
    }

    func ask(_ provider: ProviderID) async -> ServiceSighting {
        await self.ask(provider.rawValue).services[provider] ?? .listed(models: 1)
    }
}

/// Time that moves when the test says so.
final class ProbeTime: Sendable {
    private struct State {
        var now = ContinuousClock.now
        var hanging: [CheckedContinuation<Void, Never>] = []
        var sleepers: [(id: Int, until: ContinuousClock.Instant, wake: CheckedContinuation<Void, Never>)] = []
        var count = 0
    }

    private let state = Mutex(State())

    var clock: EngineClock {
        EngineClock(
            now: { self.state.withLock { $0.now } },
            wallMicroseconds: { 7_000_000 },
            sleep: { try await self.sleep($0) }
        )
    }

    /// How many sleep.
    var sleeperCount: Int { self.state.withLock { $0.sleepers.count } }

    /// Lets a sleep of `duration` be over once somebody sleeps.
    func passWhenSomebodySleeps(_ duration: Duration) async {
        while self.sleeperCount == 0 { await Task.yield() }
        self.advance(by: duration)
    }

    /// Moves the time and wakes those whose limit has come.
    func advance(by duration: Duration) {
        let due = self.state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.until <= state.now }
            state.sleepers.removeAll { $0.until <= state.now }
            return due.map(\.wake)
        }
        for wake in due { wake.resume() }
    }

    /// Lets what hangs go on.
    func release() {
        let hanging = self.state.withLock { state in
            defer { state.hanging = [] }
            return state.hanging
        }
        for continuation in hanging { continuation.resume() }
    }

    func forever() async {
        await withCheckedContinuation { continuation in self.state.withLock { $0.hanging.append(continuation) } }
    }

    private func sleep(_ duration: Duration) async throws {
        let id = self.state.withLock { state in
            state.count += 1
            return state.count
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let isOver = self.state.withLock { state in
                    if Task.isCancelled { return true }
                    state.sleepers.append((id, state.now.advanced(by: duration), continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let wake = self.state.withLock { state in
                let wake = state.sleepers.first { $0.id == id }?.wake
                state.sleepers.removeAll { $0.id == id }
                return wake
            }
            wake?.resume()
        }
        try Task.checkCancellation()
    }

    /// Lets `limit` pass when nobody but those who hang is waited for.
    ///
    /// - Parameters:
    ///   - count: how many hang and are waited for.
    ///   - others: how many hang and are not waited for any more.
    ///   - isAsked: whether everybody was asked.
    func pass(_ limit: Duration, hanging count: Int, others: Int = 0, once isAsked: () -> Bool) async {
        var settled = 0
        while settled < 100 {
            let isStill =
                self.state.withLock { $0.sleepers.count == count && $0.hanging.count == count + others } && isAsked()
            settled = isStill ? settled + 1 : 0
            await Task.yield()
        }
        self.advance(by: limit)
    }
}
