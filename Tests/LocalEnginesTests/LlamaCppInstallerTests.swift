import FoundationEssentials
import Synchronization
import Testing

@testable import LocalEngines

@Suite struct LlamaCppInstallerTests {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    private var engines: EngineDirectories { EngineDirectories(root: "\(self.directory.path)/engines") }

    private func installer(_ changes: [String: String?] = [:]) -> LlamaCppInstaller {
        var environment = ProcessInfo.processInfo.environment
        for (name, value) in changes { environment[name] = value }
        return LlamaCppInstaller(directories: self.engines, environment: environment)
    }

    private func failure(_ installer: LlamaCppInstaller) async -> EngineInstallError? {
        do throws(EngineInstallError) {
            try await installer.install { _ in }
            return nil
        } catch {
            return error
        }
    }

    /// What is below the engines directory, but for the lock.
    private var leftovers: [String] {
        let parent = "\(self.engines.root)/llama.cpp"
        return (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    }

    @Test func twoInstallersAtOnceReplaceAHalfInstallationOnceAndALaterOneHasNothingToDo() async throws {
        let target = self.engines.llamaCpp(version: LlamaCppRelease.version)
        for leftover in ["\(target)/bin", "\(self.engines.root)/llama.cpp/.partial-1"] {
            try FileManager.default.createDirectory(atPath: leftover, withIntermediateDirectories: true)
        }
        #expect(!self.installer().isInstalled)
        let events = SharedEvents()
        try await withThrowingTaskGroup { group in
            for _ in 0..<2 {
                group.addTask {
                    try await self.installer().install { events.append($0) }
                }
            }
            try await group.waitForAll()
        }
        let seen = events.all
        let description = "xllamacpp \(LlamaCppRelease.version)"
        #expect(seen.filter { $0 == .creatingEnvironment }.count == 1)
        #expect(seen.contains(.waitingForOtherInstaller) && seen.contains(.verifying))
        #expect(seen.contains(.ready(description: description, wasPresent: false)))
        #expect(seen.contains(.ready(description: description, wasPresent: true)))
        #expect(self.leftovers == [LlamaCppRelease.version], "no partial installation stays")

        let third = SharedEvents()
        try await self.installer().install { third.append($0) }
        #expect(third.all == [.ready(description: description, wasPresent: true)])
        let found = try LlamaCppEngine(directories: self.engines).find()
        #expect(found.kind == .wheel(version: LlamaCppRelease.version))
    }

    @Test func withoutANetworkItSaysSoAndLeavesNothing() async throws {
        let error = await self.failure(
            self.installer([
                "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": nil, "PIP_NO_CACHE_DIR": "1",
                "PIP_CONFIG_FILE": "/dev/null",
            ])
        )
        #expect(error?.kind == .network, "\(error?.message ?? "no error")")
        #expect(error?.message.contains("check the network, or name a mirror in PIP_INDEX_URL") == true)
        #expect(self.leftovers.isEmpty)
    }

    @Test func withoutPythonItSaysWhatToInstall() async throws {
        let error = await self.failure(self.installer(["PATH": self.directory.path]))
        #expect(error?.kind == .pythonMissing)
        #expect(error?.message.contains("apt-get install python3 python3-venv") == true)
    }

    @Test(arguments: [
        ("echo old; exit 1", EngineInstallError.Kind.pythonMissing, "Python 3.10 or later"),
        ("echo venv; exit 1", .pythonMissing, "apt-get install python3-venv"),
        ("echo gomp; exit 1", .libraryMissing, "apt-get install libgomp1"),
        ("echo Segmentation fault >&2; exit 139", .pythonMissing, "does not work: Segmentation fault"),
    ])
    func aPythonThatWillNotDoIsExplained(script: String, kind: EngineInstallError.Kind, words: String) async throws {
        _ = try self.directory.write("#!/bin/sh\n\(script)\n", to: "python3", executable: true)
        let error = await self.failure(self.installer(["PATH": self.directory.path]))
        #expect(error?.kind == kind && error?.message.contains(words) == true, "\(error?.message ?? "no error")")
        #expect(self.leftovers.isEmpty)
    }

    @Test(arguments: [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", EngineInstallError.Kind.rejected),
        ("OSError: [Errno 28] No space left on device", .diskFull),
        ("ERROR: No matching distribution found for xllamacpp==2026.10.11549", .network),
        ("Retrying: NewConnectionError('...: Temporary failure in name resolution')", .network),
        ("something else", .failed),
    ])
    func whatPipSaysBecomesAReason(output: String, kind: EngineInstallError.Kind) {
        #expect(EngineInstallError.fromPip(output).kind == kind)
    }

    @Test func aMissingLibraryFoundByTheEngineItselfIsNamed() {
        let text = "ImportError: libgomp.so.1: cannot open shared object file: No such file or directory"
        #expect(EngineInstallError.fromImport(text) == .noOpenMP)
        #expect(EngineInstallError.fromImport("Illegal instruction").kind == .broken)
    }

    @Test func aDirectoryThatCannotBeWrittenIsNamed() async throws {
        let file = try self.directory.write("", to: "engines")
        let error = await self.failure(self.installer())
        #expect(error?.kind == .notWritable && error?.message.contains(file) == true, "\(error?.message ?? "")")
    }

    @Test func cancellingLeavesNothingBehind() async throws {
        await withTaskGroup { group in
            let started = AsyncStream<Void>.makeStream()
            group.addTask {
                do throws(EngineInstallError) {
                    try await self.installer().install { event in
                        if event == .creatingEnvironment { started.continuation.finish() }
                    }
                    Issue.record("it was installed")
                } catch {
                    #expect(error == .cancelled)
                }
            }
            for await _ in started.stream {}
            group.cancelAll()
        }
        #expect(self.leftovers.isEmpty)
    }
}

private final class SharedEvents: Sendable {
    private let events = Mutex<[EngineInstallEvent]>([])
    var all: [EngineInstallEvent] { self.events.withLock { $0 } }
    func append(_ event: EngineInstallEvent) { self.events.withLock { $0.append(event) } }
}
