import FoundationEssentials

/// An engine that was found on this machine.
package struct EngineSighting: Sendable, Hashable {
    /// ``EngineSurvey/names``.
    package var name: String
    /// Absolute: a program or a folder.
    package var path: String
    /// Empty when only running it would tell.
    package var version: String

    package init(name: String, path: String, version: String = "") {
        self.name = name
        self.path = path
        self.version = version
    }
}

/// Finds the engines of this machine by looking at files: in our own folder, on the `PATH`, among Python's packages and
/// where their installers put them. Starts nothing.
package struct EngineSurvey: Sendable {
    package static let llamaCpp = "llama.cpp"
    package static let vLLM = "vLLM"
    package static let comfyUI = "ComfyUI"
    package static let diffusers = "Diffusers"
    package static let ollama = "Ollama"
    package static let lmStudio = "LM Studio"

    /// Every engine that is known, in the order in which people are shown them.
    package static let names = [llamaCpp, vLLM, comfyUI, diffusers, ollama, lmStudio]

    /// The Python packages that engines need, as package indexes write them.
    package static let packages = [
        "xllamacpp", "llama-cpp-python", "torch", "transformers", "diffusers", "vllm", "comfyui",
    ]

    private let directories: EngineDirectories
    private let environment: [String: String]

    /// - Parameter environment: `PATH` and `HOME` say where to look.
    package init(directories: EngineDirectories, environment: [String: String]) {
        self.directories = directories
        self.environment = environment
    }

    /// What was found among Python's packages, ours first, and the engines.
    package struct Findings: Sendable, Hashable {
        package var packages: [PythonPackage]
        package var engines: [EngineSighting]

        package init(packages: [PythonPackage] = [], engines: [EngineSighting] = []) {
            self.packages = packages
            self.engines = engines
        }
    }

    /// Looks; the disk is read on a thread of its own.
    ///
    /// - Parameter folders: where the machine's Python looks for packages.
    package func look(_ folders: [String]) async -> Findings {
        await BlockingWork.shared.run {
            let packages = PythonPackages.find(Self.packages, in: self.environmentFolders() + folders)
            return Findings(packages: packages, engines: Self.names.compactMap { self.find($0, packages) })
        }
    }

    /// The package folders of the virtual environments that we made.
    private func environmentFolders() -> [String] {
        let root = self.directories.root
        return Self.entries(of: root).flatMap { engine in
            Self.entries(of: "\(root)/\(engine)").sorted(by: >).flatMap { version in
                let library = "\(root)/\(engine)/\(version)/lib"
                return Self.entries(of: library).filter { $0.hasPrefix("python3") }
                    .map { "\(library)/\($0)/site-packages" }
            }
        }
    }

    private func find(_ name: String, _ packages: [PythonPackage]) -> EngineSighting? {
        switch name {
        case Self.llamaCpp: self.findLlamaCpp(packages)
        case Self.vLLM: Self.sighting(name, package: "vllm", packages) ?? self.program("vllm", name)
        case Self.comfyUI:
            Self.sighting(name, package: "comfyui", packages)
                ?? self.file("ComfyUI/main.py", in: "ComfyUI", name) ?? self.program("comfy", name)
        case Self.diffusers: Self.sighting(name, package: "diffusers", packages)
        case Self.ollama: self.program("ollama", name)
        case Self.lmStudio:
            self.program("lms", name) ?? self.file(".lmstudio/bin/lms", in: ".lmstudio/bin/lms", name)
        default: nil
        }
    }

    private func findLlamaCpp(_ packages: [PythonPackage]) -> EngineSighting? {
        let engine = LlamaCppEngine(directories: self.directories, searchPath: self.environment["PATH"])
        guard let found = try? engine.find() else { return nil }
        switch found.kind {
        case .wheel(let version):
            return EngineSighting(
                name: Self.llamaCpp, path: self.directories.llamaCpp(version: version), version: version)
        case .server(let path): return EngineSighting(name: Self.llamaCpp, path: path)
        }
    }

    private static func sighting(
        _ name: String,
        package: String,
        _ packages: [PythonPackage]
    ) -> EngineSighting? {
        packages.first { $0.name == package }.map { EngineSighting(name: name, path: $0.path, version: $0.version) }
    }

    private func program(_ program: String, _ name: String) -> EngineSighting? {
        Machine.findProgram(program, path: self.environment["PATH"]).map { EngineSighting(name: name, path: $0) }
    }

    /// By a file below the home directory that only this engine has there.
    private func file(_ file: String, in folder: String, _ name: String) -> EngineSighting? {
        guard let home = self.environment["HOME"], home.hasPrefix("/"),
            FileManager.default.fileExists(atPath: "\(home)/\(file)")
        else { return nil }
        return EngineSighting(name: name, path: "\(home)/\(folder)")
    }

    private static func entries(of folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }
}
