import Inference
import ModelRegistry
import Testing

@Suite("Editing aliases and providers")
struct AliasEditingTests {
    static func targets(_ text: String) throws -> [Alias.Target] {
        try text.split(separator: " ").map { part in
            let pieces = part.split(separator: "=")
            return Alias.Target(model: try id(String(pieces[0])), weight: pieces.count > 1 ? Int(pieces[1]) ?? 1 : 1)
        }
    }

    static func written(_ targets: [Alias.Target]) -> String {
        targets.map { "\($0.model)=\($0.weight)" }.joined(separator: " ")
    }

    @Test("An alias is made when that is allowed, and flips by its etag")
    func createAndFlip() async throws {
        let bench = try Bench.usual()
        func set(_ targets: String, etag: String?, allowMissing: Bool = false) async throws -> Alias {
            try await bench.editor.updateAlias(
                "fast", targets: Self.targets(targets), mode: .ordered, etag: etag, allowMissing: allowMissing,
                reason: "try \(targets)", validateOnly: false)
        }
        await #expect(throws: RegistryEditError.aliasNotFound("fast")) { try await set("open/big", etag: nil) }
        await #expect(throws: RegistryEditError.aliasNotFound("fast")) {
            try await set("open/big", etag: "1", allowMissing: true)
        }
        let made = try await set("open/big", etag: nil, allowMissing: true)
        #expect(made.provenance.source == .api && made.history.isEmpty && made.provenance.etag == "1")
        bench.time.advance()
        let flipped = try await set("local/tiny", etag: "1")
        #expect(flipped.provenance.etag == "2")
        #expect(
            flipped.history == [
                Alias.Revision(
                    targets: try Self.targets("open/big"), mode: .ordered, etag: "1", replacedAtMicroseconds: 1001,
                    reason: "try local/tiny")
            ])
        await #expect(throws: RegistryEditError.etagMismatch(entry: "alias 'fast'", given: "1", current: "2")) {
            try await set("open/big", etag: "1")
        }
        let same = try await set("local/tiny", etag: "2")
        #expect(same == flipped)
        #expect(bench.isConsistent)
        let event = try #require(bench.events.take().last)
        #expect(event.alias == "fast")
        #expect(event.attributes == ["entry": "alias", "name": "fast", "action": "updated", "revision": "2"])
        #expect(event.reason == "try local/tiny")
        try await bench.editor.deleteAlias("fast", etag: "2")
        #expect(bench.snapshot.alias("fast") == nil)
        await #expect(
            throws: RegistryEditError.blocked("the configuration file holds alias 'default': remove it there")
        ) {
            try await bench.editor.deleteAlias("default", etag: nil)
        }
    }

    @Test(
        "An alias that cannot be is refused with the field",
        arguments: [
            ("auto", "open/big", Alias.Mode.ordered, "alias.name"),
            ("Fast", "open/big", .ordered, "alias.name"),
            ("a/b", "open/big", .ordered, "alias.name"),
            ("", "open/big", .ordered, "alias.name"),
            ("fast", "", .ordered, "alias.targets"),
            ("fast", "open/none", .ordered, "alias.targets[0].model"),
            ("fast", "open/big open/big", .ordered, "alias.targets[1].model"),
            ("fast", "open/big=1001", .weighted, "alias.targets[0].weight"),
            ("fast", "open/big=-1 local/tiny", .ordered, "alias.targets[0].weight"),
            ("fast", "open/big=0 local/tiny=0", .weighted, "alias.targets"),
        ]
    )
    func refusals(name: String, targets: String, mode: Alias.Mode, field: String) async throws {
        let bench = try Bench.usual()
        let error = await #expect(throws: RegistryEditError.self) {
            try await bench.editor.updateAlias(
                name, targets: Self.targets(targets), mode: mode, etag: nil, allowMissing: true, reason: "",
                validateOnly: false)
        }
        guard case .invalid(let problems) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(problems.map(\.field) == [field])
        #expect(bench.isConsistent && bench.storage.saves == 0)
    }

    @Test("An alias may lead to a name that its provider only passes on")
    func openProvider() async throws {
        let bench = try Bench(
            providers: [
                ProviderDescription(
                    id: provider("open"), kind: "openai", acceptsAnyModel: true, provenance: .first(.api))
            ])
        _ = try await bench.editor.updateAlias(
            "fast", targets: Self.targets("open/anything"), mode: .ordered, etag: nil, allowMissing: true, reason: "",
            validateOnly: false)
        let blocked = RegistryEditError.blocked(
            "alias 'fast' leads to provider 'open': change or delete the alias first")
        await #expect(throws: blocked) { try await bench.editor.deleteProvider(provider("open"), etag: nil) }
        // Nothing may lead nowhere, whichever change would bring it about.
        let error = await #expect(throws: RegistryEditError.self) {
            try await bench.editor.updateProvider(provider("open"), etag: nil, validateOnly: true) {
                $0.acceptsAnyModel = false
            }
        }
        guard case .blocked(let reason) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(reason.contains("'open/anything', which does not exist"))
        #expect(bench.isConsistent)
    }

    @Test(
        "Switching puts a model in the place of the first, or brings it to the front",
        arguments: [
            (Alias.Mode.ordered, "local/tiny open/big", "open/big", "open/big=1 local/tiny=1"),
            (.ordered, "local/tiny open/big", "open/other", "open/other=1 open/big=1"),
            (.ordered, "local/tiny open/big", "local/tiny", "local/tiny=1 open/big=1"),
            (.weighted, "local/tiny=90 open/big=10", "open/big", "open/big=90 local/tiny=10"),
            (.weighted, "local/tiny=90 open/big=10", "open/other", "open/other=90 open/big=10"),
            (.weighted, "local/tiny=0 open/big=10", "open/other", "open/other=1 open/big=10"),
        ]
    )
    func switching(mode: Alias.Mode, targets: String, model: String, expected: String) async throws {
        let bench = try Bench.usual()
        _ = try await bench.editor.createModel(ModelDescription(id: id("open/other")), validateOnly: false)
        _ = try await bench.editor.updateAlias(
            "fast", targets: Self.targets(targets), mode: mode, etag: nil, allowMissing: true, reason: "",
            validateOnly: false)
        let switched = try await bench.editor.switchAlias("fast", to: id(model), etag: "1", reason: "better")
        #expect(Self.written(switched.weightedTargets) == expected)
        #expect(switched.activeModel?.description == model)
        #expect(bench.isConsistent)
    }

    @Test("Rolling back goes to what was, keeps what is, and can be taken back")
    func rollback() async throws {
        let bench = try Bench.usual()
        let first = "local/tiny=1 open/big=1"
        _ = try await bench.editor.switchAlias("default", to: id("open/big"), etag: nil, reason: "one")
        _ = try await bench.editor.updateAlias(
            "default", targets: Self.targets("open/big=3 local/tiny=1"), mode: .weighted, etag: "2",
            allowMissing: false,
            reason: "two", validateOnly: false)
        let back = try await bench.editor.rollbackAlias("default", revision: nil, etag: "3", reason: "worse")
        #expect(Self.written(back.weightedTargets) == "open/big=1 local/tiny=1")
        #expect(back.mode == .ordered)
        #expect(back.history.map(\.etag) == ["3", "2", "1"])
        #expect(back.history.map(\.reason) == ["worse", "two", "one"])
        let forth = try await bench.editor.rollbackAlias("default", revision: nil, etag: nil, reason: "")
        #expect(forth.mode == .weighted)
        let start = try await bench.editor.rollbackAlias("default", revision: "1", etag: nil, reason: "")
        #expect(Self.written(start.weightedTargets) == first)
        let error = await #expect(throws: RegistryEditError.self) {
            try await bench.editor.rollbackAlias("default", revision: "77", etag: nil, reason: "")
        }
        guard case .invalid(let problems) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(problems[0].field == "revision" && problems[0].expected.contains("5, 4, 3, 2, 1"))
        #expect(bench.isConsistent)
    }

    @Test("There is nothing to go back to at first, and no way back to a model that is gone")
    func rollbackToNothing() async throws {
        let bench = try Bench.usual()
        let blocked = RegistryEditError.blocked("alias 'default' was never changed: there is nothing to go back to")
        await #expect(throws: blocked) {
            try await bench.editor.rollbackAlias("default", revision: nil, etag: nil, reason: "")
        }
        _ = try await bench.editor.createModel(ModelDescription(id: id("open/gone")), validateOnly: false)
        _ = try await bench.editor.switchAlias("default", to: id("open/gone"), etag: nil, reason: "")
        _ = try await bench.editor.switchAlias("default", to: id("local/tiny"), etag: nil, reason: "")
        try await bench.editor.deleteModel(id("open/gone"), etag: nil)
        let gone = RegistryEditError.blocked(
            "revision 2 of alias 'default' leads to 'open/gone', which is no longer registered")
        await #expect(throws: gone) {
            try await bench.editor.rollbackAlias("default", revision: nil, etag: nil, reason: "")
        }
    }

    @Test("A disabled model does not become the active one")
    func switchToDisabled() async throws {
        let bench = try Bench.usual()
        _ = try await bench.editor.updateModel(id("open/big"), etag: nil, validateOnly: false) { $0.isEnabled = false }
        let error = await #expect(throws: RegistryEditError.self) {
            try await bench.editor.switchAlias("default", to: id("open/big"), etag: nil, reason: "")
        }
        #expect(String(describing: error).contains("EnableModel"))
        await #expect(throws: RegistryEditError.modelNotFound("open/none")) {
            try await bench.editor.switchAlias("default", to: id("open/none"), etag: nil, reason: "")
        }
        await #expect(throws: RegistryEditError.aliasNotFound("none")) {
            try await bench.editor.switchAlias("none", to: id("open/big"), etag: nil, reason: "")
        }
    }

    @Test("The last 32 revisions are kept")
    func historyLimit() async throws {
        let bench = try Bench.usual()
        for number in 0..<40 {
            let model = number.isMultiple(of: 2) ? "open/big" : "local/tiny"
            _ = try await bench.editor.switchAlias("default", to: id(model), etag: nil, reason: "\(number)")
        }
        let history = try #require(bench.snapshot.alias("default")?.history)
        #expect(history.map(\.reason) == (8..<40).reversed().map { "\($0)" })
    }

    @Test("A provider is made, changed and deleted, unless it has models or the file holds it")
    func providers() async throws {
        let bench = try Bench.usual()
        let mine = ProviderDescription(
            id: try provider("mine"), kind: "custom", baseURL: "https://models.example.com/v1",
            credentials: .environment("MINE_KEY"))
        let created = try await bench.editor.createProvider(mine, validateOnly: false)
        #expect(created.provenance.source == .api)
        await #expect(throws: RegistryEditError.alreadyExists("provider 'mine'")) {
            try await bench.editor.createProvider(mine, validateOnly: false)
        }
        let updated = try await bench.editor.updateProvider(mine.id, etag: "1", validateOnly: false) {
            $0.isEnabled = false
        }
        #expect(updated.provenance.etag == "2")
        let model = try await bench.editor.createModel(ModelDescription(id: id("mine/m")), validateOnly: false)
        await #expect(throws: RegistryEditError.blocked("provider 'mine' has 1 model: delete them first")) {
            try await bench.editor.deleteProvider(mine.id, etag: nil)
        }
        #expect(bench.snapshot.disabledReason(of: model)?.contains("provider 'mine' is disabled") == true)
        try await bench.editor.deleteModel(model.id, etag: nil)
        try await bench.editor.deleteProvider(mine.id, etag: "2")
        let held = RegistryEditError.blocked(
            "the configuration file holds provider 'open': remove it there, or disable it")
        await #expect(throws: held) { try await bench.editor.deleteProvider(provider("open"), etag: nil) }
        #expect(bench.isConsistent)
    }

    static let spoilings: [(String, @Sendable (inout ProviderDescription) -> Void)] = [
        ("provider.kind", { $0.kind = "" }),
        ("provider.priority", { $0.priority = 1001 }),
        ("provider.base_url", { $0.baseURL = nil }),
        ("provider.base_url", { $0.baseURL = "models.example.com" }),
        ("provider.base_url", { $0.baseURL = "ftp://models.example.com" }),
        ("provider.base_url", { $0.baseURL = "https://" }),
        ("provider.base_url", { $0.baseURL = "https://a b" }),
        ("provider.base_url", { $0.baseURL = "http://models.example.com/v1" }),
        ("provider.base_url", { $0.baseURL = "http://127.0.0.1.example.com/v1" }),
        ("provider.base_url", { $0.baseURL = "http://localhost@example.com/v1" }),
        ("provider.api_key_environment", { $0.credentials = .environment("1KEY") }),
        ("provider.api_key_environment", { $0.credentials = .environment("") }),
        ("provider.api_key_file", { $0.credentials = .file("key.txt") }),
    ]

    @Test("A provider's field that is not what it should be is named", arguments: spoilings.indices)
    func faults(index: Int) async throws {
        let (field, spoil) = Self.spoilings[index]
        let bench = try Bench.usual()
        var wrong = ProviderDescription(id: try provider("mine"), kind: "custom", baseURL: "https://example.com")
        spoil(&wrong)
        let provider = wrong
        let error = await #expect(throws: RegistryEditError.self) {
            try await bench.editor.createProvider(provider, validateOnly: true)
        }
        guard case .invalid(let problems) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(problems.map(\.field) == [field])
        // A secret in an address is not repeated.
        #expect(!problems[0].found.contains("@"))
    }

    @Test(
        "http is for this machine, or where it is allowed",
        arguments: [
            "http://localhost:1234/v1", "http://127.0.0.1:8080", "http://[::1]:9000/v1", "http://127.9.9.9",
            "HTTPS://x.org",
        ])
    func addresses(address: String) async throws {
        let bench = try Bench.usual()
        let mine = ProviderDescription(id: try provider("mine"), kind: "custom", baseURL: address)
        _ = try await bench.editor.createProvider(mine, validateOnly: true)
        let far = ProviderDescription(
            id: try provider("mine"), kind: "custom", baseURL: "http://10.0.0.1", allowsInsecure: true)
        _ = try await bench.editor.createProvider(far, validateOnly: true)
        await #expect(throws: RegistryEditError.self) {
            try await bench.editor.createProvider(
                ProviderDescription(id: provider("mine"), kind: "local"), validateOnly: true)
        }
    }
}
