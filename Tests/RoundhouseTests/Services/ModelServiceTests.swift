import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("RegistryService: models")
struct ModelServiceTests {
    // MARK: - Reading

    @Test("A model that is created for vectors and nothing else is an embedding model, unless its category is said")
    func createsEmbedding() async throws {
        try await ServiceBench.with { bench in
            for (name, category) in [("cloud/v", Roundhouse_V1_ModelCategory.unspecified), ("cloud/w", .text)] {
                let answer = try await bench.registry.createModel(
                    .with {
                        $0.model.id = name
                        $0.model.capabilities = [.embeddings]
                        $0.model.category = category
                    })
                #expect(answer.model.category == (category == .text ? .text : .embedding))
            }
        }
    }

    @Test("Models are filtered, sorted and paged")
    func lists() async throws {
        try await ServiceBench.with { bench in
            try bench.setLoaded("local/b")
            let all = try await bench.registry.listModels(.init())
            #expect(all.models.map(\.id) == ["cloud/x", "conf/c", "local/a", "local/b"])
            #expect(all.totalSize == 4 && all.nextPageToken.isEmpty)
            let first = try await bench.registry.listModels(
                .with {
                    $0.orderBy = "id desc"
                    $0.pageSize = 3
                })
            #expect(first.models.map(\.id) == ["local/b", "local/a", "conf/c"])
            #expect(first.totalSize == 4)
            let second = try await bench.registry.listModels(
                .with {
                    $0.orderBy = "id desc"
                    $0.pageToken = first.nextPageToken
                })
            #expect(second.models.map(\.id) == ["cloud/x"] && second.nextPageToken.isEmpty)
            let loaded = try await bench.registry.listModels(.with { $0.filter = "loaded = true" })
            #expect(loaded.models.map(\.id) == ["local/b"] && loaded.totalSize == 1)
            let local = try await bench.registry.listModels(.with { $0.provider = "local" })
            #expect(local.models.map(\.id) == ["local/a", "local/b"])
        }
    }

    @Test("A model that is asked most is found by its use")
    func listsByUse() async throws {
        try await ServiceBench.with { bench in
            var used = ModelStatistics()
            used.uses = 9
            let id = try modelID("cloud/x")
            bench.scripts.edit { $0.statistics.models[id] = used }
            let found = try await bench.registry.listModels(.with { $0.filter = "use_count > 3" })
            #expect(found.models.map(\.id) == ["cloud/x"])
        }
    }

