import FoundationEssentials
import Testing

@testable import LocalEngines

@Suite struct ModelFilesTests {
    @Test func theCommittedModelsHaveTheirChecksums() async throws {
        let (isSuccess, text) = try await output(
            of: "/usr/bin/sha256sum",
            ["--check", "--strict", "SHA256SUMS"],
            directory: "\(packageRoot)/models"
        )
        #expect(isSuccess && text.contains("tiny-q8_0.gguf: OK") && text.contains("small-q8_0.gguf: OK"), "\(text)")
    }

    @Test func theBuildPutsTheModelsNextToTheBinary() throws {
        let models = BundledModels.find(environment: [:])
        #expect(models.map(\.name) == ["small", "tiny"])
        for model in models { #expect(try GGUFHeader.read(path: model.path).architecture == "llama") }
    }

    @Test func anInstallationAndTheEnvironmentAreSearchedToo() throws {
        let directory = try TemporaryDirectory()
        let share = "\(directory.path)/share/roundhouse/models"
        try FileManager.default.createDirectory(atPath: share, withIntermediateDirectories: true)
        try Data("x".utf8).write(to: URL(filePath: "\(share)/tiny-q8_0.gguf"))
        let installed = BundledModels.find(environment: [:], executable: "\(directory.path)/bin/roundhouse")
        #expect(installed.map(\.path) == ["\(share)/tiny-q8_0.gguf"])
        let chosen = BundledModels.find(environment: ["ROUNDHOUSE_MODELS_DIR": share], executable: nil)
        #expect(chosen.map(\.name) == ["tiny"])
        #expect(BundledModels.find(environment: [:], executable: "/nowhere/roundhouse").isEmpty)
    }

    @Test(arguments: [
        (["ROUNDHOUSE_ENGINES_DIR": "/e", "XDG_DATA_HOME": "/x", "HOME": "/h"], "/e"),
        (["XDG_DATA_HOME": "/x", "HOME": "/h"], "/x/roundhouse/engines"),
        (["XDG_DATA_HOME": "relative", "HOME": "/h"], "/h/.local/share/roundhouse/engines"),
        (["ROUNDHOUSE_ENGINES_DIR": "", "HOME": "/h"], "/h/.local/share/roundhouse/engines"),
        ([:], "/var/lib/roundhouse/engines"),
    ])
    func theEnginesLiveWhereTheEnvironmentSays(environment: [String: String], root: String) {
        #expect(EngineDirectories(environment: environment).root == root)
    }

    @Test(arguments: [(1, 1), (2, 1), (3, 3), (4, 4), (64, 4)])
    func threadsLeaveRoomForTheGateway(cores: Int, threads: Int) {
        #expect(LocalModel.defaultThreads(cores: cores) == threads)
    }

    @Test(
        arguments: [(nil, 1024, 1024), (nil, 131_072, 8192), (4096, 131_072, 4096), (nil, nil, 0)]
            as [(Int?, Int?, Int)])
    func theContextIsTheFilesUnlessThatIsHuge(asked: Int?, inFile: Int?, effective: Int) {
        let header = GGUFHeader(
            version: 3, architecture: "llama", contextLength: inFile, hasChatTemplate: true, tensorCount: 1,
            sizeBytes: 1)
        #expect(LocalModel(name: "a", path: "/a", contextLength: asked).effectiveContextLength(header) == effective)
    }

    @Test func missingInstructionsAreNamed() {
        let old = "processor : 0\nflags\t\t: fpu sse4_2 avx f16c\nbugs :\n"
        #expect(Machine.missingFeatures(cpuinfo: old, architecture: "x86_64") == ["avx2", "fma", "bmi2"])
        #expect(Machine.missingFeatures(cpuinfo: "flags : avx2 fma f16c bmi2 x", architecture: "x86_64").isEmpty)
        #expect(Machine.missingFeatures(cpuinfo: old, architecture: "aarch64").isEmpty)
        #expect(Machine.missingFeatures(cpuinfo: "", architecture: "x86_64").isEmpty)
    }

    @Test func enginesDoNotSeeOtherProvidersKeys() {
        let all = [
            "PATH": "/bin", "OMP_NUM_THREADS": "1", "OPENAI_API_KEY": "sk", "ROUNDHOUSE_TOKEN": "t", "HOME": "/h",
        ]
        #expect(EngineCommand.environment(from: all).keys.sorted() == ["HOME", "OMP_NUM_THREADS", "PATH"])
    }

    @Test func keysAreLongAndDifferent() {
        let keys = (0..<100).map { _ in EngineCommand.makeKey() }
        #expect(Set(keys).count == 100 && keys.allSatisfy { $0.count == 64 })
    }

    @Test func aLargeModelHasMoreTimeToStart() {
        #expect(EngineCommand.startTimeout(modelBytes: 0) == .seconds(30))
        #expect(EngineCommand.startTimeout(modelBytes: 20 << 30) == .seconds(1230))
    }
}

@Suite struct LogTailTests {
    @Test func linesAreTheSameHoweverTheOutputIsCut() {
        let text = Array("one\ntwo\u{1B}[31m red\u{1B}[0m\n\n\tthree\r\nfour".utf8)
        for cut in 0...text.count {
            let tail = LogTail()
            let told = tail.append(Array(text[..<cut])) + tail.append(Array(text[cut...]))
            #expect(told == ["one", "two red", " three"])
            tail.finish()
            #expect(tail.lines == ["one", "two red", " three", "four"])
        }
    }

    @Test func itStaysBoundedWhateverIsWritten() {
        let tail = LogTail()
        tail.append([UInt8](repeating: 0x61, count: 5 << 20))
        tail.append([0x0A])
        for index in 0..<10_000 {
            tail.append(Array("line \(index) \(String(repeating: "x", count: index % 900))\n".utf8))
        }
        #expect(tail.lines.count <= 64)
        #expect(tail.lines.reduce(0) { $0 + $1.utf8.count } <= 16 << 10)
        #expect(tail.lines.last?.hasPrefix("line 9999 ") == true)
        #expect(tail.quote(lines: 1).hasPrefix("; its last lines: line 9999 "))
    }
}
