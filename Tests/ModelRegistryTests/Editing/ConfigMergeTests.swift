import Inference
import ModelRegistry
import Testing

@Suite("Joining the configuration with what is stored")
struct ConfigMergeTests {
    static func config(
        _ change: (inout ModelDescription) -> Void = { _ in },
        aliasTargets: String = "open/a"
    ) throws -> StoredRegistry {
        var model = ModelDescription(id: try id("open/a"), priority: 20)
        change(&model)
        let targets = aliasTargets.split(separator: " ").compactMap { ModelID(String($0)) }
        return StoredRegistry(
            models: [model],
            providers: [ProviderDescription(id: try provider("open"), kind: "openai")],
            aliases: targets.isEmpty ? [] : [Alias(name: "default", targets: targets)]
        )
    }

    /// One start after another, on the same disk.
    struct Disk {
        var stored = StoredRegistry()
        var now: Int64 = 1000

        mutating func start(_ config: StoredRegistry) -> (summary: ConfigMerge.Summary, changes: [RegistryChange]) {
            self.now += 10
            let merged = ConfigMerge.merge(config: config, stored: self.stored, now: self.now)
            let written = self.stored.applying(merged.changes)
            #expect(written.models == merged.registry.models)
            #expect(written.providers == merged.registry.providers)
            #expect(written.aliases == merged.registry.aliases)
            #expect(written.configDigests == merged.registry.configDigests)
            #expect(throws: Never.self) {
                try RegistrySnapshot(
                    providers: written.providers, models: written.models, aliases: written.aliases)
            }
            self.stored = written
            return (merged.summary, merged.changes)
        }

        mutating func edit(_ name: String, _ change: (inout ModelDescription) -> Void) throws {
            let index = try #require(self.stored.models.firstIndex { $0.id.name == name })
            change(&self.stored.models[index])
            self.stored.models[index].provenance.revision += 1
        }

