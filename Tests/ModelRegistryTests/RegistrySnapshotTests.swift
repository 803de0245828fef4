import Inference
import ModelRegistry
import Testing

@Suite("The registry's snapshot")
struct RegistrySnapshotTests {
    let local = ProviderDescription(id: .local, kind: "local")

    func id(_ text: String) throws -> ModelID { try #require(ModelID(text)) }

    @Test("The router's order is by priority, then by id")
    func ordersByPriority() throws {
        let snapshot = try RegistrySnapshot(
            providers: [self.local],
            models: [
                ModelDescription(id: self.id("local/b"), priority: 5),
                ModelDescription(id: self.id("local/c"), priority: 1),
                ModelDescription(id: self.id("local/a"), priority: 5),
            ],
            aliases: []
        )
        #expect(snapshot.modelsByPriority.map(\.id.name) == ["c", "a", "b"])
        #expect(snapshot.models.map(\.id.name) == ["a", "b", "c"])
    }

    @Test("A provider without a list passes every name on, one with a list does not")
    func openProviders() throws {
        let open = ProviderDescription(
            id: try #require(ProviderID("open")),
            kind: "custom",
            acceptsAnyModel: true,
            priority: 7
        )
        let snapshot = try RegistrySnapshot(providers: [self.local, open], models: [], aliases: [])
        #expect(try snapshot.model(self.id("open/anything"))?.priority == 7)
        #expect(try snapshot.model(self.id("local/anything")) == nil)
        #expect(try snapshot.model(self.id("other/anything")) == nil)
    }

    @Test("What cannot be is refused, with its name")
    func refusesContradictions() throws {
        let model = ModelDescription(id: try self.id("local/a"))
        let cases: [(() throws -> RegistrySnapshot, String)] = [
            (
                { try RegistrySnapshot(providers: [local, local], models: [], aliases: []) },
                "provider 'local' is there twice"
            ),
            (
                { try RegistrySnapshot(providers: [local], models: [model, model], aliases: []) },
                "model 'local/a' is there twice"
            ),
            (
                { try RegistrySnapshot(providers: [], models: [model], aliases: []) },
                "model 'local/a' belongs to provider 'local', which does not exist"
            ),
            (
                {
                    try RegistrySnapshot(
                        providers: [local],
                        models: [],
                        aliases: [Alias(name: "x", targets: [model.id])]
                    )
                }, "alias 'x' leads to model 'local/a', which does not exist"
            ),
            (
                { try RegistrySnapshot(providers: [local], models: [], aliases: [Alias(name: "x", targets: [])]) },
                "alias 'x' has no targets"
            ),
        ]
        for (make, message) in cases {
            let error = #expect(throws: RegistryError.self) { try make() }
            #expect(error?.description == message)
        }
    }

    @Test("A model knows the aliases that lead to it")
    func aliasNames() throws {
        let model = ModelDescription(id: try self.id("local/a"))
        let snapshot = try RegistrySnapshot(
            providers: [self.local],
            models: [model],
            aliases: [Alias(name: "y", targets: [model.id]), Alias(name: "x", targets: [model.id])]
        )
        #expect(snapshot.aliasNames(of: model.id) == ["x", "y"])
        #expect(snapshot.alias("x")?.targets == [model.id])
    }

    @Test("A reader keeps the snapshot that it took")
    func swapsWhole() throws {
        let registry = Registry()
        let before = registry.snapshot
        registry.replace(
            with: try RegistrySnapshot(
                providers: [self.local],
                models: [ModelDescription(id: self.id("local/a"))],
                aliases: []
            )
        )
        #expect(before.models.isEmpty)
        #expect(registry.snapshot.models.count == 1)
    }
}
