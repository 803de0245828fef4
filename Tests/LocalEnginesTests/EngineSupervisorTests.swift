import FoundationEssentials
import Glibc
import Inference
import Testing

@testable import LocalEngines

@Suite struct EngineSupervisorTests {
    private let directory: TemporaryDirectory
    private let clock = FastClock()

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    private func supervisor(_ engine: ScriptedEngine, preload: Bool = false) -> EngineSupervisor {
        EngineSupervisor(
            engine: engine,
            models: [LocalModel(name: "a", path: "/a", preload: preload)],
            clock: self.clock.engineClock,
            logger: silent
        )
    }

    private func fault(_ body: () async throws(UpstreamFault) -> EngineEndpoint) async -> UpstreamFault? {
        do throws(UpstreamFault) {
            _ = try await body()
            return nil
        } catch {
            return error
        }
    }

    @Test func fiveHundredCallersShareOneStart() async throws {
        let engine = ScriptedEngine(directory: self.directory)
        let supervisor = self.supervisor(engine)
        let endpoints = try await supervisor.whileRunning {
            try await withThrowingTaskGroup { group in
                for _ in 0..<500 { group.addTask { try await supervisor.ensureReady("a") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        #expect(endpoints.count == 500 && Set(endpoints).count == 1)
        #expect(engine.starts.count == 1)
    }

    @Test func nothingIsLeftAfterRunReturns() async throws {
        let engine = ScriptedEngine(directory: self.directory)
        let supervisor = self.supervisor(engine)
        let endpoint = try await supervisor.whileRunning { try await supervisor.ensureReady("a") }
        #expect(engine.starts == [endpoint.pid])
        #expect(kill(endpoint.pid, 0) != 0, "the process is gone and reaped")
        #expect(supervisor.status(of: "a")?.state == .stopped)
        let refused = await self.fault { () async throws(UpstreamFault) in try await supervisor.ensureReady("a") }
        #expect(refused?.message == "the server is stopping")
    }

    @Test func theWholeGroupIsKilledEvenWhenItIgnoresSIGTERM() async throws {
        let engine = ScriptedEngine(directory: self.directory, plan: [.deaf])
        let supervisor = self.supervisor(engine)
        let endpoint = try await supervisor.whileRunning { try await supervisor.ensureReady("a") }
        let child = try #require(engine.child)
        #expect(!isAlive(endpoint.pid))
        #expect(try await ends(child), "the engine's own child was left behind")
    }

    @Test func theOrphansOfACrashedEngineAreKilled() async throws {
        let engine = ScriptedEngine(directory: self.directory, plan: [.deaf, .ready])
        let supervisor = self.supervisor(engine)
        try await supervisor.whileRunning {
            let first = try await supervisor.ensureReady("a")
            let child = try #require(engine.child)
            #expect(isAlive(child))
            kill(first.pid, SIGKILL)
            _ = await supervisor.awaitExit(of: first, model: "a")
            #expect(try await ends(child))
        }
    }

    @Test func aCrashedEngineIsStartedAgain() async throws {
        let engine = ScriptedEngine(directory: self.directory)
        let supervisor = self.supervisor(engine)
        try await supervisor.whileRunning {
            let first = try await supervisor.ensureReady("a")
            kill(first.pid, SIGKILL)
            let exit = await supervisor.awaitExit(of: first, model: "a")
            #expect(exit == .crashed(reason: "fake for local/a was ended by signal 9"))
            let second = try await supervisor.ensureReady("a")
            #expect(second.pid != first.pid && second.apiKey != first.apiKey)
            #expect(supervisor.status(of: "a")?.restarts == 1)
        }
        #expect(self.clock.short == [.milliseconds(250)])
    }

    @Test func fiveCrashesInARowAreAFailureWithTheReason() async throws {
        let engine = ScriptedEngine(directory: self.directory)
        let supervisor = self.supervisor(engine)
        try await supervisor.whileRunning {
            for _ in 0..<5 {
                let endpoint = try await supervisor.ensureReady("a")
                kill(endpoint.pid, SIGKILL)
                _ = await supervisor.awaitExit(of: endpoint, model: "a")
            }
            #expect(supervisor.status(of: "a")?.state == .failed)
            #expect(self.clock.short == [250, 500, 1000, 2000].map { .milliseconds($0) })
            guard case .unavailable(let reason) = supervisor.availability(of: "a") else {
                Issue.record("a failed engine counts as available")
                return
            }
            #expect(reason == "fake for local/a was ended by signal 9 (failure 5 in a row)")
            self.clock.advance(.seconds(5))
            #expect(supervisor.availability(of: "a") == .unloaded, "after the backoff a request may try")
            _ = try await supervisor.ensureReady("a")
            #expect(supervisor.availability(of: "a") == .available)
        }
    }

    @Test func theLastLinesOfAnEngineThatDiesAreQuoted() async throws {
        let engine = ScriptedEngine(directory: self.directory, plan: [.crash, .ready])
        let supervisor = self.supervisor(engine)
        try await supervisor.whileRunning {
            let fault = await self.fault { () async throws(UpstreamFault) in try await supervisor.ensureReady("a") }
            #expect(fault?.kind == .unreachable)
            let message = try #require(fault?.message)
            #expect(message.contains("ended with status 3 before it was ready"))
            #expect(message.hasSuffix("line 1998 | line 1999 | out of steam"), "\(message)")
            _ = try await supervisor.ensureReady("a")
        }
    }

    @Test func anEngineThatRefusesFailsWithItsOwnWords() async throws {
        let engine = ScriptedEngine(directory: self.directory, plan: [.refuse])
        let supervisor = self.supervisor(engine)
        try await supervisor.whileRunning {
            let fault = await self.fault { () async throws(UpstreamFault) in try await supervisor.ensureReady("a") }
            #expect(fault?.message == "fake for local/a could not start: the boiler is cold")
        }
        #expect(engine.starts.count == 1, "trying again would change nothing")
    }

    @Test func anEngineThatTakesTooLongIsEnded() async throws {
        // The one wait of this length is the start's limit: over at once.
        let engine = ScriptedEngine(directory: self.directory, plan: [.hang], startTimeout: .seconds(1))
        let supervisor = self.supervisor(engine)
        try await supervisor.whileRunning {
            let fault = await self.fault { () async throws(UpstreamFault) in try await supervisor.ensureReady("a") }
            #expect(fault?.message.contains("was not ready after 1.0 seconds") == true, "\(fault?.message ?? "")")
        }
    }

    @Test func aCallerThatLeavesDoesNotStopTheStart() async throws {
        let engine = ScriptedEngine(directory: self.directory, plan: [.gated])
        try engine.makePipe("gate")
        try engine.makePipe("started")
        let supervisor = self.supervisor(engine)
        try await supervisor.whileRunning {
            try await withThrowingTaskGroup { group in
                group.addTask {
                    let fault = await self.fault { () async throws(UpstreamFault) in
                        try await supervisor.ensureReady("a")
                    }
                    #expect(fault?.kind == .cancelled)
                }
                try await engine.untilStarted()
                group.cancelAll()
            }
            #expect(supervisor.status(of: "a")?.state == .starting)
            try Data("go".utf8).write(to: URL(filePath: "\(self.directory.path)/gate"))
            _ = try await supervisor.ensureReady("a")
        }
        #expect(engine.starts.count == 1)
    }

    @Test func aMissingEngineIsToldBeforeAnyoneAsksAndForgottenWhenItComes() async throws {
        let flag = "\(self.directory.path)/installed"
        let engine = ScriptedEngine(
            directory: self.directory,
            unavailable: { FileManager.default.fileExists(atPath: flag) ? nil : "install me" }
        )
        let supervisor = self.supervisor(engine)
        try await supervisor.whileRunning {
            await self.clock.untilChecked()
            #expect(supervisor.availability(of: "a") == .unavailable(reason: "install me"))
            let fault = await self.fault { () async throws(UpstreamFault) in try await supervisor.ensureReady("a") }
            #expect(fault == UpstreamFault(.unreachable, "install me"))
            try Data().write(to: URL(filePath: flag))
            supervisor.recheck()
            #expect(supervisor.status(of: "a")?.state == .stopped)
            _ = try await supervisor.ensureReady("a")
        }
    }

    @Test func aPreloadedModelStartsWithoutARequest() async throws {
        let engine = ScriptedEngine(directory: self.directory)
        try engine.makePipe("started")
        let supervisor = self.supervisor(engine, preload: true)
        try await supervisor.whileRunning { try await engine.untilStarted() }
        #expect(engine.starts.count == 1)
    }

    @Test func anEngineThatIsStoppedStartsAgainOnTheNextRequest() async throws {
        let engine = ScriptedEngine(directory: self.directory)
        let supervisor = self.supervisor(engine)
        try await supervisor.whileRunning {
            let first = try await supervisor.ensureReady("a")
            supervisor.stop("a", reason: "idle")
            let second = try await supervisor.ensureReady("a")
            #expect(second.launch != first.launch)
            #expect(!isAlive(first.pid) && isAlive(second.pid))
        }
    }

    @Test func anUnknownModelIsNotFound() async throws {
        let supervisor = self.supervisor(ScriptedEngine(directory: self.directory))
        try await supervisor.whileRunning {
            let fault = await self.fault { () async throws(UpstreamFault) in try await supervisor.ensureReady("b") }
            #expect(fault?.kind == .modelNotFound)
        }
    }
}
