import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// A server that lacks something: what it is is named, with what to do about it, in time.
    @Suite struct HealthCases {
        @Test func `A server that lacks nothing is healthy, and says of what it stands on where that is`() async throws
        {
            try await FaultUpstream.run {
                $0.path.hasSuffix("/models") ? .listing : .answer(to: $0, ["yes"])
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    let answer = try await server.checkedHealth()
                    #expect(answer.overallStatus == .healthy && answer.issues.isEmpty, "\(answer.issues)")
                    let provider = try answer.dependency("first")
                    #expect(provider.status == .ok && provider.reachable && provider.hasLatency)
                    let sqlite = try answer.dependency("sqlite")
                    #expect(sqlite.status == .ok && sqlite.path.contains("libsqlite3.so") && !sqlite.version.isEmpty)
                    let doctor = try await server.doctor()
                    #expect(doctor.status == .exited(0), "\(doctor.text)")
                }
            }
        }

        // MARK: - Engines and Python

        @Test func `Without an engine no local model can answer: it is said, and which command installs one`()
            async throws
        {
            let machine = try BareMachine()
            try await machine.putPython()
            try await RunningServer.with("", environment: machine.environment) { server in
                let answer = try await server.checkedHealth()
                #expect(answer.overallStatus == .unhealthy)
                let finding = try answer.finding(about: "llama.cpp")
                #expect(finding.message.contains("no engine for them is installed"), "\(finding)")
                #expect(finding.fix.contains("install llama.cpp"), "\(finding)")
                #expect(finding.command == "roundhouse engines install llama.cpp")
                #expect(answer.issues.contains { $0.contains("no request can be answered") }, "\(answer.issues)")
                let engine = try #require(answer.inferenceEngines.first { $0.name == "llama.cpp" })
                #expect(!engine.installed && engine.path.isEmpty && engine.installable && !engine.running)
                #expect(engine.directory.hasPrefix(machine.path) && engine.advice.contains("engines install"))
                #expect(
                    try answer.dependency("python").status == .ok && answer.dependency("xllamacpp").status == .missing)
                // As people read it: named, with what to do, and the exit status that monitoring expects.
                let doctor = try await server.doctor()
                #expect(doctor.status == .exited(2), "\(doctor.text)")
                for text in ["unhealthy", "no engine for them is installed", "$ roundhouse engines install llama.cpp"] {
                    #expect(doctor.output.contains(text), "\(text) in\n\(doctor.text)")
                }
            }
        }

        @Test func `A missing Python is named with the package that brings it, and what needs no engine goes on`()
            async throws
        {
            let machine = try BareMachine()
            try await FaultUpstream.run {
                $0.path.hasSuffix("/models") ? .listing : .answer(to: $0, ["yes"])
            } _: { upstream in
                let configuration = providers(upstream.baseURL).replacing("enabled: false", with: "enabled: true")
                try await RunningServer.with(configuration, environment: machine.environment) { server in
                    let answer = try await server.checkedHealth()
                    #expect(answer.overallStatus == .degraded)
                    let python = try answer.dependency("python")
                    #expect(python.status == .missing && python.category == .ml && python.minimumVersion == "3.10")
                    let finding = try answer.finding(about: "python")
                    #expect(
                        finding.message == "no python3 is on the PATH of the server" && finding.message == python.error)
                    #expect(finding.fix.contains("apt-get install python3 python3-venv"), "\(finding)")
                    let reply = try await server.withClient { try await $0.generation.generate(.asking()) }
                    #expect(reply.text == "yes")
                }
            }
        }

        // MARK: - Providers

        @Test func `A provider that hangs is named with its address, and not waited for`() async throws {
            let gate = Gate()
            defer { gate.open() }
            try await FaultUpstream.run {
                $0.path.hasSuffix("/models") ? [.wait(gate)] : .answer(to: $0, ["yes"])
            } _: { hanging in
                try await FaultUpstream.run {
                    $0.path.hasSuffix("/models") ? .listing : .answer(to: $0, ["yes"])
                } _: { working in
                    try await RunningServer.with(providers(hanging.baseURL, working.baseURL)) { server in
                        let answer = try await server.checkedHealth()
                        #expect(answer.overallStatus == .degraded)
                        let provider = try answer.dependency("first")
                        #expect(provider.status == .timedOut && provider.path == hanging.baseURL)
                        #expect(!provider.reachable && provider.error.contains("1.5 s"), "\(provider)")
                        let finding = try answer.finding(about: "first")
                        #expect(finding.message == "provider 'first' did not answer within 1.5 s")
                        #expect(finding.fix.contains("whether \(hanging.baseURL) can be reached"), "\(finding)")
                        #expect(try answer.dependency("second").status == .ok)
                        #expect(answer.findings.filter { $0.severity == .issue }.count == 1, "\(answer.issues)")
                        let doctor = try await server.doctor()
                        #expect(doctor.status == .exited(1), "\(doctor.text)")
                    }
                    // Nobody else is there to answer.
                    try await RunningServer.with(providers(hanging.baseURL)) { server in
                        let alone = try await server.checkedHealth()
                        #expect(alone.overallStatus == .unhealthy, "\(alone.issues)")
                    }
                }
            }
        }

        @Test func `A wrong key is named by where it is to be mended, and never shown`() async throws {
            let key = "sk-that-was-revoked"
            try await FaultUpstream.run { _ in
                .whole(
                    #"{"error":{"message":"wrong key: \#(key)","code":"invalid_api_key"}}"#, status: "401 Unauthorized")
            } _: { upstream in
                let configuration = """
                    local: { enabled: false }
                    providers:
                      - { id: lab, kind: custom, base_url: '\(upstream.baseURL)', api_key: '${LAB_KEY}', models: [{ name: m }] }
                    """
                let environment = ["LAB_KEY": key, "OFFICE_KEY": key]
                try await RunningServer.with(configuration, environment: environment) { server in
                    try await server.withClient { gateway in
                        _ = try await gateway.registry.createProvider(
                            .with {
                                $0.provider.id = "office"
                                $0.provider.kind = "custom"
                                $0.provider.baseURL = upstream.baseURL
                                $0.provider.apiKeyEnvironment = "OFFICE_KEY"
                            })
                    }
                    let answer = try await server.checkedHealth()
                    #expect(answer.overallStatus == .unhealthy)
                    let places = [
                        ("lab", "where the configuration of provider 'lab' names it"),
                        ("office", "into the environment variable OFFICE_KEY"),
                    ]
                    for (name, place) in places {
                        let provider = try answer.dependency(name)
                        #expect(provider.status == .unauthenticated && provider.credentials == .refused)
                        #expect(provider.reachable && provider.path == upstream.baseURL)
                        let finding = try answer.finding(about: name)
                        #expect(finding.message.contains("provider '\(name)' refuses our key"), "\(finding)")
                        #expect(finding.fix == "put a valid key \(place)")
                    }
                    let doctor = try await server.doctor()
                    #expect(doctor.status == .exited(2), "\(doctor.text)")
                    #expect(!"\(answer)".contains(key) && !doctor.text.contains(key))
                    let lines = server.log.all
                    #expect(!lines.contains { $0.contains(key) }, "\(lines)")
                }
            }
        }

        // MARK: - Libraries

        @Test func `An old SQLite is named with its version and the package that brings a later one`() async throws {
            let machine = try BareMachine()
            // What the loader puts before the library is asked in its place, as an old one would be.
            let library = try await machine.compile("const char *sqlite3_libversion(void) { return \"3.34.1\"; }")
            try await FaultUpstream.run {
                $0.path.hasSuffix("/models") ? .listing : .answer(to: $0, ["yes"])
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL), environment: ["LD_PRELOAD": library]) {
                    server in
                    let answer = try await server.checkedHealth()
                    #expect(answer.overallStatus == .degraded)
                    let sqlite = try answer.dependency("sqlite")
                    #expect(sqlite.status == .outdated && sqlite.version == "3.34.1" && sqlite.minimumVersion == "3.37")
                    #expect(sqlite.category == .core && sqlite.path.contains("libsqlite3.so"), "\(sqlite)")
                    let finding = try answer.finding(about: "sqlite")
                    #expect(finding.message == "sqlite 3.34.1 is older than 3.37, which is needed")
                    #expect(finding.fix.contains("libsqlite3-0") && finding.fix.contains("start the server again"))
                    let doctor = try await server.doctor()
                    #expect(doctor.status == .exited(1) && doctor.output.contains("3.34.1"), "\(doctor.text)")
                }
            }
        }
    }
}

