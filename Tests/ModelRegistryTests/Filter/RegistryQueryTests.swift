import Inference
import ModelRegistry
import Testing

@Suite("Lists of models: order and pages")
struct RegistryQueryTests {
    static func model(_ name: String, price: Int64? = nil, quality: Double? = nil, engine: String? = nil) throws
        -> ModelDescription
    {
        ModelDescription(
            id: try id("open/\(name)"),
            prices: price.map { ModelPrices(input: $0, output: $0) },
            qualityScore: quality,
            engine: engine
        )
    }

    static func names(_ rows: [FilterRow]) -> [String] { rows.map(\.model.id.name) }

    @Test(
        "By the fields asked for, equals by id, and what is not known last",
        arguments: [
            ("", "a b c d"), ("id desc", "d c b a"), ("price_output", "b d a c"), ("price_output desc", "a b d c"),
            ("price_output desc, id desc", "a d b c"), (" price_output  desc ,\tid ", "a b d c"),
            ("quality_score", "c a b d"), ("quality_score desc", "b a c d"), ("engine", "d c a b"),
            ("engine desc", "c d a b"), ("free desc, id asc", "a b d c"), ("engine desc,price_output,id", "c d b a"),
        ]
    )
    func orders(orderBy: String, expected: String) throws {
        let rows = try [
            Self.model("c", quality: -0.5, engine: "llama.cpp-very-long-2"), Self.model("a", price: 3, quality: 0.25),
            Self.model("d", price: 1, engine: "llama.cpp-very-long-1"), Self.model("b", price: 1, quality: 0.5),
        ].map { FilterRow($0) }
        let page = try RegistryQuery(orderBy: orderBy).page(of: rows)
        #expect(Self.names(page.rows).joined(separator: " ") == expected)
        #expect(page.totalSize == 4)
        #expect(page.nextToken.isEmpty)
    }

    @Test(
        "An order that is none is told with its place",
        arguments: [
            ("prize_output", 1, "the field 'prize_output'", "did you mean 'price_output'?"),
            ("id,", 4, "the end", "the name of a field"), ("id desc desc", 9, "'desc'", "',', 'desc' or the end"),
            ("id up", 4, "'up'", "'desc'"), ("id, tags", 5, "the list 'tags'", "one value"),
            ("id, id desc", 5, "'id' again", "each field once"), (",id", 1, "','", "the name of a field"),
            ("-id", 1, "'-'", "the name of a field"),
        ]
    )
    func orderErrors(orderBy: String, position: Int, found: String, expected: String) throws {
        let error = try #require(throws: QueryError.self) { try RegistryQuery(orderBy: orderBy) }
        #expect(error.field == "order_by")
        #expect(error.position == position)
        #expect(error.found == found)
        #expect(error.expected.contains(expected), "\(error.expected)")
    }

    @Test(
        "Pages of any size together are the whole list, each row once",
        arguments: [
            "", "id desc", "price_output, quality_score desc", "engine desc, price_output", "state, use_count desc",
        ],
        [1, 2, 7, 100]
    )
    func pages(orderBy: String, size: Int) throws {
        var random = SeededGenerator(7)
        let rows = try (0..<60).map { index in
            FilterRow(
                try Self.model(
                    "m\(index)",
                    price: random.happens(20) ? nil : Int64.random(in: 0...3, using: &random),
                    quality: random.happens(20) ? nil : Double(Int.random(in: 0...2, using: &random)) / 2,
                    engine: random.happens(20)
                        ? nil : random.one(of: ["", "longer-than-8-a", "longer-than-8-b", "short"])
                ),
                facts: RuntimeFacts(
                    state: random.one(of: RuntimeFacts.states), useCount: Int64.random(in: 0...2, using: &random))
            )
        }
        let query = try RegistryQuery(filter: "NOT id = *7", orderBy: orderBy)
        let whole = try query.page(of: rows, size: 1000)
        var token = ""
        var seen: [String] = []
        repeat {
            let page = try query.page(of: rows.shuffled(using: &random), size: size, token: token)
            #expect(page.rows.count <= size)
            #expect(page.totalSize == 54)
            seen += Self.names(page.rows)
            token = page.nextToken
        } while !token.isEmpty
        #expect(seen == Self.names(whole.rows))
        #expect(seen.count == 54)
    }

