import FoundationEssentials
import Glibc
import Inference
import Synchronization
import Testing

@testable import LocalEngines

/// The runtime over engines that are scripts.
@Suite struct LlamaCppRuntimeTests {
    private let directory: TemporaryDirectory
    private let clock = StepClock()

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    private var notes: String { "\(self.directory.path)/notes" }

    private func runtime(
        _ engine: ScriptedEngine,
        healthCheck: @escaping LlamaCppRuntime.HealthCheck = { _, _, _ in true }
    ) -> LlamaCppRuntime {
        LlamaCppRuntime(
            engine: engine,
            records: EngineRecords(directory: self.notes, logger: silent),
            healthCheck: healthCheck,
            clock: self.clock.engineClock,
            logger: silent
        )
    }

    private var model: RuntimeModel { get throws { RuntimeModel(id: try localID("a"), version: "2", path: "/a") } }

    private var noteNames: [String] { (try? FileManager.default.contentsOfDirectory(atPath: self.notes)) ?? [] }

    @Test func aLaunchReportsItsLifeAndLeavesNothing() async throws {
        let engine = ScriptedEngine(directory: self.directory)
        let runtime = self.runtime(engine)
        let reports = Reports()
        var processID: Int32 = 0
        let exit = try await runtime.whileReady(try self.model, number: 7, reports: reports) { instance, endpoint in
            processID = endpoint.pid
            #expect(instance.key.description == "local/a@2" && instance.launch == 7)
            #expect(instance.processID == endpoint.pid && endpoint.port == 1001 && endpoint.launch == 7)
            #expect(instance.device == .cpu)
            let bytes = try #require(instance.memory[.cpu])
            #expect((1 << 20...1 << 30).contains(bytes), "a Python interpreter takes \(bytes)")
            #expect(self.noteNames.count == 1)
        }
        #expect(exit == .stopped)
        #expect(reports.all.first == .started(processID: processID))
        #expect(kill(processID, 0) != 0, "the process is gone and reaped")
        #expect(runtime.endpoint(forLaunch: 7) == nil)
        #expect(self.noteNames.isEmpty)
    }

    @Test func theWholeGroupIsKilledEvenWhenItIgnoresSIGTERM() async throws {
        let engine = ScriptedEngine(directory: self.directory, plan: [.deaf])
        var child: Int32 = 0
        let exit = try await self.runtime(engine).whileReady(try self.model) { instance, _ in
            child = try #require(engine.child)
            #expect(isAlive(child))
        }
        #expect(exit == .stopped)
        #expect(try await ends(child))
    }