/// A machine with nothing on it: no program on the `PATH`, no engine, no home with something in it.
private final class BareMachine: Sendable {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
        for folder in ["bin", "home", "engines"] {
            try FileManager.default.createDirectory(
                atPath: "\(self.directory.path)/\(folder)", withIntermediateDirectories: true)
        }
    }

    var path: String { self.directory.path }

    var environment: [String: String] {
        [
            "PATH": "\(self.path)/bin", "HOME": "\(self.path)/home", "XDG_DATA_HOME": "",
            "ROUNDHOUSE_ENGINES_DIR": "\(self.path)/engines",
        ]
    }

    /// Puts this machine's Python there, without any package.
    func putPython() async throws {
        let found = try await Program.run("python3", ["-c", "import sys; print(sys.executable, end='')"])
        try #require(found.status.isSuccess, "\(found.text)")
        let script = try self.directory.write("#!/bin/sh\nexec '\(found.output)' -S \"$@\"\n", to: "bin/python3")
        let outcome = try await Program.run("chmod", ["755", script])
        try #require(outcome.status.isSuccess, "\(outcome.text)")
    }

    /// Makes a library of a line of C.
    ///
    /// - Returns: its path.
    func compile(_ source: String) async throws -> String {
        let file = try self.directory.write(source + "\n", to: "library.c")
        let library = "\(self.path)/library.so"
        // Swift's own compiler needs one to link with, and brings it.
        let outcome = try await Program.run("clang", ["-shared", "-fPIC", "-o", library, file])
        try #require(outcome.status.isSuccess, "\(outcome.text)")
        return library
    }
}

