import Roundhouse
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct LocalCommandTests {
    // MARK: - Configuration

    @Test("each problem of a configuration stands on its own line, and the status is 78")
    func configurationProblems() async throws {
        let console = RecordingConsole()
        let loader = ConfigurationLoader(environment: [
            "ROUNDHOUSE_DATA_DIR": "/nonexistent", "ROUNDHOUSE_GRPC_ADDRESS": "nope", "ROUNDHOUSE_LOG_LEVEL": "loud",
        ])
        let status = await CommandRun.status(json: false, address: nil, console: console) {
            _ = try ConfigurationTexts.load(loader)
        }
        #expect(status == .configuration)
        let lines = console.transcript.errors.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.first == "roundhouse: the configuration has 2 problems")
        #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("ROUNDHOUSE_") })
    }

    @Test("with --json the problems are a list")
    func configurationProblemsAsJSON() {
        let report = FailureReport(CommandFailure.configuration(["a:1:2: x", "b"]))
        #expect(
            report.json == #"""
                {"error":{"exitStatus":78,"message":"the configuration has 2 problems",\#
                "problems":["a:1:2: x","b"]}}
                """#
        )
    }

    @Test("a configuration without a file is valid, and a stray variable is a warning")
    func configurationWarnings() throws {
        let loader = ConfigurationLoader(environment: [
            "ROUNDHOUSE_DATA_DIR": "/nonexistent", "ROUNDHOUSE_LOG_LEVL": "info",
        ])
        let loaded = try ConfigurationTexts.load(loader)
        #expect(ConfigurationTexts.verdict(loaded) == "there is no configuration file; the defaults hold\n")
        #expect(ConfigurationTexts.warnings(loaded).hasPrefix("warning: ROUNDHOUSE_LOG_LEVL: "))
        #expect(ConfigurationTexts.json(loaded).hasPrefix(#"{"dataDirectory":"/nonexistent","isValid":true,"#))
    }

    // MARK: - Engines

    private static let steps: [EngineCatalog.Step] = [
        .checkingMachine, .creatingEnvironment, .downloading(received: 0, total: 100),
        .downloading(received: 1, total: 100), .downloading(received: 55, total: 100),
        .downloading(received: 120, total: 100), .verifying, .ready(release: "x 1", wasPresent: false),
    ]

    private func install(json: Bool, console: RecordingConsole) async -> RoundhouseCLI.ExitStatus {
        await CommandRun.status(json: json, address: nil, console: console) {
            try await EngineInstallation(engine: "llama.cpp", json: json, console: console).run { progress in
                for step in Self.steps { progress(step) }
            }
        }
    }

    @Test("an installation nobody watches says each step once")
    func plainProgress() async {
        let console = RecordingConsole()
        #expect(await self.install(json: false, console: console) == .success)
        #expect(
            console.transcript.errors == """
                checking the machine
                making a Python environment
                downloading llama.cpp: 0 %, 0 B of 100 B
                downloading llama.cpp: 55 %, 55 B of 100 B
                downloading llama.cpp: 100 %, 120 B
                trying it out

                """
        )
        #expect(console.transcript.output == "llama.cpp is installed: x 1\n")
    }

    @Test("on a terminal the bar stays on one line that never wraps")
    func terminalProgress() async {
        let console = RecordingConsole(traits: .init(isTerminal: true, columns: 40, isStyled: true))
        #expect(await self.install(json: false, console: console) == .success)
        let shown = console.transcript.errors
        #expect(shown.filter { $0 == "\n" }.count == 1)
        #expect(shown.hasSuffix("trying it out\n"))
        #expect(shown.contains("[=====>]") || shown.contains("[==>   ]"))
        for line in shown.split(separator: "\r\u{1B}[K") {
            #expect(TerminalText.width(String(line)) <= 40)
        }
    }

    @Test("with --json each step is a line")
    func jsonProgress() async {
        let console = RecordingConsole()
        #expect(await self.install(json: true, console: console) == .success)
        let lines = console.transcript.output.split(separator: "\n")
        #expect(lines.count == Self.steps.count)
        #expect(
            lines.dropFirst(2).first
                == #"{"engine":"llama.cpp","event":"downloading","receivedBytes":0,"totalBytes":100}"#
        )
        #expect(lines.last == #"{"engine":"llama.cpp","event":"ready","release":"x 1","wasPresent":false}"#)
        #expect(console.transcript.errors.isEmpty)
    }

    @Test(
        "a failed installation says what to do, with its status",
        arguments: [
            (EngineCatalog.Failure.Kind.unknownEngine, RoundhouseCLI.ExitStatus.usage), (.network, .unavailable),
            (.other, .failure),
        ]
    )
    func failedInstallation(kind: EngineCatalog.Failure.Kind, expected: RoundhouseCLI.ExitStatus) async {
        let console = RecordingConsole(traits: .init(isTerminal: true, columns: 80, isStyled: false))
        let status = await CommandRun.status(json: false, address: nil, console: console) {
            try await EngineInstallation(engine: "x", json: false, console: console).run { progress in
                progress(.checkingMachine)
                throw EngineCatalog.Failure(kind: kind, message: "do this")
            }
        }
        #expect(status == expected)
        #expect(console.transcript.errors.hasSuffix("checking the machine\nroundhouse: do this\n"))
    }

    @Test("there is no other engine, and the message says which there is")
    func unknownEngine() async {
        let catalog = EngineCatalog(environment: ["ROUNDHOUSE_ENGINES_DIR": "/nonexistent"])
        await #expect(throws: EngineCatalog.Failure.self) { try await catalog.install("vllm") { _ in } }
        let entry = catalog.entries().first
        #expect(entry?.name == "llama.cpp")
        #expect(entry?.directory.hasPrefix("/nonexistent/llama.cpp/") == true)
        #expect(
            EngineTexts.table(catalog.entries().map(ShownEngine.init)).rendered(for: .plain).hasPrefix(
                "ENGINE     STATE"))
    }
}
