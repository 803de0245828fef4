import Inference
import ModelRegistry
import Testing

@Suite("Taking in what a provider lists")
struct DiscoveryTests {
    static func listed(_ name: String, context: Int? = nil, path: String? = nil) -> ListedModel {
        var model = ListedModel(name: name)
        model.contextLength = context
        model.path = path
        return model
    }

    static func take(_ models: [ListedModel], _ bench: Bench, from id: String = "open", validateOnly: Bool = false)
        async throws -> DiscoveryReport
    {
        try await bench.editor.takeDiscovery(
            ModelListing(models: models), from: provider(id), validateOnly: validateOnly)
    }

    @Test("New models are added, those found before follow the listing, and nothing happens twice")
    func addsAndFollows() async throws {
        let bench = try Bench(providers: [ProviderDescription(id: provider("open"), kind: "openai", priority: 70)])
        var rich = Self.listed("rich", context: 8000)
        rich.displayName = "Rich"
        rich.capabilities = [.chat, .vision]
        rich.prices = ModelPrices(input: 1, output: 2)
        var embed = Self.listed("embed")
        embed.category = .embedding
        let only = try await Self.take([rich, embed], bench, validateOnly: true)
        #expect(bench.snapshot.models.isEmpty && bench.storage.saves == 0)
        let first = try await Self.take([rich, embed], bench)
        #expect(first == only)
        #expect(first.added.map(\.name) == ["rich", "embed"])
        let found = try #require(bench.snapshot.listedModel(id("open/rich")))
        #expect(found.displayName == "Rich" && found.contextLength == 8000 && found.priority == 70)
        #expect(found.capabilities == [.chat, .vision] && found.prices == ModelPrices(input: 1, output: 2))
        #expect(found.provenance.source == .discovered && found.provenance.revision == 1)
        #expect(bench.snapshot.model(try id("open/embed"))?.capabilities == [.embeddings])
        let event = try #require(bench.events.take().first)
        #expect(event.provider?.rawValue == "open")
        #expect(event.attributes["action"] == "discovered" && event.attributes["added"] == "2")

        let again = try await Self.take([rich, embed], bench)
        #expect(again.unchanged == 2 && again.added.isEmpty && again.changed.isEmpty && again.gone.isEmpty)
        #expect(bench.storage.saves == 1)

        // What the listing no longer tells stays.
        let changed = try await Self.take([Self.listed("rich", context: 9000), embed], bench)
        #expect(changed.changed.map(\.name) == ["rich"])
        let now = try #require(bench.snapshot.listedModel(id("open/rich")))
        #expect(now.contextLength == 9000 && now.displayName == "Rich" && now.provenance.revision == 2)
        #expect(bench.isConsistent)
    }

    @Test("What a listing does not tell of a well-known model the catalog does; what it tells stands")
    func catalog() async throws {
        let bench = try Bench(providers: [
            ProviderDescription(id: provider("open"), kind: "openai"),
            ProviderDescription(id: provider("other"), kind: "custom"),
        ])
        let names = [Self.listed("gpt-4o-mini", context: 64_000), Self.listed("text-embedding-3-small")]
        let first = try await Self.take(names, bench)
        #expect(first.added.count == 2)
        let chat = try #require(bench.snapshot.listedModel(id("open/gpt-4o-mini")))
        #expect(chat.contextLength == 64_000 && chat.maxOutputTokens == 16_384)
        #expect(chat.prices == ModelCatalog.entry(kind: "openai", name: "gpt-4o-mini")?.prices && chat.prices != nil)
        #expect(
            chat.capabilities.isSuperset(of: [.chat, .tools, .jsonSchema]) && chat.provenance.source == .discovered)
        let vectors = try #require(bench.snapshot.listedModel(id("open/text-embedding-3-small")))
        #expect(vectors.category == .embedding && vectors.capabilities == [.embeddings] && vectors.prices != nil)
        #expect(try await Self.take(names, bench).unchanged == 2)

        // The names of others mean nothing.
        _ = try await Self.take(names, bench, from: "other")
        let foreign = try #require(bench.snapshot.listedModel(id("other/gpt-4o-mini")))
        #expect(foreign.prices == nil && foreign.capabilities == [.chat, .streaming])
        #expect(bench.snapshot.model(try id("other/text-embedding-3-small"))?.category == .text)