extension RunningServer {
    /// What the server stands on, asked anew, and once more from memory. It answers in the time that is promised: under 2 s
    /// whoever hangs, and at once when it was asked before. A machine that is busy may miss that twice.
    func checkedHealth() async throws -> Roundhouse_V1_CheckDependenciesResponse {
        try await self.withClient { gateway in
            func ask(anew: Bool, within limit: Duration) async throws -> Roundhouse_V1_CheckDependenciesResponse {
                var times: [Duration] = []
                while true {
                    let began = ContinuousClock.now
                    let answer = try await gateway.system.checkDependencies(.with { $0.refresh = anew })
                    times.append(began.duration(to: .now))
                    guard times.last ?? limit >= limit else { return answer }
                    try #require(times.count < 3, "\(times) is more than \(limit)")
                }
            }
            let fresh = try await ask(anew: true, within: .seconds(2))
            let kept = try await ask(anew: false, within: .milliseconds(100))
            #expect(!fresh.cached && kept.cached && kept.overallStatus == fresh.overallStatus)
            #expect(kept.issues == fresh.issues)
            return fresh
        }
    }

    /// `roundhouse doctor`, for this server.
    func doctor() async throws -> Program.Outcome {
        try await Program.run(["doctor", "--address", "\(self.address)"])
    }
}

extension Roundhouse_V1_CheckDependenciesResponse {
    func dependency(_ name: String) throws -> Roundhouse_V1_Dependency {
        try #require(self.dependencies.first { $0.name == name }, "\(self.dependencies.map(\.name))")
    }

    /// The issue about something. It is one of the sentences, too, whole.
    func finding(about subject: String) throws -> Roundhouse_V1_HealthFinding {
        let finding = try #require(
            self.findings.first { $0.subject == subject && $0.severity == .issue }, "\(self.findings)")
        #expect(
            !finding.fix.isEmpty && self.issues.contains { $0.contains(finding.message) && $0.contains(finding.fix) })
        return finding
    }
}

extension [FaultUpstream.Step] {
    /// The listing of a provider with the model `m`.
    static var listing: [FaultUpstream.Step] { .whole(#"{"object":"list","data":[{"id":"m","object":"model"}]}"#) }
}
