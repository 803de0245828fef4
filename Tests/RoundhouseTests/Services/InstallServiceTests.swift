import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("RegistryService: installing")
struct InstallServiceTests {
    private func install(
        _ bench: ServiceBench,
        _ edit: (inout Roundhouse_V1_InstallModelRequest) -> Void
    ) async throws -> [Roundhouse_V1_InstallModelResponse] {
        try await bench.registry.installModel(.with(edit)) { response in
            try await response.messages.reduce(into: []) { $0.append($1) }
        }
    }

    @Test("An installation tells its phases and ends with the model, active and registered")
    func installs() async throws {
        try await ServiceBench.with { bench in
            let messages = try await install(bench) {
                $0.name = "new"
                $0.url = "https://example.com/new.gguf?token=abc"
                $0.sha256 = String(repeating: "AB", count: 32)
                $0.displayName = "New"
                $0.tags = ["t"]
                $0.engineSettings.threads = 2
                $0.lazy = true
            }
            #expect(messages.map(\.phase) == [.checking, .transferring, .verifying, .registering, .completed])
            #expect(messages[1].receivedBytes == 60 && messages[1].totalBytes == 100 && messages[1].resumedBytes == 40)
            let model = try #require(messages.last?.model)
            #expect(model.id == "local/new" && model.displayName == "New" && model.tags == ["t"] && model.lazy)
            #expect(model.engine == "llama.cpp" && model.engineSettings.threads == 2 && model.contextLength == 4096)
            #expect(model.capabilities.contains(.tools) && model.sizeBytes == 100)
            #expect(messages.last?.version == "0123456789ab" && model.activeVersion == "0123456789ab")
            #expect(model.versions.map(\.installed) == [true] && model.versions[0].sha256.count == 64)
            #expect(bench.files.requests.first?.sha256 == String(repeating: "ab", count: 32))
            #expect(bench.files.requests.first?.source == .url("https://example.com/new.gguf?token=abc"))
        }
    }

    @Test("Another version waits until it is made the active one; a loaded model then changes by a switch")
    func addsVersions() async throws {
        try await ServiceBench.with { bench in
            let quiet = try await install(bench) {
                $0.name = "a"
                $0.path = "/tmp/a.gguf"
                $0.version = "3"
            }
            #expect(quiet.last?.model.activeVersion == "2" && quiet.last?.model.versions.count == 3)
            try bench.setLoaded("local/a") { $0.key.version = "2" }
            let active = try await install(bench) {
                $0.name = "a"
                $0.path = "/tmp/a.gguf"
                $0.version = "4"
                $0.activate = true
            }
            #expect(active.last?.model.activeVersion == "4")
            #expect(bench.loading.loads == [.load(try modelID("local/a"), version: "4", warms: true)])
            // Three are kept: the first one goes, file and all.
            #expect(active.last?.model.versions.map(\.version) == ["2", "3", "4"])
            #expect(bench.files.removed == ["/models/a-1.gguf"])
        }
    }