        func model(_ name: String) throws -> ModelDescription {
            try #require(self.stored.models.first { $0.id.name == name })
        }
    }

    @Test("The first start takes the file as it is, the second changes nothing")
    func firstAndSecond() throws {
        var disk = Disk()
        let first = disk.start(try Self.config())
        #expect(first.summary.added == ["provider:open", "model:open/a", "alias:default"])
        #expect(
            disk.stored.models[0].provenance
                == Provenance(
                    source: .config, createdAtMicroseconds: 1010, updatedAtMicroseconds: 1010, revision: 1))
        #expect(disk.stored.configDigests.count == 3)
        let second = disk.start(try Self.config())
        #expect(second.changes.isEmpty)
        #expect(second.summary.restoredModels == 1 && second.summary.restoredAliases == 1)
        #expect(second.summary.added.isEmpty && second.summary.updated.isEmpty && second.summary.warnings.isEmpty)
    }

    @Test("What the API changed survives a restart, until the file says something new")
    func editsSurvive() throws {
        var disk = Disk()
        _ = disk.start(try Self.config())
        var profile = ModelProfile()
        profile.runs = 3
        try disk.edit("a") {
            $0.priority = 99
            $0.tags = ["mine"]
            $0.profile = profile
            $0.isEnabled = false
        }
        let same = disk.start(try Self.config())
        #expect(same.changes.isEmpty)
        #expect(try disk.model("a").priority == 99)

        let other = disk.start(try Self.config { $0.contextLength = 4096 })
        #expect(other.summary.updated == ["model:open/a"])
        let model = try disk.model("a")
        #expect(model.contextLength == 4096 && model.priority == 20 && model.tags.isEmpty)
        #expect(model.profile == profile)
        #expect(!model.isEnabled, "the file did not speak of it")
        #expect(model.provenance.revision == 3)
        #expect(model.provenance.createdAtMicroseconds == 1010 && model.provenance.updatedAtMicroseconds == 1030)
    }

    @Test(
        "Switches that people turn stay, unless the file turned the same one since",
        arguments: [
            // What the file said, what a person made of it, what the file says now, what holds.
            (true, true, true, true), (true, false, true, false), (true, true, false, false),
            (true, false, false, false),
            (false, false, false, false), (false, true, false, true), (false, false, true, true),
            (false, true, true, true),
        ],
        [false, true]
    )
    func switches(values: (Bool, Bool, Bool, Bool), otherChange: Bool) throws {
        let (before, person, after, result) = values
        var disk = Disk()
        _ = disk.start(try Self.config { ($0.isEnabled, $0.isPinned, $0.isLazy) = (before, before, before) })
        try disk.edit("a") { ($0.isEnabled, $0.isPinned, $0.isLazy) = (person, person, person) }
        _ = disk.start(
            try Self.config {
                ($0.isEnabled, $0.isPinned, $0.isLazy) = (after, after, after)
                if otherChange { $0.priority = 1 }
            })
        let model = try disk.model("a")
        #expect(model.isEnabled == result && model.isPinned == result && model.isLazy == result)
        #expect(model.priority == (otherChange ? 1 : 20))
    }

    @Test("What left the file goes; what the API or discovery made stays")
    func vanishing() throws {
        var disk = Disk()
        _ = disk.start(try Self.config())
        disk.stored.models.append(ModelDescription(id: try id("open/api"), provenance: .first(.api)))
        disk.stored.models.append(ModelDescription(id: try id("open/found"), provenance: .first(.discovered)))
        disk.stored.aliases.append(
            Alias(name: "mine", weightedTargets: [.init(model: try id("open/api"))], provenance: .first(.api)))
        var config = try Self.config()
        config.models = []
        config.aliases = []
        let (summary, _) = disk.start(config)
        #expect(disk.stored.models.map(\.id.name) == ["api", "found"])
        #expect(disk.stored.aliases.map(\.name) == ["mine"])
        #expect(summary.removed == ["alias:default", "model:open/a"])
        #expect(disk.stored.configDigests.keys.sorted() == ["provider:open"])
    }

    @Test("A provider that is gone takes its models and what leads to them, with a warning")
    func vanishedProvider() throws {
        var disk = Disk()
        var config = try Self.config(aliasTargets: "open/a other/x")
        config.providers.append(ProviderDescription(id: try provider("other"), kind: "openai"))
        config.models.append(ModelDescription(id: try id("other/x")))
        _ = disk.start(config)
        disk.stored.models.append(ModelDescription(id: try id("other/y"), provenance: .first(.api)))
        disk.stored.models.append(ModelDescription(id: try id("other/z"), provenance: .first(.discovered)))
        disk.stored.aliases.append(
            Alias(name: "mine", weightedTargets: [.init(model: try id("other/y"))], provenance: .first(.api)))
        // The file still names the target: that is a fault of the file, and no reason not to start.
        let (summary, _) = disk.start(try Self.config(aliasTargets: "open/a other/x"))
        #expect(disk.stored.models.map(\.id.description) == ["open/a"])
        #expect(disk.stored.aliases.map(\.name) == ["default"])
        #expect(disk.stored.aliases[0].targets.map(\.description) == ["open/a"])
        #expect(disk.stored.aliases[0].history.first?.reason.contains("'other/x'") == true)
        #expect(
            summary.warnings == [
                "2 models were dropped, since provider 'other' is no longer there",
                "alias 'default' of the configuration leads to 'other/x', which is not registered",
                "alias 'mine' was dropped, since none of its models is registered",
            ])
        // Once it is back, the file's word holds again.
        _ = disk.start(config)
        #expect(disk.stored.aliases[0].targets.map(\.description) == ["open/a", "other/x"])
        #expect(disk.start(config).changes.isEmpty)
    }

    @Test("An alias that was switched by the API stays so, until the file changes it; history tells")
    func aliases() throws {
        var disk = Disk()
        var config = try Self.config()
        config.models.append(ModelDescription(id: try id("open/b")))
        _ = disk.start(config)
        disk.stored.aliases[0].weightedTargets = [.init(model: try id("open/b"))]
        disk.stored.aliases[0].provenance.revision = 2
        #expect(disk.start(config).changes.isEmpty)
        config.aliases = [Alias(name: "default", targets: [try id("open/b"), try id("open/a")])]
        _ = disk.start(config)
        let alias = disk.stored.aliases[0]
        #expect(alias.targets.map(\.name) == ["b", "a"])
        #expect(alias.provenance.revision == 3)
        #expect(alias.history.map(\.etag) == ["2"])
        #expect(alias.history[0].reason == "the configuration file changed")
    }

    @Test("A switched alias whose model is gone goes back to the file's targets")
    func aliasFallsBack() throws {
        var disk = Disk()
        _ = disk.start(try Self.config())
        disk.stored.aliases[0].weightedTargets = [.init(model: try id("gone/b"))]
        let (summary, _) = disk.start(try Self.config())
        #expect(disk.stored.aliases[0].targets.map(\.description) == ["open/a"])
        #expect(summary.warnings.count == 1)
    }

    @Test("An entry that the API made is the file's once the file names it")
    func takesOver() throws {
        var disk = Disk()
        disk.stored.providers = [
            ProviderDescription(id: try provider("open"), kind: "openai", provenance: .first(.api))
        ]
        disk.stored.models = [
            ModelDescription(id: try id("open/a"), isEnabled: false, tags: ["old"], provenance: .first(.discovered))
        ]
        _ = disk.start(try Self.config())
        let model = try disk.model("a")
        #expect(model.provenance.source == .config && model.provenance.createdAtMicroseconds == 1)
        #expect(model.tags.isEmpty && !model.isEnabled && model.priority == 20)
        #expect(disk.stored.providers[0].provenance.source == .config)
    }

    @Test("Installed versions stay beside the file's, and the one that is active stays active")
    func versions() throws {
        func local(_ path: String) throws -> StoredRegistry {
            StoredRegistry(
                models: [
                    ModelDescription(id: try id("local/m"), versions: [ModelVersion(version: "file", path: path)])
                ],
                providers: [ProviderDescription(id: .local, kind: "local")]
            )
        }
        var disk = Disk()
        _ = disk.start(try local("/a.gguf"))
        #expect(try disk.model("m").versions[0].createdAtMicroseconds == 1010)
        try disk.edit("m") {
            $0.versions.append(
                ModelVersion(
                    version: "new", path: "/n.gguf", sizeBytes: 7, createdAtMicroseconds: 1015, isInstalled: true))
            $0.activeVersion = "new"
        }
        #expect(disk.start(try local("/a.gguf")).changes.isEmpty)
        _ = disk.start(try local("/b.gguf"))
        let model = try disk.model("m")
        #expect(model.versions.map(\.path) == ["/n.gguf", "/b.gguf"])
        #expect(model.activeVersion == "new")
        try disk.edit("m") { $0.activeVersion = "file" }
        _ = disk.start(try local("/c.gguf"))
        #expect(try disk.model("m").activeVersion == "file")
    }

    @Test(
        "Whatever the file and the disk hold, a start ends with a sound registry, and the next one changes nothing",
        arguments: 0..<40 as Range<UInt64>)
    func random(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        func registry(_ random: inout SeededGenerator, isFile: Bool) throws -> StoredRegistry {
            func origin(_ random: inout SeededGenerator) -> Provenance {
                isFile ? Provenance() : .first(random.one(of: Provenance.Source.allCases))
            }
            var registry = StoredRegistry()
            for name in ["p", "q", "r"] where random.happens(60) {
                registry.providers.append(
                    ProviderDescription(
                        id: try provider(name), kind: "openai", acceptsAnyModel: random.happens(20),
                        isEnabled: random.happens(70), provenance: origin(&random)))
            }
            for name in ["p/a", "p/b", "q/a", "r/a", "r/b"] where random.happens(60) {
                registry.models.append(
                    ModelDescription(
                        id: try id(name), priority: random.one(of: [1, 2]), isEnabled: random.happens(70),
                        provenance: origin(&random)))
            }
            for name in ["x", "y", "z"] where random.happens(60) {
                let targets = try ["p/a", "q/a", "r/b", "s/c"].filter { _ in random.happens(50) }.map { try id($0) }
                registry.aliases.append(
                    Alias(name: name, weightedTargets: targets.map { .init(model: $0) }, provenance: origin(&random)))
            }
            return registry
        }
        var disk = Disk()
        disk.stored = try registry(&random, isFile: false)
        for _ in 0..<10 {
            let config = try registry(&random, isFile: true)
            _ = disk.start(config)
            let held = disk.stored
            _ = disk.start(config)
            let again = disk.start(config)
            #expect(again.changes.isEmpty, "\(again.changes)")
            #expect(held.models == disk.stored.models && held.providers == disk.stored.providers)
        }
    }

    @Test("A storage is restored: merged, written, and whole")
    func restores() async throws {
        let storage = MemoryStorage()
        let (snapshot, summary) = try await storage.restore(config: Self.config(), now: 5)
        #expect(snapshot.models.count == 1 && summary.added.count == 3)
        #expect(storage.registry.models == Array(snapshot.models))
        let again = try await storage.restore(config: Self.config(), now: 6)
        #expect(again.summary.restoredModels == 1 && storage.saves == 1)
        storage.fail(true)
        await #expect(throws: RegistryEditError.storage("the disk is full")) {
            try await storage.restore(config: Self.config { $0.priority = 3 }, now: 7)
        }
    }
}
