import FoundationEssentials
import Testing

@testable import LocalEngines

@Suite struct EngineSurveyTests {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    private func make(_ folder: String) throws {
        try FileManager.default.createDirectory(
            atPath: "\(self.directory.path)/\(folder)", withIntermediateDirectories: true)
    }

    private func survey(_ path: String = "bin") -> EngineSurvey {
        EngineSurvey(
            directories: EngineDirectories(root: "\(self.directory.path)/engines"),
            environment: ["PATH": "\(self.directory.path)/\(path)", "HOME": self.directory.path])
    }

    @Test(arguments: [
        ("torch-2.5.1+cu124.dist-info", "torch", "2.5.1+cu124"),
        ("llama_cpp_python-0.3.2.dist-info", "llama-cpp-python", "0.3.2"),
        ("Foo.Bar__baz-1.dist-info", "foo-bar-baz", "1"), ("torch-1.13.1-py3.11.egg-info", "torch", "1.13.1"),
    ])
    func aFolderTellsItsPackage(entry: String, name: String, version: String) {
        let parsed = PythonPackages.parse(entry)
        #expect(parsed?.name == name && parsed?.version == version)
    }

    @Test(arguments: ["torch", "torch.dist-info", "__pycache__", "-.dist-info", "torch-2.5.1", ""])
    func anythingElseIsNoPackage(entry: String) {
        #expect(PythonPackages.parse(entry) == nil)
    }

    @Test func enginesAreFoundWhereTheyAreAndNothingIsStarted() async throws {
        for folder in [
            "bin", "packages/vllm-0.9.1.dist-info", "packages/torch-2.5.1.dist-info", "ComfyUI",
            "engines/llama.cpp/7/lib/python3.11/site-packages/xllamacpp-7.dist-info",
            "packages/xllamacpp-6.dist-info",
        ] {
            try self.make(folder)
        }
        _ = try self.directory.write("", to: "ComfyUI/main.py")
        for program in ["ollama", "lms", "llama-server", "python3"] {
            _ = try self.directory.write(
                "#!/bin/sh\ntouch \(self.directory.path)/started\n", to: "bin/\(program)", executable: true)
        }
        let found = await self.survey().look(["\(self.directory.path)/packages", "/nonexistent"])
        #expect(found.packages.map { "\($0.name) \($0.version)" } == ["xllamacpp 7", "torch 2.5.1", "vllm 0.9.1"])
        #expect(found.engines.map(\.name) == ["llama.cpp", "vLLM", "ComfyUI", "Ollama", "LM Studio"])
        #expect(found.engines[0].path.hasSuffix("/bin/llama-server"))
        #expect(found.engines[1].version == "0.9.1" && found.engines[1].path.hasSuffix("/vllm-0.9.1.dist-info"))
        #expect(found.engines[2].path == "\(self.directory.path)/ComfyUI")
        #expect(!FileManager.default.fileExists(atPath: "\(self.directory.path)/started"))
    }

    @Test func whereThereIsNothingNothingIsFound() async {
        let found = await self.survey("nowhere").look([])
        #expect(found == EngineSurvey.Findings())
    }

    @Test func pythonTellsItsVersionAndFolders() async throws {
        let found = try #require(await PythonSurvey(environment: ["PATH": "/usr/local/bin:/usr/bin:/bin"]).find())
        #expect(found.problem == nil && found.version.hasPrefix("3."))
        #expect(found.packageFolders.allSatisfy { $0.hasSuffix("-packages") })
    }

    @Test func aPythonThatIsMissingOrBrokenIsToldSo() async throws {
        let survey = PythonSurvey(environment: ["PATH": self.directory.path])
        #expect(await survey.find() == nil)
        _ = try self.directory.write("#!/bin/sh\necho 'no libpython' >&2; exit 1\n", to: "python3", executable: true)
        let found = await survey.find()
        #expect(found?.problem == "no libpython" && found?.version.isEmpty == true)
    }
}