    @Test("Rows that come and go between two pages neither repeat nor hide others")
    func pagesWhileRowsChange() throws {
        let query = try RegistryQuery(orderBy: "price_output desc")
        let before = try ["a", "b", "c", "d", "e"].enumerated().map {
            FilterRow(try Self.model($1, price: Int64(100 - $0)))
        }
        let first = try query.page(of: before, size: 2)
        #expect(Self.names(first.rows) == ["a", "b"])
        // The last row of the page goes, one comes before it and one behind it.
        let after =
            [before[0]] + before[2...] + [
                FilterRow(try Self.model("x", price: 1000)), FilterRow(try Self.model("y", price: 97)),
            ]
        let second = try query.page(of: after, size: 10, token: first.nextToken)
        #expect(Self.names(second.rows) == ["c", "d", "y", "e"])
    }

    @Test("A token is for the question that it was given for, and a made-up one for none")
    func tokens() throws {
        let rows = try ["a", "b", "c"].map { FilterRow(try Self.model($0, price: 1)) }
        let query = try RegistryQuery(filter: "free = false", orderBy: "price_output")
        let token = try query.page(of: rows, size: 1).nextToken
        let others = try [
            RegistryQuery(filter: "free = true", orderBy: "price_output"),
            RegistryQuery(filter: "free = false", orderBy: "price_output desc"),
            RegistryQuery(filter: "free = false", orderBy: "price_output", provider: provider("open")),
            RegistryQuery(),
        ]
        for other in others {
            let error = try #require(throws: QueryError.self) { try other.page(of: rows, token: token) }
            #expect(error.field == "page_token")
            #expect(error.found == "the token of another question")
        }
        for wrong in [
            "x", "!", "open/a", token + "A", String(token.dropLast(2)), String(repeating: "A", count: 20_000),
        ] {
            let error = try #require(throws: QueryError.self) { try query.page(of: rows, token: wrong) }
            #expect(error.field == "page_token", "\(wrong)")
        }
        // Written otherwise it is the same question.
        let spaced = try RegistryQuery(filter: "( free  = false)", orderBy: " price_output ")
        #expect(try spaced.page(of: rows, token: token).rows.count == 2)
    }

    @Test("Random tokens are refused", arguments: 0..<8 as Range<UInt64>)
    func randomTokens(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        let letters = Array("ABCDabcd0189-_".utf8)
        let query = try RegistryQuery(orderBy: "engine")
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 1...80, using: &random)).map { _ in random.one(of: letters) }
            #expect(throws: QueryError.self) { try query.page(of: [], token: String(decoding: bytes, as: UTF8.self)) }
        }
    }

    @Test("A page is as long as asked for, within bounds")
    func sizes() throws {
        let rows = try (0..<1200).map { FilterRow(try Self.model("m\($0)")) }
        let query = try RegistryQuery()
        #expect(try query.page(of: rows).rows.count == 100)
        #expect(try query.page(of: rows, size: 5000).rows.count == 1000)
        let error = #expect(throws: QueryError.self) { try query.page(of: rows, size: -1) }
        #expect(error?.field == "page_size")
    }

    @Test("A snapshot is asked for facts of every model only when they decide")
    func factsOfSnapshots() throws {
        let open = ProviderDescription(id: try provider("open"), kind: "openai")
        let models = try ["a", "b", "c"].map { try Self.model($0) }
        let alias = Alias(name: "best", targets: [models[1].id])
        let snapshot = try RegistrySnapshot(providers: [open], models: models, aliases: [alias])
        var asked: [String] = []
        let facts = { (model: ModelDescription) -> RuntimeFacts in
            asked.append(model.id.name)
            return RuntimeFacts(state: "ready", isLoaded: model.id.name != "a")
        }
        let plain = try RegistryQuery().page(of: snapshot, size: 1, facts: facts)
        #expect(asked == ["a"])
        #expect(plain.rows[0].facts.state == "ready")
        asked = []
        let loaded = try RegistryQuery(filter: "loaded = true").page(of: snapshot, size: 1, facts: facts)
        #expect(asked == ["a", "b", "c"])
        #expect(Self.names(loaded.rows) == ["b"])
        #expect(loaded.totalSize == 2)
        #expect(try RegistryQuery(filter: "aliases:best").page(of: snapshot, facts: facts).totalSize == 1)
        #expect(try RegistryQuery(provider: .local).page(of: snapshot, facts: facts).totalSize == 0)
    }
}
