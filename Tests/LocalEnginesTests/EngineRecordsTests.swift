import FoundationEssentials
import Glibc
import Logging
import Synchronization
import Testing

@testable import LocalEngines

/// Engines that outlived their server, as real processes.
@Suite struct EngineRecordsTests {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    private var notes: String { "\(self.directory.path)/notes" }
    private var records: EngineRecords { EngineRecords(directory: self.notes, logger: silent) }
    private var noteNames: [String] { (try? FileManager.default.contentsOfDirectory(atPath: self.notes)) ?? [] }

    private struct Orphans {
        var leader: Int32
        var child: Int32
        /// The process that plays the killed server.
        var server: Int32
    }

    /// Starts a process that leads its own group, with a child in it, below a "server" that is then killed. Neither asks
    /// to die with it.
    private func orphan(mark: String, deaf: Bool = false, leaderEnds: Bool = false) async throws -> Orphans {
        let engine = """
            import os, signal, subprocess, sys, time
            if sys.argv[1] == "deaf": signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=(lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)) if sys.argv[1] == "deaf" else None)
            print(os.getpid(), child.pid, flush=True)
            os.close(1)
            if sys.argv[2] == "ends": os._exit(0)
            time.sleep(1000)
            """
        let server = """
            import os, subprocess, sys
            engine = subprocess.Popen([sys.executable, "-c"] + sys.argv[2:], start_new_session=True,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "\(EngineRecords.variable)": sys.argv[1]})
            print(os.getpid(), engine.stdout.readline().decode().strip(), flush=True)
            os.kill(os.getpid(), 9)
            """
        let text = try await output(
            of: python, ["-c", server, mark, engine, deaf ? "deaf" : "kind", leaderEnds ? "ends" : "stays"]
        ).text
        let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
        try #require(numbers.count == 3, "\(text)")
        return Orphans(leader: numbers[1], child: numbers[2], server: numbers[0])
    }

    /// Writes the note that the killed server would have left.
    private func note(
        _ orphans: Orphans,
        mark: String,
        change: (inout EngineRecords.Record) -> Void = { _ in }
    ) throws {
        var record = EngineRecords.Record(
            processID: orphans.leader,
            startTime: ProcessMemory.stat(orphans.leader)?.startTime ?? 1,
            bootID: ProcessMemory.bootID(),
            mark: mark,
            model: "local/a",
            command: ["/usr/bin/python3"],
            ownerID: orphans.server,
            ownerStartTime: 1
        )
        change(&record)
        try FileManager.default.createDirectory(atPath: self.notes, withIntermediateDirectories: true)
        try JSONEncoder().encode(record).write(to: URL(filePath: "\(self.notes)/\(mark).json"))
    }

    private func end(_ orphans: Orphans) {
        for process in [orphans.leader, orphans.child] { kill(process, SIGKILL) }
    }

    @Test(arguments: [false, true])
    func anEngineThatOutlivedItsServerIsEndedWithItsGroup(deaf: Bool) async throws {
        let orphans = try await self.orphan(mark: "m1", deaf: deaf)
        defer { self.end(orphans) }
        #expect(isAlive(orphans.leader) && isAlive(orphans.child))
        try self.note(orphans, mark: "m1")
        let ended = await self.records.endOrphans(grace: deaf ? .milliseconds(200) : .seconds(20))
        #expect(ended == 1)
        #expect(try await ends(orphans.leader))
        #expect(try await ends(orphans.child))
        #expect(self.noteNames.isEmpty)
        #expect(await self.records.endOrphans() == 0)
    }

    @Test func aGroupWhoseLeaderHasEndedIsKnownByItsMark() async throws {
        let orphans = try await self.orphan(mark: "m2", leaderEnds: true)
        defer { self.end(orphans) }
        #expect(try await ends(orphans.leader))
        try self.note(orphans, mark: "m2")
        #expect(await self.records.endOrphans() == 1)
        #expect(try await ends(orphans.child))
    }

    @Test func processesThatTheNoteDoesNotNameBeyondDoubtAreLeftAlone() async throws {
        let changes: [(inout EngineRecords.Record) -> Void] = [
            { $0.startTime += 1 },
            { $0.bootID = "another" },
            {
                // Its server runs: it is ours to leave to it.
                $0.ownerID = getpid()
                $0.ownerStartTime = ProcessMemory.stat(getpid())?.startTime ?? 0
            },
            { $0.processID = 1 },
            { $0.processID = -1 },
        ]
        let orphans = try await self.orphan(mark: "m3")
        defer { self.end(orphans) }
        for change in changes {
            try self.note(orphans, mark: "m3", change: change)
            #expect(await self.records.endOrphans() == 0)
            #expect(isAlive(orphans.leader) && isAlive(orphans.child))
        }
    }

    @Test func aGroupOfSomeoneElseIsLeftAlone() async throws {
        let orphans = try await self.orphan(mark: "other", leaderEnds: true)
        defer { self.end(orphans) }
        #expect(try await ends(orphans.leader))
        // Until it is waited for it is there, and the group is its own.
        try #require(try await isReaped(orphans.leader))
        try self.note(orphans, mark: "m4")
        #expect(await self.records.endOrphans() == 0)
        #expect(isAlive(orphans.child))
        #expect(self.noteNames.isEmpty, "what it told of is gone")
    }

    @Test func notesThatCannotBeReadAreRemoved() async throws {
        try FileManager.default.createDirectory(atPath: self.notes, withIntermediateDirectories: true)
        try Data("{".utf8).write(to: URL(filePath: "\(self.notes)/x.json"))
        #expect(await self.records.endOrphans() == 0)
        #expect(self.noteNames.isEmpty)
    }

    @Test func aRunningEnginesNoteNamesIt() async throws {
        await self.records.add(getpid(), mark: "own", model: "local/a", command: ["x"])
        let data = try Data(contentsOf: URL(filePath: "\(self.notes)/own.json"))
        let record = try JSONDecoder().decode(EngineRecords.Record.self, from: data)
        #expect(record.processID == getpid() && record.startTime == ProcessMemory.stat(getpid())?.startTime)
        #expect(record.ownerID == getpid() && record.bootID == ProcessMemory.bootID())
        await self.records.remove(mark: "own")
        #expect(self.noteNames.isEmpty)
    }
}