    @Test("A model that is made here needs no file: its recipe is passed on, under any name")
    func makes() async throws {
        try await ServiceBench.with { bench in
            let messages = try await install(bench) {
                $0.name = "sentences"
                $0.url = "recipe:minilm"
            }
            #expect(
                messages.map(\.phase)
                    == [.checking, .transferring, .converting, .verifying, .registering, .completed])
            #expect(messages[2].receivedBytes == 70 && messages[2].totalBytes == 100)
            #expect(bench.files.requests.map(\.source) == [.recipe("minilm")])
            #expect(InstallableModels.address(of: "minilm") == "recipe:minilm")
            #expect(InstallableModels.address(of: "other") == nil)
        }
    }

    typealias BadRequest = (fields: [String], edit: @Sendable (inout Roundhouse_V1_InstallModelRequest) -> Void)

    static let badRequests: [BadRequest] = [
        (["name"], { $0.name = "" }),
        (["name"], { $0.name = "a/b" }),
        (["name"], { $0.name = "../etc" }),
        (["source"], { $0.source = nil }),
        (["path"], { $0.path = "x.gguf" }),
        (["url"], { $0.url = "http://example.com/x" }),
        (["url"], { $0.url = "https://user:secret@example.com/x" }),
        (["url"], { $0.url = "file:///x" }),
        (["url"], { $0.url = "recipe:nobody-knows-this" }),
        (["sha256"], { $0.sha256 = "12" }),
        (
            ["version", "tags[0]", "engine_settings.parallel"],
            {
                $0.version = "a b"
                $0.engineSettings.parallel = 65
                $0.tags = [""]
            }
        ),
    ]

    @Test("What cannot be asked for names its fields, before anything is moved", arguments: badRequests.indices)
    func namesFields(index: Int) async throws {
        let (fields, edit) = Self.badRequests[index]
        try await ServiceBench.with { bench in
            let refusal = try await refusal {
                try await install(bench) {
                    $0.name = "n"
                    $0.path = "/x.gguf"
                    edit(&$0)
                }
            }
            #expect(refusal.code == .invalidArgument)
            #expect(refusal.fields == fields)
            #expect(!refusal.message.contains("secret"))
            #expect(bench.files.requests.isEmpty)
        }
    }

    @Test(
        "What goes wrong is told with its reason, and nothing is registered",
        arguments: [
            (ModelFileError.Kind.checksumMismatch, RPCError.Code.failedPrecondition, "CHECKSUM_MISMATCH"),
            (.notGGUF, .failedPrecondition, "NOT_GGUF"), (.truncated, .failedPrecondition, "TRUNCATED"),
            (.unsupportedArchitecture, .failedPrecondition, "UNSUPPORTED_ARCHITECTURE"),
            (.insufficientDisk, .failedPrecondition, "INSUFFICIENT_DISK"),
            (.toolMissing, .failedPrecondition, "TOOL_MISSING"),
            (.notWritable, .failedPrecondition, "NOT_WRITABLE"), (.unreachable, .unavailable, "SOURCE_UNREACHABLE"),
            (.notFound, .notFound, "SOURCE_NOT_FOUND"), (.busy, .aborted, "OPERATION_CONFLICT"),
            (.alreadyExists, .alreadyExists, "ALREADY_EXISTS"), (.invalidRequest, .invalidArgument, "INVALID_REQUEST"),
        ])
    func tellsFailures(kind: ModelFileError.Kind, code: RPCError.Code, reason: String) async throws {
        try await ServiceBench.with { bench in
            let error = ModelFileError(kind: kind, message: "no", metadata: ["needed_bytes": "5"], field: "url")
            bench.files.fail(with: error)
            let refusal = try await refusal {
                try await install(bench) {
                    $0.name = "new"
                    $0.path = "/new.gguf"
                }
            }
            #expect(refusal.code == code)
            #expect(refusal.reason == reason)
            #expect(refusal.metadata == ["needed_bytes": "5"] && refusal.fields == ["url"])
            #expect((refusal.retryDelay != nil) == (kind == .unreachable))
            #expect(bench.storage.changes.isEmpty)
        }
    }

    @Test("A file that could not be registered is removed again")
    func leavesNothingHalf() async throws {
        try await ServiceBench.with { bench in
            bench.storage.breakDown()
            let refusal = try await refusal {
                try await install(bench) {
                    $0.name = "new"
                    $0.path = "/new.gguf"
                }
            }
            #expect(refusal.reason == "STORAGE_FAILED")
            #expect(bench.files.removed == ["/models/new-0123456789ab.gguf"])
        }
    }

    @Test("A version that is there already moves no byte; a second installation of a model waits for nobody")
    func refusesTwice() async throws {
        try await ServiceBench.with { bench in
            let known = try await refusal {
                try await install(bench) {
                    $0.name = "a"
                    $0.version = "1"
                    $0.path = "/a.gguf"
                }
            }
            #expect(known.code == .alreadyExists && bench.files.requests.isEmpty)
            bench.files.hold()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try? await install(bench) {
                        $0.name = "new"
                        $0.path = "/new.gguf"
                    }
                }
                await bench.files.installationBegan()
                let second = try await refusal {
                    try await install(bench) {
                        $0.name = "new"
                        $0.path = "/new.gguf"
                    }
                }
                #expect(second.code == .aborted && second.reason == "OPERATION_CONFLICT")
                #expect(second.metadata["model"] == "local/new")
                bench.files.goOn()
                try await group.waitForAll()
            }
        }
    }

    // MARK: - Uninstalling

    @Test("Uninstalling unloads, forgets and deletes the files")
    func uninstalls() async throws {
        try await ServiceBench.with { bench in
            _ = try await bench.registry.deleteAlias(.with { $0.alias = "default" })
            for path in ["/models/a-1.gguf", "/models/a-2.gguf"] {
                bench.files.add(
                    ModelFileFacts(
                        path: path, sizeBytes: 95, architecture: "llama", capabilities: [], category: .text))
            }
            let answer = try await bench.registry.uninstallModel(.with { $0.model = "local/a" })
            #expect(answer.deletedPaths == ["/models/a-1.gguf", "/models/a-2.gguf"] && answer.freedBytes == 190)
            let id = try modelID("local/a")
            #expect(bench.loading.calls == [.unload(id, version: nil, grace: nil, reason: "UninstallModel was called")])
            #expect(bench.base.snapshot.listedModel(id) == nil)
        }
    }

    @Test("One version is uninstalled alone")
    func uninstallsVersions() async throws {
        try await ServiceBench.with { bench in
            let answer = try await bench.registry.uninstallModel(
                .with {
                    $0.model = "local/a"
                    $0.version = "1"
                })
            #expect(answer.deletedPaths == ["/models/a-1.gguf"])
            #expect(try bench.registered("local/a").versions.map(\.version) == ["2"])
        }
    }

    @Test(
        "What is in use, foreign or not there is not uninstalled",
        arguments: [
            ("local/a", "", RPCError.Code.failedPrecondition, "MODEL_IN_USE"),
            ("local/a", "2", .failedPrecondition, "VERSION_ACTIVE"),
            ("local/a", "9", .notFound, "VERSION_NOT_FOUND"),
            ("local/b", "", .failedPrecondition, "NOT_INSTALLED"),
            ("cloud/x", "", .failedPrecondition, "NOT_INSTALLED"),
            ("conf/c", "", .failedPrecondition, "CONFIG_OWNED"),
            ("local/zzz", "", .notFound, "MODEL_NOT_FOUND"),
        ])
    func refusesToUninstall(
        model: String,
        version: String,
        code: RPCError.Code,
        reason: String
    ) async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal {
                try await bench.registry.uninstallModel(
                    .with {
                        $0.model = model
                        $0.version = version
                    })
            }
            #expect(refusal.code == code && refusal.reason == reason)
            #expect(bench.files.removed.isEmpty && bench.storage.changes.isEmpty && bench.loading.calls.isEmpty)
        }
    }
}