    @Test(
        "What is wrong with a query is named, with the place",
        arguments: [
            (Roundhouse_V1_ListModelsRequest.with { $0.filter = "provider ==" }, "filter", "INVALID_FILTER"),
            (.with { $0.filter = "colour = red" }, "filter", "INVALID_FILTER"),
            (.with { $0.orderBy = "colour" }, "order_by", "INVALID_ORDER_BY"),
            (.with { $0.pageToken = "nonsense" }, "page_token", "INVALID_REQUEST"),
            (.with { $0.pageSize = -1 }, "page_size", "INVALID_REQUEST"),
            (.with { $0.provider = "No Name" }, "provider", "INVALID_REQUEST"),
        ])
    func refusesQueries(request: Roundhouse_V1_ListModelsRequest, field: String, reason: String) async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal { try await bench.registry.listModels(request) }
            #expect(refusal.code == .invalidArgument)
            #expect(refusal.reason == reason)
            #expect(refusal.fields == [field])
            if reason != "INVALID_REQUEST" {
                #expect(Int(refusal.metadata["position"] ?? "") ?? 0 > 0)
                let found = try #require(refusal.metadata["found"])
                #expect(refusal.message.contains("has \(found) at character"))
                #expect(refusal.metadata["expected"]?.isEmpty == false)
            }
        }
    }

    @Test("A model tells what is registered, where it stands and what could be done")
    func gets() async throws {
        try await ServiceBench.with { bench in
            for name in ["local/a", "default"] {
                let model = try await bench.registry.getModel(.with { $0.model = name }).model
                #expect(model.id == "local/a" && model.provider == "local" && model.name == "a")
                #expect(model.aliases == ["default"])
                #expect(model.versions.map(\.version) == ["1", "2"] && model.activeVersion == "2")
                #expect(model.etag == "1" && model.source == .api)
                #expect(model.createTime.nanos == 5000 && model.updateTime.nanos == 7000)
                #expect(!model.loaded && model.canLoad && model.enabled)
            }
            try bench.setLoaded("local/a") {
                $0.sinceMicroseconds = 3_000_000
                $0.reason = "because"
            }
            let loaded = try await bench.registry.getModel(.with { $0.model = "local/a" }).model
            #expect(loaded.loaded && loaded.canLoad && loaded.state == .ready)
            #expect(loaded.stateTime.seconds == 3 && loaded.stateReason == "because")
            let cloud = try await bench.registry.getModel(.with { $0.model = "cloud/x" }).model
            #expect(!cloud.loaded && !cloud.canLoad && !cloud.hasStateTime && cloud.state == .ready)
        }
    }

    @Test("Whether a model can be loaded heeds the engine, the switch and the memory that cannot be freed")
    func canLoad() async throws {
        try await ServiceBench.with { bench in
            func canLoad(_ name: String) async throws -> Bool {
                try await bench.registry.getModel(.with { $0.model = name }).model.canLoad
            }
            let id = try modelID("local/a")
            bench.loading.set(devices: [.init(device: .cpu, totalBytes: 500, freeBytes: 500, quotaBytes: 150)])
            #expect(try await canLoad("local/a"))
            // Idle: it would be evicted.
            try bench.setLoaded("local/b")
            #expect(try await canLoad("local/a"))
            try bench.setLoaded("local/b") { $0.leases = 1 }
            #expect(try await !canLoad("local/a"))
            try bench.setLoaded("local/b") { $0.isPinned = true }
            #expect(try await !canLoad("local/a"))
            try bench.setLoaded("local/b")
            bench.scripts.edit { $0.availability[id] = .unavailable(reason: "no engine") }
            #expect(try await !canLoad("local/a"))
            let model = try await bench.registry.getModel(.with { $0.model = "local/a" }).model
            #expect(model.state == .failed && model.stateReason == "no engine")
        }
    }

    @Test(
        "A name that leads nowhere is told apart from one that is none",
        arguments: [
            ("local/zzz", RPCError.Code.notFound), ("nothing", .notFound), ("", .invalidArgument),
            ("auto", .invalidArgument), ("a/", .invalidArgument), ("A b", .invalidArgument),
        ])
    func refusesNames(name: String, code: RPCError.Code) async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal { try await bench.registry.getModel(.with { $0.model = name }) }
            #expect(refusal.code == code)
            #expect(refusal.reason == (code == .notFound ? "MODEL_NOT_FOUND" : "INVALID_REQUEST"))
            #expect(refusal.resource == (code == .notFound ? "roundhouse.v1.Model" : nil))
            #expect(refusal.fields == (code == .notFound ? [] : ["model"]))
        }
    }

    // MARK: - Making

    @Test(
        "A model of a cloud provider is made with what was said and its provider's priority", arguments: [false, true])
    func creates(validateOnly: Bool) async throws {
        try await ServiceBench.with { bench in
            let created = try await bench.registry.createModel(
                .with {
                    $0.model.id = "cloud/new/er"
                    $0.model.contextLength = 9000
                    $0.model.tags = ["b", "a"]
                    $0.model.state = .failed
                    $0.validateOnly = validateOnly
                }
            ).model
            #expect(created.id == "cloud/new/er" && created.name == "new/er" && created.displayName == "new/er")
            #expect(created.priority == 40 && created.contextLength == 9000 && created.tags == ["a", "b"])
            #expect(created.source == .api && created.enabled && created.etag == "1")
            let id = try modelID("cloud/new/er")
            #expect((bench.base.snapshot.listedModel(id) == nil) == validateOnly)
            #expect(bench.storage.changes.isEmpty == validateOnly)
        }
    }

    @Test("A local model takes from its file what nobody said")
    func createsLocal() async throws {
        try await ServiceBench.with { bench in
            bench.files.add(
                ModelFileFacts(
                    path: "/m/q.gguf", sizeBytes: 1234, architecture: "llama", contextLength: 4096,
                    capabilities: [.chat, .tools], category: .text))
            let created = try await bench.registry.createModel(
                .with {
                    $0.model.id = "local/q"
                    $0.model.contextLength = 100
                    $0.model.versions = [.with { $0.path = "/m/q.gguf" }]
                }
            ).model
            #expect(created.versions.map(\.path) == ["/m/q.gguf"] && created.activeVersion == "1")
            #expect(created.sizeBytes == 1234 && created.versions[0].sizeBytes == 1234)
            #expect(!created.versions[0].installed)
            #expect(created.contextLength == 100)
            #expect(created.capabilities.count == 2 && created.capabilities.contains(.tools))
            #expect(created.engine == "llama.cpp")
        }
    }

    @Test(
        "What cannot be made is refused with its field or reason, and nothing is made",
        arguments: [
            (Roundhouse_V1_Model(), RPCError.Code.invalidArgument, "INVALID_REQUEST", ["model.id"]),
            (.with { $0.id = "local" }, .invalidArgument, "INVALID_REQUEST", ["model.id"]),
            (.with { $0.id = "cloud/x" }, .alreadyExists, "ALREADY_EXISTS", []),
            (.with { $0.id = "nobody/x" }, .notFound, "PROVIDER_NOT_FOUND", []),
            (.with { $0.id = "local/q" }, .invalidArgument, "INVALID_REQUEST", ["model.versions"]),
            (
                .with {
                    $0.id = "local/q"
                    $0.versions = [.with { $0.path = "q.gguf" }]
                }, .invalidArgument, "INVALID_REQUEST", ["model.versions[0].path"]
            ),
            (
                .with {
                    $0.id = "local/q"
                    $0.versions = [.with { $0.path = "/gone.gguf" }]
                }, .notFound, "SOURCE_NOT_FOUND", []
            ),
            (
                .with {
                    $0.id = "cloud/q"
                    $0.versions = [.with { $0.path = "/q.gguf" }]
                    $0.provider = "local"
                    $0.priority = -5
                }, .invalidArgument, "INVALID_REQUEST", ["model.provider", "model.versions", "model.priority"]
            ),
        ])
    func refusesToCreate(
        model: Roundhouse_V1_Model,
        code: RPCError.Code,
        reason: String,
        fields: [String]
    ) async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal { try await bench.registry.createModel(.with { $0.model = model }) }
            #expect(refusal.code == code)
            #expect(refusal.reason == reason)
            #expect(refusal.fields == fields)
            #expect(bench.storage.changes.isEmpty)
        }
    }

    @Test(
        "A file that is no usable model is refused with the reason",
        arguments: [
            (ModelFileError.Kind.notGGUF, "NOT_GGUF"), (.truncated, "TRUNCATED"),
            (.unsupportedArchitecture, "UNSUPPORTED_ARCHITECTURE"),
        ])
    func refusesFiles(kind: ModelFileError.Kind, reason: String) async throws {
        try await ServiceBench.with { bench in
            bench.files.fail(with: ModelFileError(kind: kind, message: "no", metadata: ["architecture": "x"]))
            let refusal = try await refusal {
                try await bench.registry.createModel(
                    .with {
                        $0.model.id = "local/q"
                        $0.model.versions = [.with { $0.path = "/q.gguf" }]
                    })
            }
            #expect(refusal.code == .failedPrecondition)
            #expect(refusal.reason == reason)
            #expect(refusal.metadata == ["architecture": "x"])
            #expect(bench.storage.changes.isEmpty)
        }
    }

    // MARK: - Changing

    @Test("An update changes what its mask names, when its etag is the current one", arguments: [false, true])
    func updates(validateOnly: Bool) async throws {
        try await ServiceBench.with { bench in
            let updated = try await bench.registry.updateModel(
                .with {
                    $0.model.id = "cloud/x"
                    $0.model.etag = "1"
                    $0.model.lazy = true
                    $0.model.displayName = "ignored"
                    $0.updateMask.paths = ["lazy"]
                    $0.validateOnly = validateOnly
                }
            ).model
            #expect(updated.lazy && updated.displayName == "x" && updated.etag == "2")
            #expect(try bench.registered("cloud/x").isLazy != validateOnly)
        }
    }

    @Test("An update that is not allowed says why")
    func refusesUpdates() async throws {
        try await ServiceBench.with { bench in
            let stale = try await refusal {
                try await bench.registry.updateModel(
                    .with {
                        $0.model.id = "cloud/x"
                        $0.model.etag = "7"
                        $0.model.lazy = true
                    })
            }
            #expect(stale.code == .aborted && stale.reason == "ETAG_MISMATCH")
            #expect(stale.metadata["given"] == "7" && stale.metadata["current"] == "1")
            let unknown = try await refusal {
                try await bench.registry.updateModel(.with { $0.model.id = "cloud/nothing" })
            }
            #expect(unknown.reason == "MODEL_NOT_FOUND")
            let alias = try await refusal { try await bench.registry.updateModel(.with { $0.model.id = "default" }) }
            #expect(alias.code == .invalidArgument && alias.fields == ["model.id"])
            let mask = try await refusal {
                try await bench.registry.updateModel(
                    .with {
                        $0.model.id = "cloud/x"
                        $0.updateMask.paths = ["state"]
                    })
            }
            #expect(mask.code == .invalidArgument && mask.fields == ["update_mask"])
            let value = try await refusal {
                try await bench.registry.updateModel(
                    .with {
                        $0.model.id = "cloud/x"
                        $0.model.priority = 5000
                        $0.model.qualityScore = 3
                    })
            }
            #expect(value.fields == ["model.priority", "model.quality_score"])
            bench.storage.breakDown()
            let broken = try await refusal {
                try await bench.registry.updateModel(
                    .with {
                        $0.model.id = "cloud/x"
                        $0.model.lazy = true
                    })
            }
            #expect(broken.code == .unavailable && broken.reason == "STORAGE_FAILED" && broken.retryDelay != nil)
            #expect(try bench.registered("cloud/x").isLazy == false)
        }
    }

    @Test("Another version of a loaded model is loaded before it answers, and the old one goes")
    func switchesVersions() async throws {
        try await ServiceBench.with { bench in
            try bench.setLoaded("local/a") { $0.key.version = "2" }
            let updated = try await bench.registry.updateModel(
                .with {
                    $0.model.id = "local/a"
                    $0.model.activeVersion = "1"
                    $0.model.lazy = true
                }
            ).model
            #expect(updated.activeVersion == "1" && updated.lazy)
            let id = try modelID("local/a")
            #expect(bench.loading.loads == [.load(id, version: "1", warms: true)])
            let unload = await bench.loading.firstCall { if case .unload = $0 { true } else { false } }
            #expect(
                unload
                    == .unload(
                        id, version: "2", grace: nil, reason: "replaced by \(InstanceKey(model: id, version: "1"))"))
        }
    }

    @Test("A version that cannot be loaded leaves the old one active; one that does not exist loads nothing")
    func keepsVersions() async throws {
        try await ServiceBench.with { bench in
            try bench.setLoaded("local/a") { $0.key.version = "2" }
            let unknown = try await refusal {
                try await bench.registry.updateModel(
                    .with {
                        $0.model.id = "local/a"
                        $0.model.activeVersion = "9"
                    })
            }
            #expect(unknown.fields == ["model.active_version"])
            #expect(bench.loading.calls.isEmpty)
            bench.loading.fail(with: .loadFailed(try modelID("local/a"), reason: "no", retryAfter: .seconds(3)))
            let failed = try await refusal {
                try await bench.registry.updateModel(
                    .with {
                        $0.model.id = "local/a"
                        $0.model.activeVersion = "1"
                    })
            }
            #expect(failed.code == .unavailable && failed.reason == "MODEL_LOAD_FAILED")
            #expect(failed.retryDelay == .seconds(3) && failed.pushback == "3000")
            #expect(try bench.registered("local/a").activeVersion == "2")
        }
    }

    @Test("Disabling unloads without a grace and without waiting; enabling lets requests in again")
    func disables() async throws {
        try await ServiceBench.with { bench in
            let disabled = try await bench.registry.disableModel(.with { $0.model = "local/a" }).model
            #expect(!disabled.enabled)
            let id = try modelID("local/a")
            let call = await bench.loading.firstCall { _ in true }
            #expect(call == .unload(id, version: nil, grace: nil, reason: "it was disabled"))
            let enabled = try await bench.registry.enableModel(.with { $0.model = "local/a" }).model
            #expect(enabled.enabled)
            for name in ["local/q", "cloud/q"] {
                let refusal = try await refusal { try await bench.registry.disableModel(.with { $0.model = name }) }
                #expect(refusal.reason == "MODEL_NOT_FOUND")
            }
        }
    }

    @Test("An update that disables unloads as well")
    func disablesByUpdate() async throws {
        try await ServiceBench.with { bench in
            _ = try await bench.registry.updateModel(
                .with {
                    $0.model.id = "local/b"
                    $0.updateMask.paths = ["enabled"]
                })
            let id = try modelID("local/b")
            let call = await bench.loading.firstCall { _ in true }
            #expect(call == .unload(id, version: nil, grace: nil, reason: "it was disabled"))
        }
    }

    // MARK: - Deleting

    @Test("Deleting unloads first, then forgets, and leaves the file")
    func deletes() async throws {
        try await ServiceBench.with { bench in
            try bench.setLoaded("local/b")
            _ = try await bench.registry.deleteModel(
                .with {
                    $0.model = "local/b"
                    $0.etag = "1"
                })
            let id = try modelID("local/b")
            #expect(bench.loading.calls == [.unload(id, version: nil, grace: nil, reason: "DeleteModel was called")])
            #expect(bench.base.snapshot.listedModel(id) == nil)
            #expect(bench.files.removed.isEmpty)
        }
    }

    @Test(
        "What is in use, of the configuration or changed is not deleted, and nothing is unloaded",
        arguments: [
            ("local/a", "", RPCError.Code.failedPrecondition, "MODEL_IN_USE"),
            ("conf/c", "", .failedPrecondition, "CONFIG_OWNED"),
            ("local/b", "9", .aborted, "ETAG_MISMATCH"),
            ("cloud/nothing", "", .notFound, "MODEL_NOT_FOUND"),
        ])
    func refusesToDelete(name: String, etag: String, code: RPCError.Code, reason: String) async throws {
        try await ServiceBench.with { bench in
            let before = bench.base.snapshot.models
            let refusal = try await refusal {
                try await bench.registry.deleteModel(
                    .with {
                        $0.model = name
                        $0.etag = etag
                    })
            }
            #expect(refusal.code == code)
            #expect(refusal.reason == reason)
            if reason == "MODEL_IN_USE" { #expect(refusal.metadata["aliases"] == "default") }
            #expect(bench.base.snapshot.models == before)
            #expect(bench.loading.calls.isEmpty)
        }
    }

    @Test("A model that could not be unloaded is neither deleted nor left disabled")
    func restoresAfterFailure() async throws {
        try await ServiceBench.with { bench in
            bench.loading.fail(with: .shuttingDown)
            let refusal = try await refusal {
                try await bench.registry.deleteModel(.with { $0.model = "local/b" })
            }
            #expect(refusal.code == .unavailable && refusal.reason == "SHUTTING_DOWN")
            #expect(try bench.registered("local/b").isEnabled)
        }
    }
}