    @Test func anEngineThatDiesBeforeItIsToldAnythingTakesNobodyWithIt() async {
        // In a process of its own: what a broken pipe does is the process's.
        await #expect(processExitsWith: .success) {
            _ = signal(SIGPIPE, SIG_DFL)
            let command = EngineCommand(
                engine: "deaf", executable: "/bin/sh", arguments: ["-c", "exit 7"], specification: "{}", apiKey: "",
                startTimeout: .seconds(3600))
            var process = EngineProcess(
                model: "local/a", launch: 1, command: command, clock: StepClock().engineClock, log: LogTail(),
                onLine: { _ in }, onReady: { _ in })
            process.onStart = { pid in
                while let stat = ProcessMemory.stat(pid), stat.state != "Z" {
                    try? await Task.sleep(for: .milliseconds(1))
                }
            }
            let exit = await process.run()
            #expect(exit == .crashed(reason: "deaf for local/a ended with status 7 before it was ready"))
        }
    }

    @Test(arguments: [
        (
            ScriptedEngine.Act.crash,
            "fake for local/a@2 ended with status 3 before it was ready; its last lines: line 1995"
        ),
        (.refuse, "fake for local/a@2 could not start: the boiler is cold"),
    ])
    func anEngineThatDoesNotStartSaysWhy(act: ScriptedEngine.Act, words: String) async throws {
        let reports = Reports()
        let exit = await self.runtime(ScriptedEngine(directory: self.directory, plan: [act]))
            .exit(of: try self.model, reports: reports)
        switch (act, exit) {
        case (.crash, .crashed(let reason)): #expect(reason.hasPrefix(words) && reason.hasSuffix("| out of steam"))
        case (.refuse, .refused(let reason)): #expect(reason == words)
        default: Issue.record("\(exit)")
        }
        #expect(reports.all.count == 1, "\(reports.all)")
        #expect(self.noteNames.isEmpty)
    }

    @Test func whatIsMissingIsSaidWithoutAStart() async throws {
        var engine = ScriptedEngine(directory: self.directory)
        engine.unavailable = { "no boiler" }
        let runtime = self.runtime(engine)
        let reports = Reports()
        let exit = await runtime.exit(of: try self.model, reports: reports)
        #expect(exit == .unavailable(reason: "no boiler"))
        #expect(reports.all.isEmpty && engine.starts.isEmpty)
        let model = try self.model
        await #expect(throws: RuntimeUnavailable("no boiler")) { try await runtime.prepare(model) }
    }

    @Test func anEngineThatDiesIsNoticedWithItsSignal() async throws {
        let runtime = self.runtime(ScriptedEngine(directory: self.directory))
        let reports = Reports()
        async let exit = runtime.exit(of: try self.model, reports: reports)
        let instance = try #require(await reports.ready())
        kill(try #require(instance.processID), SIGKILL)
        #expect(try await exit == .crashed(reason: "fake for local/a@2 was ended by signal 9"))
        #expect(runtime.endpoint(forLaunch: 1) == nil)
    }

    @Test func aStartThatTakesTooLongIsEnded() async throws {
        let engine = ScriptedEngine(
            directory: self.directory, plan: [.hang], startTimeout: .seconds(77))
        async let exit = self.runtime(engine).exit(of: try self.model)
        await self.clock.pass(.seconds(77))
        guard case .crashed(let reason) = try await exit else {
            Issue.record("it did not fail")
            return
        }
        #expect(reason == "fake for local/a@2 was not ready after 77.0 seconds")
        #expect(engine.starts.allSatisfy { !isAlive($0) })
    }

    @Test func aStopDuringTheStartEndsIt() async throws {
        let engine = ScriptedEngine(directory: self.directory, plan: [.hang])
        try engine.makePipe("started")
        let launch = RuntimeLaunch(number: 1, model: try self.model, stop: StopSignal())
        async let exit = self.runtime(engine).run(launch) { _ in }
        try await engine.untilStarted()
        launch.stop.send()
        #expect(await exit == .stopped)
        #expect(engine.starts.count == 1 && engine.starts.allSatisfy { !isAlive($0) })
    }

    @Test func aStopBeforeTheStartStartsNothingThatStays() async throws {
        let engine = ScriptedEngine(directory: self.directory)
        let launch = RuntimeLaunch(number: 1, model: try self.model, stop: StopSignal())
        launch.stop.send()
        let exit = await self.runtime(engine).run(launch) { _ in }
        #expect(exit == .stopped)
        #expect(engine.starts.allSatisfy { !isAlive($0) } && self.noteNames.isEmpty)
    }

    @Test func memoryThatGrowsIsToldAndMemoryThatStaysIsNot() async throws {
        let engine = ScriptedEngine(directory: self.directory, plan: [.growing])
        try engine.makePipe("gate")
        try engine.makePipe("grown")
        let reports = Reports()
        try await self.runtime(engine).whileReady(try self.model, reports: reports) { instance, _ in
            let before = try #require(instance.memory[.cpu])
            await self.clock.pass(LlamaCppRuntime.memoryInterval)
            // It has been measured, and has not grown.
            await self.clock.untilSleeping(LlamaCppRuntime.memoryInterval)
            _ = try await output(of: "/bin/sh", ["-c", "echo go > '\(self.directory.path)/gate'"])
            _ = try await output(of: "/bin/cat", ["\(self.directory.path)/grown"])
            await self.clock.pass(LlamaCppRuntime.memoryInterval)
            // Its share of what it has in common with other tests' engines changes with them, by little.
            let after = await reports.next { report -> Int64? in
                guard case .memory(let memory) = report, let bytes = memory[.cpu] else { return nil }
                return bytes > before + 32 << 20 ? bytes : nil
            }
            #expect((after ?? 0) > before + 60 << 20)
            let grown = reports.all.count { report in
                if case .memory(let memory) = report { (memory[.cpu] ?? 0) > before + 32 << 20 } else { false }
            }
            #expect(grown == 1)
        }
    }

    @Test func aProbeAsksTheEnginesPortWithItsKey() async throws {
        let asked = Mutex<[String]>([])
        let runtime = self.runtime(ScriptedEngine(directory: self.directory)) { host, port, key in
            asked.withLock { $0.append("\(host) \(port) \(key.count)") }
            return asked.withLock { $0.count } == 1
        }
        var last: RuntimeInstance?
        try await runtime.whileReady(try self.model) { instance, _ in
            #expect(await runtime.probe(instance))
            #expect(await !runtime.probe(instance))
            last = instance
        }
        #expect(asked.withLock { $0 } == ["127.0.0.1 1001 64", "127.0.0.1 1001 64"])
        let gone = try #require(last)
        #expect(await !runtime.probe(gone), "nobody is asked for an instance that is gone")
        #expect(asked.withLock { $0.count } == 2)
    }

    @Test func aProbeWithoutAnAnswerFailsInTime() async throws {
        let runtime = self.runtime(ScriptedEngine(directory: self.directory)) { _, _, _ in
            for await _ in AsyncStream<Never>.makeStream().stream {}
            return true
        }
        try await runtime.whileReady(try self.model) { instance, _ in
            async let answer = runtime.probe(instance)
            await self.clock.pass(LlamaCppRuntime.probeTimeout)
            #expect(await !answer)
        }
    }
}

