import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// Python and pip, for installers: found and checked, run in a private environment, with their words made into reasons.
struct PythonTools: Sendable {
    /// What pip does with a package.
    enum PipCommand: Sendable {
        /// Into the environment that pip is of.
        case install
        /// Its wheel, into a folder.
        case download(folder: String)

        fileprivate var arguments: [String] {
            switch self {
            case .install: ["install", "--no-compile"]
            case .download(let folder): ["download", "-d", folder]
            }
        }
    }

    struct Result: Sendable {
        var isSuccess: Bool
        /// Standard output and standard error.
        var output: String
    }

    /// For Python and pip, whose settings (index, proxy, certificates) are in it.
    let environment: [String: String]
    let clock: EngineClock

    /// Finds a Python that can make environments, and the OpenMP library where that is wanted, too.
    ///
    /// - Returns: Its path.
    func findPython(withOpenMP: Bool) async throws(EngineInstallError) -> String {
        guard let python = Machine.findProgram("python3", path: self.environment["PATH"]) else {
            throw EngineInstallError(
                .pythonMissing,
                "no python3 is on the PATH: on Debian run `apt-get install python3 python3-venv`"
            )
        }
        let check = try await self.run(python, ["-I", "-c", Self.checkScript] + (withOpenMP ? ["gomp"] : []))
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
        if "gomp" in sys.argv:
            import ctypes
            try:
                ctypes.CDLL("libgomp.so.1")
            except OSError:
                sys.exit(print("gomp"))
        print("ok")
        """

    /// Makes a virtual environment in `directory` by `python`.
    func makeEnvironment(by python: String, in directory: String) async throws(EngineInstallError) {
        let created = try await self.run(python, ["-m", "venv", directory])
        guard created.isSuccess else {
            throw EngineInstallError(
                .pythonMissing,
                "python3 cannot make a virtual environment; on Debian run `apt-get install python3-venv` "
                    + "(\(EngineInstallError.lastLines(created.output)))"
            )
        }
    }

    /// Has the pip of `python` do `command` with `package`, and with nothing that it would want beside.
    ///
    /// - Parameters:
    ///   - temporary: An empty folder, for pip's own files.
    ///   - progress: Told how many bytes came. Called from a task beside this one, never at the same time.
    func pip(
        _ command: PipCommand,
        _ package: PinnedPackage,
        python: String,
        temporary: String,
        progress: @escaping @Sendable (Int64) -> Void
    ) async throws(EngineInstallError) {
        let requirements = "\(temporary)/requirements.txt"
        do {
            try Data(package.requirements.utf8).write(to: URL(filePath: requirements))
        } catch {
            throw EngineInstallError(.notWritable, "\(requirements) cannot be written: \(error)")
        }
        let arguments =
            ["-I", "-m", "pip"] + command.arguments + [
                "--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--no-deps", "--only-binary",
                ":all:", "--require-hashes", "--retries", "2", "-r", requirements,
            ]
        let result = try await self.run(python, arguments, temporary: temporary) {
            var folders = [temporary]
            if case .download(let folder) = command { folders.append(folder) }
            await self.watch(folders, upTo: package.downloadBytes, progress)
        }
        guard result.isSuccess else { throw EngineInstallError.fromPip(result.output, of: package) }
    }

    /// Tells how the files below `folders` grow, until it is cancelled: tools say nothing of their progress when nobody
    /// types at them.
    func watch(_ folders: [String], upTo total: Int64, _ progress: @Sendable (Int64) -> Void) async {
        var last: Int64 = 0
        while !Task.isCancelled {
            let found = await BlockingWork.shared.run {
                folders.reduce(0 as Int64) { $0.saturatingAdd(Self.bytes(below: $1)) }
            }
            if Task.isCancelled { return }
            let count = min(found, total)
            if count > last {
                last = count
                progress(count)
            }
            do { try await self.clock.sleep(.milliseconds(100)) } catch { return }
        }
    }

    private static func bytes(below path: String) -> Int64 {
        let manager = FileManager.default
        func size(_ path: String) -> Int64 {
            let attributes = try? manager.attributesOfItem(atPath: path)
            guard attributes?[.type] as? FileAttributeType == .typeRegular else { return 0 }
            return Int64((attributes?[.size] as? Int) ?? 0)
        }
        return ((try? manager.subpathsOfDirectory(atPath: path)) ?? []).reduce(size(path)) {
            $0 + size("\(path)/\($1)")
        }
    }

    /// Runs a program to its end; cancelling the task kills it with its children.
    ///
    /// - Parameters:
    ///   - temporary: `TMPDIR`; `nil` leaves it as it is.
    ///   - meanwhile: Runs beside the program, and is cancelled at its end.
    func run(
        _ executable: String,
        _ arguments: [String],
        temporary: String? = nil,
        meanwhile: @escaping @Sendable () async -> Void = {}
    ) async throws(EngineInstallError) -> Result {
        let outcome = await withTaskGroup(of: Swift.Result<Result, EngineInstallError>?.self) { group in
            group.addTask {
                do throws(EngineInstallError) {
                    return .success(try await self.runAlone(executable, arguments, temporary))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                await meanwhile()
                return nil
            }
            var outcome: Swift.Result<Result, EngineInstallError>?
            for await result in group {
                guard let result else { continue }
                outcome = result
                group.cancelAll()
            }
            return outcome ?? .failure(.cancelled)
        }
        return try outcome.get()
    }

    private func runAlone(
        _ executable: String,
        _ arguments: [String],
        _ temporary: String?
    ) async throws(EngineInstallError) -> Result {
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
            return Result(isSuccess: result.terminationStatus.isSuccess, output: result.standardOutput)
        } catch let error as EngineInstallError {
            throw error
        } catch {
            if Task.isCancelled { throw .cancelled }
            throw EngineInstallError(.failed, "\(executable) could not be run: \(error)")
        }
    }
}
