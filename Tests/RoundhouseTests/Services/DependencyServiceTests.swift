import GRPCCore
import Inference
import LocalEngines
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import Testing

@testable import Roundhouse

@Suite("HealthService: dependencies and engines", .timeLimit(.minutes(1)))
struct DependencyServiceTests {
    @Test("What the server stands on is told whole, and from what is kept until somebody wants it fresh")
    func dependencies() async throws {
        try await ServiceBench.with { bench in
            try bench.setLoaded("local/a")
            bench.machine.edit {
                $0.services[.init("cloud") ?? .local] = .fault(
                    UpstreamFault(.authenticationFailed, "401: wrong key", httpStatus: 401))
                $0.software.packages = [
                    PythonPackage(name: "torch", version: "2.5.1", path: "/packages/torch-2.5.1.dist-info")
                ]
            }
            let answer = try await bench.health.checkDependencies(.init())
            #expect(answer.overallStatus == .degraded && !answer.cached && answer.checkTime.seconds == 7)
            let byName = Dictionary(answer.dependencies.map { ($0.name, $0) }) { one, _ in one }
            let cloud = try #require(byName["cloud"])
            #expect(cloud.status == .unauthenticated && cloud.kind == .service && cloud.category == .core)
            #expect(cloud.path == "https://example.com/v1" && cloud.error == "401: wrong key")
            #expect(cloud.hasLatency && cloud.reachable)
            #expect(byName["conf"]?.status == .ok)
            #expect(byName["torch"]?.version == "2.5.1" && byName["torch"]?.status == .ok)
            #expect(byName["vllm"]?.status == .missing && byName["vllm"]?.category == .optional)
            #expect(byName["sqlite"]?.minimumVersion == "3.37" && byName["sqlite"]?.kind == .library)
            #expect(answer.inferenceEngines.map(\.name) == EngineSurvey.names)
            #expect(answer.inferenceEngines.map(\.installable) == [true, false, false, false, false, false])
            #expect(answer.aiModels.map(\.category) == [.text, .image, .voice, .video, .embedding])
            let text = try #require(answer.aiModels.first)
            #expect(text.total == 4 && text.loaded == 1 && text.available == 3 && text.status == .ready)
            #expect(answer.aiModels.dropFirst().allSatisfy { $0.status == .noModels })
            #expect(answer.findings.map(\.subject) == ["cloud"] && answer.issues.count == 1 && answer.warnings.isEmpty)

            bench.machine.edit { $0.services = [:] }
            #expect(try await bench.health.checkDependencies(.init()).cached)
            let fresh = try await bench.health.checkDependencies(.with { $0.refresh = true })
            #expect(!fresh.cached && fresh.overallStatus == .healthy && fresh.issues.isEmpty)
        }
    }

    @Test("What is in memory is of now, and another provider is asked at once, whatever is kept")
    func live() async throws {
        try await ServiceBench.with { bench in
            #expect(try await bench.health.checkDependencies(.init()).overallStatus == .healthy)
            let own = try modelID("local/a")
            bench.scripts.edit { $0.availability[own] = .unavailable(reason: "its file is gone") }
            let answer = try await bench.health.checkDependencies(.init())
            #expect(answer.cached && answer.issues == ["model 'local/a' cannot answer: its file is gone"])
            _ = try await bench.editor.createProvider(
                .init(id: try #require(.init("lab")), kind: "vllm", baseURL: "http://127.0.0.1:8000/v1"),
                validateOnly: false)
            let other = try await bench.health.checkDependencies(.init())
            #expect(!other.cached && other.dependencies.contains { $0.name == "lab" && $0.status == .ok })
        }
    }

    @Test("Engines are listed as they are")
    func engines() async throws {
        try await ServiceBench.with { bench in
            bench.machine.edit { $0.servers[.lmStudio] = ServerSighting(isRunning: true) }
            let engines = try await bench.health.listEngines(.init()).engines
            #expect(engines.first?.installed == true && engines.first?.path == "/engines/llama.cpp/1")
            #expect(engines.last?.running == true && engines.last?.address == "http://127.0.0.1:1234")
        }
    }

    @Test("An installation tells its steps in order, and what was kept of engines is forgotten")
    func install() async throws {
        try await ServiceBench.with { bench in
            _ = try await bench.health.checkDependencies(.init())
            bench.machine.edit {
                $0.installs = [
                    .waitingForOtherInstaller, .checkingMachine, .creatingEnvironment,
                    .downloading(received: 5, total: 10), .verifying, .ready(release: "x 1", wasPresent: true),
                ]
            }
            let steps = try await bench.health.installEngine(.with { $0.engine = "llama.cpp" }) { response in
                try await response.messages.reduce(into: []) { $0.append($1) }
            }
            #expect(
                steps.map(\.phase) == [.waiting, .checking, .preparing, .downloading, .verifying, .ready])
            #expect(steps[3].receivedBytes == 5 && steps[3].totalBytes == 10)
            #expect(steps.last?.release == "x 1" && steps.last?.wasPresent == true)
            #expect(try await !bench.health.checkDependencies(.init()).cached)
        }
    }