        // What a person said of a model is theirs from then on.
        let mine = ModelPrices(input: 1, output: 2)
        _ = try await bench.editor.updateModel(id("open/gpt-4o-mini"), etag: nil, validateOnly: false) {
            $0.prices = mine
        }
        _ = try await Self.take(names, bench)
        #expect(bench.snapshot.listedModel(try id("open/gpt-4o-mini"))?.prices == mine)
        #expect(bench.isConsistent)
    }

    @Test("A model that makes vectors and nothing else is for them, also where the listing has no word for it")
    func embeddingByCapability() async throws {
        let bench = try Bench(providers: [ProviderDescription(id: provider("open"), kind: "custom")])
        var (only, both) = (Self.listed("only"), Self.listed("both"))
        only.capabilities = [.embeddings]
        both.capabilities = [.chat, .embeddings]
        _ = try await Self.take([only, both], bench)
        #expect(bench.snapshot.listedModel(try id("open/only"))?.category == .embedding)
        #expect(bench.snapshot.listedModel(try id("open/both"))?.category == .text)
    }

    @Test("Of what a person registered only whether it is there changes, and nothing is deleted")
    func leavesOthers() async throws {
        let bench = try Bench.usual()
        let mine = try id("open/mine")
        _ = try await bench.editor.createModel(ModelDescription(id: mine, contextLength: 5), validateOnly: false)
        let found = try await Self.take([Self.listed("mine", context: 77), Self.listed("new")], bench)
        #expect(found.added.map(\.name) == ["new"])
        #expect(found.gone.map(\.name) == ["big"])
        #expect(found.unchanged == 1)
        #expect(bench.snapshot.model(mine)?.contextLength == 5)
        #expect(bench.snapshot.model(try id("open/big"))?.isMissing == true)
        #expect(bench.snapshot.model(try id("open/big"))?.provenance.source == .config)

        let empty = try await Self.take([], bench)
        #expect(Set(empty.gone.map(\.name)) == ["mine", "new"])
        #expect(bench.snapshot.models.count == 4)
        let still = try await Self.take([], bench)
        #expect(still.gone.isEmpty && still.unchanged == 0)

        let back = try await Self.take([Self.listed("mine"), Self.listed("new")], bench)
        #expect(Set(back.changed.map(\.name)) == ["mine", "new"])
        #expect(bench.snapshot.model(mine)?.isMissing == false)
        #expect(bench.isConsistent)
        await #expect(throws: RegistryEditError.providerNotFound("none")) {
            try await bench.editor.takeDiscovery(ModelListing(models: []), from: provider("none"), validateOnly: false)
        }
    }

    @Test("What has no usable name, or comes twice, is told")
    func skips() async throws {
        let bench = try Bench.usual()
        let report = try await bench.editor.takeDiscovery(
            ModelListing(
                models: [
                    Self.listed("a b"), Self.listed(""), Self.listed("x"), Self.listed("x"), Self.listed("a/b/c"),
                ],
                skipped: ["broken.gguf: it ends early"]),
            from: provider("open"), validateOnly: false)
        #expect(report.added.map(\.name) == ["x", "a/b/c"])
        #expect(report.skipped.count == 4)
        #expect(report.skipped[0] == "broken.gguf: it ends early")
        #expect(report.skipped[1].hasPrefix("'a b': "))
        #expect(report.skipped[3] == "'x': it is listed twice")
    }

    @Test("A file becomes a version, and a file that a model has already is that model")
    func files() async throws {
        let bench = try Bench.usual()
        var new = Self.listed("new", path: "/models/new.gguf")
        new.sizeBytes = 10
        let known = Self.listed("tiny-q8_0", path: "/models/tiny.gguf")
        let report = try await Self.take([new, known], bench, from: "local")
        #expect(report.added.map(\.name) == ["new"])
        #expect(report.unchanged == 1 && report.gone.isEmpty)
        let found = try #require(bench.snapshot.listedModel(id("local/new")))
        #expect(
            found.versions == [
                ModelVersion(version: "found", path: "/models/new.gguf", sizeBytes: 10, createdAtMicroseconds: 1000)
            ])
        #expect(found.activeVersion == "found" && found.engine == "llama.cpp" && found.sizeBytes == 10)

        // The file was exchanged for a larger one, under another name.
        var moved = Self.listed("new", path: "/models/sub/new.gguf")
        moved.sizeBytes = 20
        let second = try await Self.take([moved], bench, from: "local")
        #expect(second.changed.map(\.name) == ["new"])
        #expect(second.gone.isEmpty, "the file of local/tiny may lie outside the folders")
        #expect(bench.snapshot.model(try id("local/new"))?.versions.map(\.path) == ["/models/sub/new.gguf"])
        #expect(bench.snapshot.model(try id("local/new"))?.sizeBytes == 20)

        let third = try await Self.take([], bench, from: "local")
        #expect(third.gone.map(\.name) == ["new"])
        #expect(bench.isConsistent)
    }

    @Test(
        "The runtimes that load models are named",
        arguments: [
            ("ollama", "ollama"), ("lm_studio", "lm_studio"), ("openai", nil), ("vllm", nil),
        ])
    func engines(kind: String, engine: String?) async throws {
        let bench = try Bench(providers: [ProviderDescription(id: provider("open"), kind: kind)])
        _ = try await Self.take([Self.listed("m")], bench)
        #expect(bench.snapshot.model(try id("open/m"))?.engine == engine)
    }

    @Test(
        "Whatever is listed, nothing is lost and people's entries keep their words", arguments: 0..<10 as Range<UInt64>)
    func random(seed: UInt64) async throws {
        var random = SeededGenerator(seed)
        let bench = try Bench.usual()
        var ids: Set<ModelID> = Set(bench.snapshot.models.map(\.id))
        for _ in 0..<60 {
            let listing = (0..<8).filter { _ in random.happens(60) }.map { number in
                Self.listed(number == 0 ? "big" : "m\(number)", context: Int.random(in: 1...3, using: &random))
            }
            let before = bench.snapshot
            let report = try await Self.take(listing, bench)
            let after = bench.snapshot
            ids.formUnion(after.models.map(\.id))
            #expect(Set(after.models.map(\.id)) == ids)
            #expect(report.added.count == after.models.count - before.models.count)
            var big = try #require(after.listedModel(id("open/big")))
            #expect(big.isMissing != listing.contains { $0.name == "big" })
            #expect(big.contextLength == nil)
            big.isMissing = false
            for model in after.models where model.provenance.source == .discovered {
                let found = listing.first { $0.name == model.id.name }
                #expect(model.isMissing == (found == nil))
                if let found { #expect(model.contextLength == found.contextLength) }
            }
            #expect(bench.isConsistent)
        }
    }
}
