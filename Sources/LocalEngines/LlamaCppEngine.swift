import FoundationEssentials
import Glibc

/// llama.cpp: as the PyPI wheel `xllamacpp` in a private virtual environment, or as a `llama-server` on the PATH.
package struct LlamaCppEngine: LocalEngine {
    /// Which llama.cpp to use when there are several.
    package enum Preference: String, Sendable, Hashable, CaseIterable {
        /// The one that we installed, else the one on the PATH.
        case automatic
        case installed
        case path
    }

    /// A llama.cpp that is there.
    package struct Installation: Sendable, Hashable {
        package enum Kind: Sendable, Hashable {
            /// Our virtual environment.
            case wheel(version: String)
            /// A `llama-server`, run under the launcher script by the `python` of ``Installation``.
            case server(path: String)
        }

        package var kind: Kind
        /// The Python that runs the launcher; absolute.
        package var python: String

        /// `xllamacpp 2026.10.11549` or `llama-server`.
        package var description: String {
            switch self.kind {
            case .wheel(let version): "\(LlamaCppRelease.package) \(version)"
            case .server(let path): path
            }
        }
    }

    private let directories: EngineDirectories
    private let preference: Preference
    private let searchPath: String?

    /// - Parameter searchPath: Where to look for `llama-server` and `python3`, as in `PATH`.
    package init(
        directories: EngineDirectories,
        preference: Preference = .automatic,
        searchPath: String? = ProcessInfo.processInfo.environment["PATH"]
    ) {
        self.directories = directories
        self.preference = preference
        self.searchPath = searchPath
    }

    /// Finds llama.cpp by looking at a few files; starts nothing.
    ///
    /// - Throws: ``EngineUnavailable`` with what to do.
    package func find() throws(EngineUnavailable) -> Installation {
        if self.preference != .path {
            let directory = self.directories.llamaCpp(version: LlamaCppRelease.version)
            if LlamaCppRelease.isInstalled(in: directory) {
                if let problem = Machine.processorProblem() { throw EngineUnavailable(problem) }
                return Installation(
                    kind: .wheel(version: LlamaCppRelease.version),
                    python: LlamaCppRelease.python(in: directory)
                )
            }
            guard self.preference == .automatic else { throw EngineUnavailable(Self.notInstalled) }
        }
        guard let server = Machine.findProgram("llama-server", path: self.searchPath) else {
            throw EngineUnavailable(self.preference == .path ? Self.notOnPath : Self.notInstalled)
        }
        guard let python = Machine.findProgram("python3", path: self.searchPath) else {
            throw EngineUnavailable("\(server) is started by a Python script, but there is no python3 on the PATH")
        }
        return Installation(kind: .server(path: server), python: python)
    }

    private static let notOnPath = "llama.cpp is to be taken from the PATH, but there is no llama-server on it"
    private static let notInstalled = "llama.cpp is not installed: run `roundhouse engines install llama.cpp`"

    package func prepare(_ model: LocalModel) throws(EngineUnavailable) -> EngineCommand {
        let header = try Self.readHeader(of: model)
        let installation = try self.find()
        let script = try self.directories.launcherScript()
        let key = EngineCommand.makeKey()
        var specification = LaunchSpecification(
            model: model.path,
            alias: "local/\(model.name)",
            apiKey: key,
            threads: model.threads,
            slots: model.slots,
            contextLength: model.effectiveContextLength(header)
        )
        if case .server(let path) = installation.kind { specification.server = path }
        return EngineCommand(
            engine: "llama.cpp",
            executable: installation.python,
            arguments: ["-I", script, "\(getpid())", specification.alias],
            specification: try specification.line(),
            apiKey: key,
            startTimeout: EngineCommand.startTimeout(modelBytes: header.sizeBytes)
        )
    }

    /// What the file of `model` says about it.
    ///
    /// - Throws: ``EngineUnavailable`` that names the file and what is wrong with it.
    package static func readHeader(of model: LocalModel) throws(EngineUnavailable) -> GGUFHeader {
        do {
            return try GGUFHeader.read(path: model.path)
        } catch {
            throw EngineUnavailable("local/\(model.name) cannot be loaded from \(model.path): \(error)")
        }
    }
}

/// The line that `launch_engine.py` reads first.
private struct LaunchSpecification: Encodable {
    var model: String
    var alias: String
    var apiKey: String
    var threads: Int
    var slots: Int
    /// In tokens; 0 for what the file says.
    var contextLength: Int
    /// Memory for the prompts of earlier requests, so that a conversation's next turn is read from where it differs.
    var promptCacheMiB = 64
    /// A `llama-server`; `nil` for the wheel.
    var server: String?

    enum CodingKeys: String, CodingKey {
        case model, alias, threads, slots, server
        case apiKey = "api_key"
        case contextLength = "context_length"
        case promptCacheMiB = "prompt_cache_mib"
    }

    func line() throws(EngineUnavailable) -> String {
        do {
            return String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
        } catch {
            throw EngineUnavailable("\(self.alias) cannot be described to its engine: \(error)")
        }
    }
}
