import Inference
import ModelRegistry
import Testing

@Suite("Editing models")
struct ModelEditingTests {
    @Test("A created model is on disk, visible and told, with its first revision")
    func create() async throws {
        let bench = try Bench.usual()
        bench.time.advance(41)
        var model = ModelDescription(
            id: try id("open/new"), isEnabled: false, tags: ["b", "a", "b"], provenance: .first(.config))
        model.isMissing = true
        let created = try await bench.editor.createModel(model, validateOnly: false)
        #expect(
            created.provenance
                == Provenance(
                    source: .api, createdAtMicroseconds: 1041, updatedAtMicroseconds: 1041, revision: 1))
        #expect(created.tags == ["a", "b"])
        #expect(created.displayName == "new")
        #expect(!created.isMissing && !created.isEnabled)
        #expect(bench.snapshot.model(created.id) == created)
        #expect(bench.isConsistent)
        #expect(
            bench.events.take() == [
                GatewayEvent(
                    .configChanged,
                    model: created.id,
                    attributes: ["entry": "model", "name": "open/new", "action": "created", "revision": "1"]
                )
            ])
        await #expect(throws: RegistryEditError.alreadyExists("model 'open/new'")) {
            try await bench.editor.createModel(model, validateOnly: false)
        }
        await #expect(throws: RegistryEditError.providerNotFound("none")) {
            try await bench.editor.createModel(ModelDescription(id: id("none/x")), validateOnly: false)
        }
    }

    @Test("Validating changes nothing and finds the same faults")
    func validateOnly() async throws {
        let bench = try Bench.usual()
        let model = ModelDescription(id: try id("open/new"))
        let checked = try await bench.editor.createModel(model, validateOnly: true)
        #expect(checked.provenance.revision == 1)
        _ = try await bench.editor.updateModel(id("open/big"), etag: "1", validateOnly: true) { $0.priority = 3 }
        await #expect(throws: RegistryEditError.self) {
            try await bench.editor.updateModel(id("open/big"), etag: nil, validateOnly: true) { $0.priority = -3 }
        }
        #expect(bench.snapshot.listedModel(model.id) == nil)
        #expect(bench.storage.saves == 0)
        #expect(bench.events.events.isEmpty)
    }

    @Test("An update counts the revision up, keeps what may not change, and goes by the etag")
    func update() async throws {
        let bench = try Bench.usual()
        bench.time.advance(9)
        let big = try id("open/big")
        let updated = try await bench.editor.updateModel(big, etag: "1", validateOnly: false) { model in
            model.priority = 7
            model.isPinned = true
            model.provenance = Provenance(source: .api, revision: 99)
        }
        #expect(updated.priority == 7)
        #expect(
            updated.provenance
                == Provenance(
                    source: .config, createdAtMicroseconds: 1, updatedAtMicroseconds: 1009, revision: 2))
        #expect(bench.isConsistent)
        let mismatch = RegistryEditError.etagMismatch(entry: "model 'open/big'", given: "1", current: "2")
        await #expect(throws: mismatch) {
            try await bench.editor.updateModel(big, etag: "1", validateOnly: false) { $0.priority = 8 }
        }
        // What changes nothing leaves the etag of others good.
        let same = try await bench.editor.updateModel(big, etag: "2", validateOnly: false) { $0.priority = 7 }
        #expect(same.provenance.revision == 2)
        #expect(bench.storage.saves == 1)
        await #expect(throws: RegistryEditError.modelNotFound("open/none")) {
            try await bench.editor.updateModel(id("open/none"), etag: nil, validateOnly: false) { $0.priority = 8 }
        }
        let refusal = RegistryEditError.invalid([FieldProblem("model.x", found: "y", expected: "z")])
        await #expect(throws: refusal) {
            try await bench.editor.updateModel(big, etag: nil, validateOnly: false) {
                (_: inout ModelDescription) throws(RegistryEditError) in throw refusal
            }
        }
    }

    static let spoilings: [(String, @Sendable (inout ModelDescription) -> Void)] = [
        ("model.display_name", { $0.displayName = "a\u{7}" }),
        ("model.display_name", { $0.displayName = String(repeating: "x", count: 256) }),
        ("model.context_length", { $0.contextLength = 0 }),
        ("model.max_output_tokens", { $0.maxOutputTokens = -1 }),
        ("model.quality_score", { $0.qualityScore = 1.01 }),
        ("model.quality_score", { $0.qualityScore = .nan }),
        ("model.safety_score", { $0.safetyScore = -0.1 }),
        ("model.priority", { $0.priority = 1001 }),
        ("model.priority", { $0.priority = -1 }),
        ("model.size_bytes", { $0.sizeBytes = -1 }),
        ("model.engine", { $0.engine = "" }),
        ("model.prices.input_nano_usd_per_million_tokens", { $0.prices = ModelPrices(input: -1, output: 0) }),
        (
            "model.prices.cached_input_nano_usd_per_million_tokens",
            { $0.prices = ModelPrices(input: 1, output: 0, cachedInput: -1) }
        ),
        ("model.tags", { $0.tags = (0..<65).map { "t\($0)" } }),
        ("model.tags[0]", { $0.tags = [""] }),
        ("model.tags[1]", { $0.tags = ["a", String(repeating: "x", count: 64)] }),
        ("model.engine_settings.context_length", { $0.engineSettings.contextLength = 255 }),
        ("model.engine_settings.threads", { $0.engineSettings.threads = 0 }),
        ("model.engine_settings.parallel", { $0.engineSettings.parallel = 65 }),
        ("model.engine_settings.gpu_layers", { $0.engineSettings.gpuLayers = -1 }),
        ("model.idle_ttl", { $0.idleTTL = .seconds(-1) }),
        ("model.versions", { $0.versions = [] }),
        ("model.versions[0].path", { $0.versions = [ModelVersion(version: "v", path: "models/x.gguf")] }),
        ("model.versions[0].version", { $0.versions = [ModelVersion(version: "a/b", path: "/x")] }),
        ("model.versions[0].size_bytes", { $0.versions = [ModelVersion(version: "v", path: "/x", sizeBytes: -1)] }),
        ("model.versions[0].sha256", { $0.versions = [ModelVersion(version: "v", path: "/x", sha256: "ABC")] }),
        (
            "model.versions[1].version",
            { $0.versions = [ModelVersion(version: "v", path: "/x"), ModelVersion(version: "v", path: "/y")] }
        ),
        ("model.active_version", { $0.activeVersion = "other" }),
    ]

    @Test(
        "A field that is not what it should be is named, when a model is created and when it is changed",
        arguments: spoilings.indices)
    func faults(index: Int) async throws {
        let (field, spoil) = Self.spoilings[index]
        let bench = try Bench.usual()
        var model = ModelDescription(
            id: try id("local/new"), versions: [ModelVersion(version: "v1", path: "/models/new.gguf")])
        _ = try await bench.editor.createModel(model, validateOnly: false)
        let saves = bench.storage.saves

        func fields(_ body: () async throws -> Void) async throws -> [String] {
            let error = await #expect(throws: RegistryEditError.self) { try await body() }
            guard case .invalid(let problems) = error else { return ["\(String(describing: error))"] }
            #expect(problems.allSatisfy { !$0.found.isEmpty && !$0.expected.isEmpty })
            return problems.map(\.field)
        }
        let changed = try await fields {
            _ = try await bench.editor.updateModel(model.id, etag: nil, validateOnly: false) { model in
                model.activeVersion = nil
                spoil(&model)
            }
        }
        #expect(changed.contains(field), "\(changed)")
        model.id = try id("local/other")
        model.activeVersion = nil
        spoil(&model)
        let created = try await fields { _ = try await bench.editor.createModel(model, validateOnly: false) }
        #expect(created.contains(field), "\(created)")
        #expect(bench.storage.saves == saves)
        #expect(bench.isConsistent)
    }

    @Test("All faults are told at once, and only local models have versions")
    func manyFaults() async throws {
        let bench = try Bench.usual()
        let model = ModelDescription(
            id: try id("open/x"), qualityScore: 2, priority: -1, versions: [ModelVersion(version: "v", path: "/x")])
        let error = await #expect(throws: RegistryEditError.self) {
            try await bench.editor.createModel(model, validateOnly: false)
        }
        guard case .invalid(let problems) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(problems.map(\.field) == ["model.quality_score", "model.priority", "model.versions"])
        #expect(problems[0].found == "2.0" && problems[0].expected == "0.0 to 1.0")
    }

    @Test("A model is deleted unless an alias leads to it or the file holds it")
    func delete() async throws {
        let bench = try Bench.usual()
        let new = try id("open/new")
        _ = try await bench.editor.createModel(ModelDescription(id: new), validateOnly: false)
        _ = try await bench.editor.updateAlias(
            "fast", targets: [.init(model: new)], mode: .ordered, etag: nil, allowMissing: true, reason: "",
            validateOnly: false)
        func blocked(_ model: ModelID, _ words: String) async throws {
            let error = await #expect(throws: RegistryEditError.self) {
                try await bench.editor.deleteModel(model, etag: nil)
            }
            guard case .blocked(let reason) = error else {
                Issue.record("unexpected \(String(describing: error))")
                return
            }
            #expect(reason.contains(words), "\(reason)")
        }
        try await blocked(new, "alias 'fast' leads to model 'open/new'")
        try await blocked(id("open/big"), "the configuration file holds model 'open/big'")
        try await bench.editor.deleteAlias("fast", etag: nil)
        await #expect(throws: RegistryEditError.etagMismatch(entry: "model 'open/new'", given: "9", current: "1")) {
            try await bench.editor.deleteModel(new, etag: "9")
        }
        try await bench.editor.deleteModel(new, etag: "1")
        #expect(bench.snapshot.listedModel(new) == nil)
        #expect(bench.isConsistent)
        #expect(bench.events.take().last?.attributes["action"] == "deleted")
        await #expect(throws: RegistryEditError.modelNotFound("open/new")) {
            try await bench.editor.deleteModel(new, etag: nil)
        }
    }

    @Test("The last versions are kept, the active one always, and those that were dropped are told")
    func versions() async throws {
        let bench = try Bench(
            providers: [ProviderDescription(id: .local, kind: "local", provenance: .first())], versionsKept: 3)
        let model = ModelDescription(id: try id("local/m"), tags: ["mine"])
        func add(_ name: String, activate: Bool) async throws -> (model: ModelDescription, dropped: [ModelVersion]) {
            let version = ModelVersion(
                version: name, path: "/m/\(name).gguf", sizeBytes: Int64(name.utf8.count * 10), isInstalled: true)
            return try await bench.editor.addVersion(version, to: model, activate: activate)
        }
        let first = try await add("v1", activate: false)
        #expect(first.model.activeVersion == "v1")
        #expect(first.model.tags == ["mine"])
        #expect(first.model.sizeBytes == 20)
        #expect(first.model.versions[0].createdAtMicroseconds == 1000)
        _ = try await add("v2", activate: false)
        _ = try await add("v3", activate: false)
        let fourth = try await add("v4", activate: false)
        #expect(fourth.model.versions.map(\.version) == ["v1", "v3", "v4"])
        #expect(fourth.model.activeVersion == "v1")
        #expect(fourth.dropped.map(\.version) == ["v2"])
        let fifth = try await add("version-5", activate: true)
        #expect(fifth.model.versions.map(\.version) == ["v3", "v4", "version-5"])
        #expect(fifth.model.activeVersion == "version-5")
        #expect(fifth.model.sizeBytes == 90)
        #expect(fifth.dropped.map(\.version) == ["v1"])
        // The same file again only becomes active.
        let again = try await add("v3", activate: true)
        #expect(again.model.activeVersion == "v3")
        #expect(again.dropped.isEmpty)
        let other = ModelVersion(version: "v3", path: "/elsewhere.gguf")
        await #expect(throws: RegistryEditError.alreadyExists("version 'v3' of model 'local/m'")) {
            try await bench.editor.addVersion(other, to: model, activate: true)
        }
        let back = try await bench.editor.updateModel(model.id, etag: nil, validateOnly: false) {
            $0.activeVersion = "v4"
        }
        #expect(back.sizeBytes == 20)
        #expect(bench.isConsistent)
    }

    @Test("What a person says of a discovered model makes it theirs; switching it on and off does not")
    func discoveredBecomesOwn() async throws {
        let bench = try Bench(
            providers: [ProviderDescription(id: provider("open"), kind: "openai")],
            models: [
                ModelDescription(id: id("open/a"), provenance: .first(.discovered)),
                ModelDescription(id: id("open/b"), provenance: .first(.discovered)),
            ]
        )
        let switched = try await bench.editor.updateModel(id("open/a"), etag: nil, validateOnly: false) {
            $0.isEnabled = false
            $0.tags = ["slow"]
            $0.priority = 3
        }
        #expect(switched.provenance.source == .discovered)
        let described = try await bench.editor.updateModel(id("open/b"), etag: nil, validateOnly: false) {
            $0.capabilities = [.chat]
        }
        #expect(described.provenance.source == .api)
    }

    @Test("A disk that fails leaves everything as it was, and what comes after works")
    func failingDisk() async throws {
        let bench = try Bench.usual()
        bench.storage.fail(true)
        let before = bench.snapshot
        let failure = RegistryEditError.storage("the disk is full")
        await #expect(throws: failure) {
            try await bench.editor.createModel(ModelDescription(id: id("open/new")), validateOnly: false)
        }
        await #expect(throws: failure) {
            try await bench.editor.switchAlias("default", to: id("open/big"), etag: nil, reason: "")
        }
        await #expect(throws: failure) {
            try await bench.editor.takeDiscovery(ModelListing(models: []), from: provider("open"), validateOnly: false)
        }
        #expect(bench.snapshot.models == before.models)
        #expect(bench.snapshot.aliases == before.aliases)
        #expect(bench.events.events.isEmpty)
        #expect(bench.isConsistent)
        bench.storage.fail(false)
        _ = try await bench.editor.createModel(ModelDescription(id: id("open/new")), validateOnly: false)
        #expect(bench.isConsistent)
    }

    @Test("Whoever observes sees the change before the call returns, and after the disk has it")
    func observers() async throws {
        let bench = try Bench.usual()
        let seen = EventKeeper()
        let storage = bench.storage
        bench.registry.observe { snapshot in
            let stored = storage.registry.models.count
            seen.record(GatewayEvent(.stateSaved, reason: "\(snapshot.models.count) \(stored)"))
        }
        _ = try await bench.editor.createModel(ModelDescription(id: id("open/new")), validateOnly: false)
        #expect(seen.events.map(\.reason) == ["3 3"])
    }

    @Test("Changes at the same time are made one after another, none is lost")
    func concurrentChanges() async throws {
        let bench = try Bench.usual()
        let big = try id("open/big")
        await withTaskGroup { group in
            for number in 0..<100 {
                group.addTask {
                    _ = try? await bench.editor.updateModel(big, etag: nil, validateOnly: false) { model in
                        model.tags.append("t\(number % 50)-\(number)")
                        model.tags = model.tags.suffix(60)
                        model.contextLength = (model.contextLength ?? 0) + 1
                    }
                }
            }
        }
        #expect(bench.snapshot.model(big)?.contextLength == 100)
        #expect(bench.snapshot.model(big)?.provenance.revision == 101)
        #expect(bench.events.events.count == 100)
        #expect(bench.isConsistent)
        // Of those who hold the same etag, one wins.
        let etag = try #require(bench.snapshot.model(big)?.provenance.etag)
        let won = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let changed = try? await bench.editor.updateModel(big, etag: etag, validateOnly: false) {
                        $0.priority = number
                    }
                    return changed != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(won == 1)
    }

    @Test("A caller that leaves while it waits has its change made, and nobody waits for ever")
    func cancelledCallers() async throws {
        let bench = try Bench.usual()
        await withTaskGroup { group in
            for number in 0..<30 {
                group.addTask {
                    _ = try? await bench.editor.createModel(
                        ModelDescription(id: id("open/n\(number)")), validateOnly: false)
                }
            }
            group.cancelAll()
        }
        #expect(bench.snapshot.models.count == 32)
        #expect(bench.isConsistent)
    }
}