    @Test(
        "An installation that fails says why and what to do",
        arguments: [
            ("llama.cpp", EngineCatalog.Failure.Kind.network, RPCError.Code.unavailable, "PACKAGE_INDEX_UNREACHABLE"),
            ("llama.cpp", .other, .failedPrecondition, "ENGINE_INSTALL_FAILED"),
            ("vLLM", .other, .failedPrecondition, "ENGINE_NOT_INSTALLABLE"),
            ("nothing", .other, .notFound, "ENGINE_NOT_FOUND"), ("", .other, .notFound, "ENGINE_NOT_FOUND"),
        ])
    func failures(
        engine: String, kind: EngineCatalog.Failure.Kind, code: RPCError.Code, reason: String
    ) async throws {
        try await ServiceBench.with { bench in
            bench.machine.edit { $0.installFailure = .init(kind: kind, message: "do this") }
            let refusal = try await refusal {
                try await bench.health.installEngine(.with { $0.engine = engine }) { response in
                    for try await _ in response.messages {}
                }
            }
            #expect(refusal.code == code && refusal.reason == reason)
            #expect(bench.machine.now.asked == (engine == "llama.cpp" ? ["install llama.cpp"] : []))
            if engine == "llama.cpp" { #expect(refusal.message == "do this") }
        }
    }

    @Test("The status counts the states of the registry, aliases, what is loaded, and where it listens")
    func status() async throws {
        try await ServiceBench.with { bench in
            let first = try await bench.health.getSystemStatus(.init())
            #expect(first.configurationGeneration == 1 && first.aliasCount == 2 && first.loadedModelCount == 0)
            try bench.setLoaded("local/a")
            _ = try await bench.editor.updateModel(try modelID("local/b"), etag: nil, validateOnly: false) {
                $0.priority = 3
            }
            let later = try await bench.health.getSystemStatus(.init())
            #expect(later.configurationGeneration == 2 && later.loadedModelCount == 1)
        }
        #expect(Roundhouse_V1_ListenPort(grpc: "[::1]:50051").port == 50051)
        let socket = Roundhouse_V1_ListenPort(grpc: "unix:/run/r:1")
        #expect(socket.port == 0 && socket.address == "unix:/run/r:1" && socket.protocol == "grpc")
    }

    @Test("Linked libraries tell their version and the file that is loaded")
    func libraries() throws {
        let files = ["/usr/lib/libgrpc++.so.1.51.1", "/opt/my libs/libprotobuf.so.32.0.12"]
        let listed = LinkedLibraries.all(
            swiftProtobuf: "1", grpc: "1.51.1", simdjson: "3.0.1", sqlite: "", files: files)
        #expect(listed.map(\.name) == ["grpc++", "sqlite", "simdjson", "swift-protobuf", "protobuf"])
        #expect(listed[0].path == "/usr/lib/libgrpc++.so.1.51.1" && listed[1].path.isEmpty)
        #expect(listed[4].path == "/opt/my libs/libprotobuf.so.32.0.12" && listed[4].version == "32.0.12")
        for library in LinkedLibraries.all(swiftProtobuf: MessageRuntime.version) where library.name != "protobuf" {
            #expect(library.version.first?.isNumber == true, "\(library)")
            #expect(library.name == "swift-protobuf" || library.path.hasPrefix("/"), "\(library)")
        }
    }
}
