internal import Inference
internal import LocalEngines

// Libraries, Python, its packages, and engines.

extension HealthRules {
    typealias Judged = (dependencies: [HealthReport.Dependency], findings: [HealthReport.Finding])

    func libraries() -> Judged {
        var judged: Judged = ([], [])
        for library in self.looks.libraries {
            var dependency = HealthReport.Dependency(name: library.name, kind: .library, need: .core)
            dependency.version = library.version
            dependency.minimumVersion = library.minimumVersion ?? ""
            dependency.path = library.path
            if let minimum = library.minimumVersion, VersionNumber.isOlder(library.version, than: minimum) {
                dependency.status = .outdated
                dependency.error = "version \(minimum) or later is needed"
                let package = library.package.isEmpty ? library.name : library.package
                judged.findings.append(
                    Self.issue(
                        library.name, "\(library.name) \(library.version) is older than \(minimum), which is needed",
                        fix: "install \(minimum) or later (Debian's package \(package)) and start the server again"))
            }
            judged.dependencies.append(dependency)
        }
        return judged
    }

    func software() -> Judged {
        let (python, problem) = self.python()
        let packages = self.packages()
        return ([python] + packages.dependencies, [problem].compactMap { $0 } + self.engineFindings())
    }

    // MARK: - Python

    private func python() -> (HealthReport.Dependency, HealthReport.Finding?) {
        let need: HealthReport.Dependency.Need = self.setup.isLocalEnabled ? .engines : .nothing
        var python = HealthReport.Dependency(name: "python", kind: .program, need: need)
        python.minimumVersion = PythonSurvey.minimumVersion
        let fix: String
        switch self.looks.python {
        case .hung:
            python.status = .timedOut
            python.error = "python3 did not answer within \(self.limitText)"
            fix = "run 'python3 --version' on the server's machine and see what it waits for"
        case .seen(nil, _):
            python.status = .missing
            python.error = "no python3 is on the PATH of the server"
            fix = "install it (Debian: apt-get install python3 python3-venv): the engine of local models runs on it"
        case .seen(let found?, let latency):
            (python.path, python.version, python.latency) = (found.path, found.version, latency)
            if let problem = found.problem {
                python.status = .failed
                python.error = "\(found.path) does not work: \(problem)"
                fix = "install Python anew (Debian: apt-get install --reinstall python3)"
            } else if VersionNumber.isOlder(found.version, than: PythonSurvey.minimumVersion) {
                python.status = .outdated
                python.error =
                    "\(found.path) is Python \(found.version), and engines need \(PythonSurvey.minimumVersion)"
                fix = "put a later python3 first on the PATH of the server"
            } else {
                return (python, nil)
            }
        }
        guard self.setup.isLocalEnabled else { return (python, nil) }
        return (python, Self.issue("python", python.error, fix: fix))
    }

    // MARK: - Packages

    private func packages() -> Judged {
        let found = self.looks.software.value?.packages ?? []
        let dependencies = EngineSurvey.packages.map { name in
            // The wheel of the embedded engine is the only one that we need ourselves.
            let isOurs = name == "xllamacpp" && self.setup.isLocalEnabled
            var dependency = HealthReport.Dependency(name: name, kind: .package, need: isOurs ? .engines : .nothing)
            if let package = found.first(where: { $0.name == name }) {
                (dependency.version, dependency.path) = (package.version, package.path)
            } else {
                dependency.status = self.looks.software == .hung ? .timedOut : .missing
            }
            return dependency
        }
        return (dependencies, [])
    }

    // MARK: - Engines

    private var sightings: [EngineSighting] { self.looks.software.value?.engines ?? [] }

    /// Whether local models are wanted and nothing can run them. A look that hung tells nothing.
    var isLlamaCppMissing: Bool {
        guard self.setup.isLocalEnabled, !self.setup.isEngineRunning, let software = self.looks.software.value else {
            return false
        }
        return !software.engines.contains { $0.name == EngineSurvey.llamaCpp }
    }

    private func engineFindings() -> [HealthReport.Finding] {
        var findings: [HealthReport.Finding] = []
        if self.looks.software == .hung {
            findings.append(
                Self.warning(
                    "engines", "the folders of engines and Python packages could not be read within \(self.limitText)",
                    fix: "look whether a network disk hangs"))
        }
        if self.isLlamaCppMissing {
            findings.append(
                Self.issue(
                    EngineSurvey.llamaCpp, "local models are switched on and no engine for them is installed",
                    fix: "install llama.cpp, or set local.enabled to false",
                    command: "roundhouse engines install llama.cpp"))
        }
        for server in LocalServer.allCases where self.looks.servers[server] == .hung {
            findings.append(
                Self.warning(
                    server.engine,
                    "what listens at \(server.address) took the question whether it is \(server.engine) and did not "
                        + "answer within \(self.limitText)",
                    fix: "restart it if it is meant to be \(server.engine)"))
        }
        return findings
    }

    func engines() -> [HealthReport.Engine] {
        EngineSurvey.names.map { name in
            var engine = HealthReport.Engine(name: name)
            if let sighting = self.sightings.first(where: { $0.name == name }) {
                (engine.isInstalled, engine.version, engine.path) = (true, sighting.version, sighting.path)
            } else {
                engine.advice =
                    self.looks.software == .hung ? "its folders could not be read" : Self.advice(for: name)
            }
            if name == EngineSurvey.llamaCpp {
                engine.directory = self.setup.engineDirectory
                engine.isRunning = self.setup.isEngineRunning
            } else if let server = LocalServer.allCases.first(where: { $0.engine == name }),
                let sighting = self.looks.servers[server]?.value, sighting.isRunning
            {
                (engine.isRunning, engine.address) = (true, server.address)
                // What runs tells more surely than what lies there.
                if !sighting.version.isEmpty { engine.version = sighting.version }
            }
            return engine
        }
    }

    /// How an engine gets onto a machine.
    static func advice(for engine: String) -> String {
        switch engine {
        case EngineSurvey.llamaCpp: "run 'roundhouse engines install llama.cpp'"
        case EngineSurvey.vLLM: "needs a GPU: 'pip install vllm' in an environment of its own, then 'vllm serve MODEL'"
        case EngineSurvey.comfyUI: "see github.com/comfyanonymous/ComfyUI"
        case EngineSurvey.diffusers: "'pip install diffusers torch' in an environment of its own"
        case EngineSurvey.ollama: "see ollama.com/download"
        case EngineSurvey.lmStudio: "see lmstudio.ai"
        default: ""
        }
    }
}