/// What is read from `/proc`, of real processes.
@Suite struct ProcessMemoryTests {
    /// Runs Python code that prints a line whenever there is something to look at and goes on with a line on its input.
    private func watch(
        _ code: String, times: Int, _ arguments: [String], _ look: @escaping @Sendable (Int, Int32) -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        for name in ["out", "in"] {
            let made = unsafe mkfifo("\(directory.path)/\(name)", 0o600)
            try #require(made == 0)
        }
        let head = """
            import mmap, os, sys
            step = 0
            def pause():
                global step
                open(sys.argv[1] + "/out", "w").write("%d %d" % (step, os.getpid()))
                open(sys.argv[1] + "/in").read()
                step += 1

            """
        try await withThrowingTaskGroup { group in
            group.addTask {
                let result = try await output(of: python, ["-c", head + code, directory.path] + arguments)
                #expect(result.isSuccess, "\(result.text)")
            }
            for _ in 0..<times {
                let text = try await output(of: "/bin/cat", ["\(directory.path)/out"]).text
                let words = text.split(separator: " ")
                try #require(words.count == 2, "\(text)")
                look(try #require(Int(words[0])), try #require(Int32(words[1])))
                _ = try await output(of: "/bin/sh", ["-c", "echo > '\(directory.path)/in'"])
            }
            try await group.waitForAll()
        }
    }

    private static let size: Int64 = 16 << 20

    private func file(_ directory: TemporaryDirectory) throws -> String {
        let path = "\(directory.path)/weights (1).gguf"
        try Data(count: Int(Self.size)).write(to: URL(filePath: path))
        return path
    }

    @Test func aMappedLoadIsMeasuredByThePagesThatAreThere() async throws {
        let directory = try TemporaryDirectory()
        let path = try self.file(directory)
        let seen = Mutex<[Int64]>([])
        let meters = Mutex<LoadMeter?>(nil)
        try await self.watch(
            """
            pause()
            file = open(sys.argv[2], "rb")
            pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            pages.madvise(mmap.MADV_RANDOM)
            for page in range(0, len(pages) // 2, 4096): pages[page]
            pause()
            for page in range(0, len(pages), 4096): pages[page]
            pause()
            """, times: 3, [path]
        ) { _, processID in
            var meter =
                meters.withLock { $0 } ?? LoadMeter(processID: processID, files: [path], totalBytes: Self.size)
            meter.measure()
            meters.withLock { $0 = meter }
            seen.withLock { $0.append(meter.loadedBytes) }
        }
        let loaded = seen.withLock { $0 }
        try #require(loaded.count == 3)
        #expect(loaded[0] == 0 && loaded[2] == Self.size)
        // The kernel maps pages around the one that was touched.
        #expect((Self.size / 2...Self.size * 5 / 8).contains(loaded[1]), "\(loaded)")
    }

    @Test func aLoadByReadingIsMeasuredByWhatWasRead() async throws {
        let directory = try TemporaryDirectory()
        let path = try self.file(directory)
        let seen = Mutex<[Int64]>([])
        let meters = Mutex<LoadMeter?>(nil)
        try await self.watch(
            """
            pause()
            file = open(sys.argv[2], "rb")
            pause()
            half = file.read(os.path.getsize(sys.argv[2]) // 2)
            pause()
            rest = file.read()
            pause()
            """, times: 4, [path]
        ) { _, processID in
            var meter =
                meters.withLock { $0 } ?? LoadMeter(processID: processID, files: [path], totalBytes: Self.size)
            meter.measure()
            meters.withLock { $0 = meter }
            seen.withLock { $0.append(meter.loadedBytes) }
        }
        let loaded = seen.withLock { $0 }
        try #require(loaded.count == 4)
        #expect(loaded[0] == 0 && loaded[1] == 0 && loaded[3] == Self.size)
        #expect((Self.size / 2...Self.size / 2 + 1 << 16).contains(loaded[2]), "\(loaded)")
    }

    @Test func whatIsGoneIsNil() {
        #expect(ProcessMemory.bytes(999_999_999) == nil)
        #expect(ProcessMemory.mappedBytes(999_999_999, ["/a"]) == nil)
        #expect(ProcessMemory.stat(999_999_999) == nil)
        #expect(ProcessMemory.family(999_999_999) == [999_999_999])
        #expect(!ProcessMemory.hasOpen(999_999_999, ["/a"]))
        var meter = LoadMeter(processID: 999_999_999, files: ["/a"], totalBytes: 10)
        meter.measure()
        #expect(meter.loadedBytes == 0)
    }

    @Test func aProcessIsKnownByItsStart() throws {
        let own = try #require(ProcessMemory.stat(getpid()))
        #expect(own.startTime > 0 && own.group == getpgrp() && !ProcessMemory.bootID().isEmpty)
        let bytes = try #require(ProcessMemory.bytes(getpid()))
        #expect(bytes > 1 << 20)
    }
}
