import FoundationEssentials
import Glibc
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
    private let tools: PythonTools

    /// - Parameter environment: For Python and pip, whose settings (index, proxy, certificates) are in it.
    package init(
        directories: EngineDirectories,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        clock: EngineClock = .system
    ) {
        self.directories = directories
        self.tools = PythonTools(environment: environment, clock: clock)
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
        let python = try await self.tools.findPython(withOpenMP: true)

        let parent = "\(self.directories.root)/llama.cpp"
        try self.makeDirectory(parent)
        self.removePartials(in: parent)
        let partial = "\(parent)/.partial-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: partial) }
        try self.makeDirectory("\(partial)/tmp")

        progress(.creatingEnvironment)
        try await self.tools.makeEnvironment(by: python, in: partial)
        let total = LlamaCppRelease.pinned.downloadBytes
        progress(.downloading(received: 0, total: total))
        try await self.tools.pip(
            .install, LlamaCppRelease.pinned, python: LlamaCppRelease.python(in: partial), temporary: "\(partial)/tmp"
        ) { progress(.downloading(received: $0, total: total)) }
        progress(.verifying)
        try await self.verify(partial)
        try self.publish(partial)
    }

    private func verify(_ partial: String) async throws(EngineInstallError) {
        let check = "import xllamacpp; print(xllamacpp.get_system_info())"
        let result = try await self.tools.run(LlamaCppRelease.python(in: partial), ["-I", "-c", check])
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
                try await self.tools.clock.sleep(.milliseconds(200))
            } catch {
                try? file.close()
                throw .cancelled
            }
        }
        return file
    }
}
