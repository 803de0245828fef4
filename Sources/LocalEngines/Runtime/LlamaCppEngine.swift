import FoundationEssentials
import Glibc
package import Inference

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
    /// - Throws: ``RuntimeUnavailable`` with what to do.
    package func find() throws(RuntimeUnavailable) -> Installation {
        if self.preference != .path {
            let directory = self.directories.llamaCpp(version: LlamaCppRelease.version)
            if LlamaCppRelease.isInstalled(in: directory) {
                if let problem = Machine.processorProblem() { throw RuntimeUnavailable(problem) }
                return Installation(
                    kind: .wheel(version: LlamaCppRelease.version),
                    python: LlamaCppRelease.python(in: directory)
                )
            }
            guard self.preference == .automatic else { throw RuntimeUnavailable(Self.notInstalled) }
        }
        guard let server = Machine.findProgram("llama-server", path: self.searchPath) else {
            throw RuntimeUnavailable(self.preference == .path ? Self.notOnPath : Self.notInstalled)
        }
        guard let python = Machine.findProgram("python3", path: self.searchPath) else {
            throw RuntimeUnavailable("\(server) is started by a Python script, but there is no python3 on the PATH")
        }
        return Installation(kind: .server(path: server), python: python)
    }

    private static let notOnPath = "llama.cpp is to be taken from the PATH, but there is no llama-server on it"
    private static let notInstalled = "llama.cpp is not installed: run `roundhouse engines install llama.cpp`"

    package var name: String { "llama.cpp" }

    package func prepare(_ model: RuntimeModel) throws(RuntimeUnavailable) -> EngineCommand {
        guard let path = model.path else { throw RuntimeUnavailable("\(model.id) names no file to load") }
        let header = try Self.readHeader(path, model.id)
        let installation = try self.find()
        let script = try self.directories.launcherScript()
        let key = EngineCommand.makeKey()
        let memory = Self.memory(model, header, installation)
        var specification = LaunchSpecification(
            model: path,
            alias: model.id.description,
            apiKey: key,
            threads: model.threads ?? LocalModel.defaultThreads,
            slots: memory.parallel,
            contextLength: memory.contextLength,
            gpuLayers: memory.gpuLayers,
            isMapped: !header.isRepacked,
            isEmbedding: header.isEmbedding,
            batch: memory.batch,
            pooling: header.isEmbedding && (header.poolingType ?? 0) == 0 ? "mean" : nil,
            promptCacheMiB: Int(memory.promptCacheBytes >> 20)
        )
        if case .server(let path) = installation.kind { specification.server = path }
        return EngineCommand(
            engine: self.name,
            executable: installation.python,
            arguments: ["-I", script, "\(getpid())", specification.alias],
            specification: try specification.line(),
            apiKey: key,
            startTimeout: EngineCommand.startTimeout(modelBytes: header.sizeBytes),
            estimate: memory.estimate(header),
            weightFiles: GGUFParts.all(of: path, count: header.partCount).map(Self.resolved)
        )
    }

    /// What the engine is told about memory: the settings of `model`, and what its file and `installation` allow.
    private static func memory(
        _ model: RuntimeModel,
        _ header: GGUFHeader,
        _ installation: Installation
    ) -> LlamaCppMemory {
        let isWheel = if case .wheel = installation.kind { true } else { false }
        var memory = LlamaCppMemory(
            contextLength: LocalModel.effectiveContextLength(model.contextLength, header),
            parallel: model.parallel,
            isUnified: isWheel || model.parallel == 1,
            // The published wheel computes on the processor only, whatever it is told.
            gpuLayers: isWheel ? 0 : model.gpuLayers,
            promptCacheBytes: 0
        )
        if header.isEmbedding { memory.batch = max(memory.batch, memory.contextLength) }
        // Four conversations that fill their context, but no more than 64 MiB; models without answers have none.
        let wanted = isWheel && !header.isEmbedding ? memory.cacheBytes(header).saturatingMultiply(4) : 0
        memory.promptCacheBytes = min(64 << 20, (wanted.saturatingAdd((1 << 20) - 1) >> 20) << 20)
        return memory
    }

    /// What the file at `path` says about its model.
    ///
    /// - Throws: ``RuntimeUnavailable`` that names the file and what is wrong with it.
    package static func readHeader(_ path: String, _ model: ModelID) throws(RuntimeUnavailable) -> GGUFHeader {
        let header: GGUFHeader
        do {
            header = try GGUFHeader.read(path: path)
        } catch {
            throw RuntimeUnavailable("\(model) cannot be loaded from \(path): \(error)")
        }
        if let unfitness = header.unfitness {
            throw RuntimeUnavailable("\(model) cannot be loaded from \(path): \(unfitness)")
        }
        return header
    }

    /// `path` as `/proc` writes it: without links.
    private static func resolved(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}

/// The line that `launch_engine.py` reads first.
private struct LaunchSpecification: Encodable {
    var model: String
    var alias: String
    var apiKey: String
    var threads: Int
    /// For connections: one each.
    var httpThreads = EngineConnections.threads
    var slots: Int
    /// In tokens; 0 for what the file says.
    var contextLength: Int
    /// Said even when it is 0: left to itself, llama.cpp takes all the GPU that it finds.
    var gpuLayers: Int
    /// Whether the weights stay where the file is mapped. Those that are rearranged would be in memory twice.
    var isMapped: Bool
    var isEmbedding: Bool
    /// Tokens that are computed at once, for embedding models.
    var batch: Int
    /// How vectors become one, where the file of an embedding model does not say: `mean`.
    var pooling: String?
    /// Memory for the prompts of earlier requests, so that a conversation's next turn is read from where it differs.
    var promptCacheMiB: Int
    /// A `llama-server`; `nil` for the wheel.
    var server: String?

    enum CodingKeys: String, CodingKey {
        case model, alias, threads, slots, batch, pooling, server
        case apiKey = "api_key"
        case httpThreads = "http_threads"
        case contextLength = "context_length"
        case gpuLayers = "gpu_layers"
        case isMapped = "mapped"
        case isEmbedding = "embedding"
        case promptCacheMiB = "prompt_cache_mib"
    }

    func line() throws(RuntimeUnavailable) -> String {
        do {
            return String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
        } catch {
            throw RuntimeUnavailable("\(self.alias) cannot be described to its engine: \(error)")
        }
    }
}
