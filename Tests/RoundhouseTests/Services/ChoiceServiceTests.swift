import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

/// Models with prices, beside those of the bench: `cloud/free` costs nothing, `cloud/cached` nothing but for its cached
/// tokens, `cloud/in` 2 dollars for a million tokens in, `cloud/out` 2 dollars for a million tokens out, `cloud/dear` 30.
private func withPrices(_ body: (ServiceBench) async throws -> Void) async throws {
    try await ServiceBench.with { bench in
        let prices: [(String, ModelPrices)] = [
            ("cloud/dear", ModelPrices(input: 10_000_000_000, output: 30_000_000_000)),
            ("cloud/in", ModelPrices(input: 2_000_000_000, output: 1)),
            ("cloud/out", ModelPrices(input: 37_500_000, output: 2_000_000_000)),
            ("cloud/free", .free), ("cloud/cached", ModelPrices(input: 0, output: 0, cachedInput: 1)),
        ]
        for (name, prices) in prices {
            let model = ModelDescription(
                id: try modelID(name), prices: prices, provenance: Provenance(source: .api))
            _ = try await bench.editor.createModel(model, validateOnly: false)
        }
        try await body(bench)
    }
}

private func free(
    _ bench: ServiceBench, edit: (inout Roundhouse_V1_ListFreeModelsRequest) -> Void = { _ in }
) async throws -> Roundhouse_V1_ListFreeModelsResponse {
    try await bench.registry.listFreeModels(.with(edit))
}

private func affordable(
    _ bench: ServiceBench, _ cost: Double,
    edit: (inout Roundhouse_V1_ListAffordableModelsRequest) -> Void = { _ in }
) async throws -> Roundhouse_V1_ListAffordableModelsResponse {
    try await bench.registry.listAffordableModels(
        .with {
            $0.maxCostPerToken = cost
            edit(&$0)
        })
}

@Suite("RegistryService: choices")
struct ChoiceServiceTests {
    // MARK: - What models cost

    @Test("Free are the models of this machine and those whose prices are all 0, not those of unknown prices")
    func listsFree() async throws {
        try await withPrices { bench in
            let all = try await free(bench)
            #expect(all.models.map(\.id) == ["cloud/free", "local/a", "local/b"])
            #expect(all.totalSize == 3 && all.nextPageToken.isEmpty)
            #expect(try await free(bench) { $0.provider = "cloud" }.models.map(\.id) == ["cloud/free"])
            #expect(try await free(bench) { $0.provider = "nobody" }.totalSize == 0)
            // Somebody says what its electricity costs.
            _ = try await bench.editor.updateModel(try modelID("local/a"), etag: nil, validateOnly: false) {
                $0.prices = ModelPrices(input: 5, output: 5)
            }
            #expect(try await free(bench).models.map(\.id) == ["cloud/free", "local/b"])
        }
    }

    @Test("Models that no request may reach are neither free nor affordable")
    func leavesOutDisabled() async throws {
        try await withPrices { bench in
            _ = try await bench.registry.disableModel(.with { $0.model = "local/b" })
            #expect(try await free(bench).models.map(\.id) == ["cloud/free", "local/a"])
            _ = try await bench.editor.updateProvider(
                try #require(ProviderID("cloud")), etag: nil, validateOnly: false
            ) { $0.isEnabled = false }
            #expect(try await free(bench).models.map(\.id) == ["local/a"])
            #expect(try await affordable(bench, 1).models.map(\.id) == ["local/a"])
        }
    }

    @Test(
        "What runs on this machine for another program is free; a door on this machine may lead to somebody who is paid",
        arguments: [
            ("ollama", "http://127.0.0.1:11434", true), ("lm_studio", "http://localhost:1234/v1", true),
            ("ollama", "https://gpu.example", false), ("custom", "http://127.0.0.1:4000/v1", false),
        ])
    func knowsItsMachine(kind: String, address: String, isFree: Bool) async throws {
        try await ServiceBench.with { bench in
            let id = try #require(ProviderID("box"))
            _ = try await bench.editor.createProvider(
                ProviderDescription(id: id, kind: kind, baseURL: address), validateOnly: false)
            _ = try await bench.editor.createModel(
                ModelDescription(id: try modelID("box/m"), provenance: Provenance(source: .api)), validateOnly: false)
            #expect(try await free(bench) { $0.provider = "box" }.models.map(\.id) == (isFree ? ["box/m"] : []))
        }
    }

    @Test("Affordable models come by the dearer of their prices, then by id, up to the limit and with it")
    func listsAffordable() async throws {
        try await withPrices { bench in
            let zero = ["cloud/cached", "cloud/free", "local/a", "local/b"]
            #expect(try await affordable(bench, 0).models.map(\.id) == zero)
            #expect(try await affordable(bench, -0.0).models.map(\.id) == zero)
            #expect(try await affordable(bench, 0.000001999).models.map(\.id) == zero)
            let two = try await affordable(bench, 0.000002)
            #expect(two.models.map(\.id) == zero + ["cloud/in", "cloud/out"] && two.totalSize == 6)
            let most = try await affordable(bench, 1e300)
            #expect(most.models.map(\.id) == zero + ["cloud/in", "cloud/out", "cloud/dear"])
            #expect(most.models.last?.prices.outputNanoUsdPerMillionTokens == 30_000_000_000)
            let cloud = try await affordable(bench, 0.00003) { $0.provider = "cloud" }
            #expect(cloud.models.map(\.id) == ["cloud/cached", "cloud/free", "cloud/in", "cloud/out", "cloud/dear"])
        }
    }

    @Test("Every price is affordable for exactly itself, however the dollars were computed, and not for less")
    func keepsBoundaries() {
        var generator = SplitMix(8)
        let drawn = (0..<2000).map { _ in Int64.random(in: 1...100_000_000_000, using: &generator) }
        for price in [1, 3, 37_500_000, 150_000_000, 2_000_000_000, 999_999_999_999] + drawn {
            let dollars = Double(price)
            // Ways to come to it: 1e-9 USD for a million tokens.
            for cost in [dollars / 1e15, dollars / 1e9 / 1e6, dollars * 1e-15, dollars * 1e-9 * 1e-6] {
                #expect(TokenPrice.nanoUSDPerMillion(upTo: cost) == price, "\(cost)")
            }
            #expect(TokenPrice.nanoUSDPerMillion(upTo: (dollars - 0.01) / 1e15) == price - 1, "\(price)")
        }
        #expect(TokenPrice.nanoUSDPerMillion(upTo: (0.1 + 0.7) / 1e6) == 800_000_000)
        #expect(TokenPrice.nanoUSDPerMillion(upTo: .leastNonzeroMagnitude) == 0)
        #expect(TokenPrice.nanoUSDPerMillion(upTo: .greatestFiniteMagnitude) == .max)
    }

    @Test(
        "A cost that is none is named with what was expected",
        arguments: [
            (nil, "''"), (-0.000001, "'-1e-06'"), (.nan, "'nan'"), (.infinity, "'inf'"), (-.infinity, "'-inf'"),
        ]
            as [(Double?, String)])
    func refusesCosts(cost: Double?, shown: String) async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal {
                try await bench.registry.listAffordableModels(
                    .with { request in
                        if let cost { request.maxCostPerToken = cost }
                    })
            }
            #expect(refusal.code == .invalidArgument && refusal.fields == ["max_cost_per_token"])
            #expect(refusal.message.contains(shown) && refusal.message.contains("US dollars"), "\(refusal.message)")
        }
    }

    @Test("Pages of both lists are complete, in order and without repeats", arguments: [1, 2, 3, 4, 100])
    func pages(size: Int32) async throws {
        try await withPrices { bench in
            var (ids, token): ([String], String) = ([], "")
            repeat {
                let page = try await free(bench) {
                    $0.pageSize = size
                    $0.pageToken = token
                }
                #expect(page.totalSize == 3 && page.models.count <= size)
                ids += page.models.map(\.id)
                token = page.nextPageToken
            } while !token.isEmpty
            #expect(ids == ["cloud/free", "local/a", "local/b"])
            ids = []
            repeat {
                let page = try await affordable(bench, 1) {
                    $0.pageSize = size
                    $0.pageToken = token
                }
                #expect(page.totalSize == 7 && page.models.count <= size)
                ids += page.models.map(\.id)
                token = page.nextPageToken
            } while !token.isEmpty
            #expect(
                ids == ["cloud/cached", "cloud/free", "local/a", "local/b", "cloud/in", "cloud/out", "cloud/dear"])
        }
    }

    @Test("Pages of other questions, bad sizes and bad names are refused")
    func refusesPages() async throws {
        try await withPrices { bench in
            let token = try await affordable(bench, 1) { $0.pageSize = 1 }.nextPageToken
            for (cost, text) in [(2.0, token), (1.0, "nonsense")] {
                let refusal = try await refusal { try await affordable(bench, cost) { $0.pageToken = text } }
                #expect(refusal.code == .invalidArgument && refusal.fields == ["page_token"])
            }
            let other = try await refusal { try await free(bench) { $0.pageToken = token } }
            #expect(other.fields == ["page_token"])
            let size = try await refusal { try await free(bench) { $0.pageSize = -1 } }
            #expect(size.code == .invalidArgument && size.fields == ["page_size"])
            let name = try await refusal { try await affordable(bench, 1) { $0.provider = "a/b" } }
            #expect(name.code == .invalidArgument && name.fields == ["provider"])
        }
    }

    @Test("What the filter of OpenRouter keeps out is in neither list")
    func heedsOpenRouter() async throws {
        try await ServiceBench.with { bench in
            let id = try #require(ProviderID("router"))
            _ = try await bench.editor.createProvider(
                ProviderDescription(id: id, kind: "openrouter"), validateOnly: false)
            for (name, prices) in [
                ("router/free", ModelPrices.free), ("router/paid", ModelPrices(input: 1, output: 1)),
            ] {
                _ = try await bench.editor.createModel(
                    ModelDescription(
                        id: try modelID(name), prices: prices, provenance: Provenance(source: .api)),
                    validateOnly: false)
            }
            let router: (inout Roundhouse_V1_ListAffordableModelsRequest) -> Void = { $0.provider = "router" }
            #expect(try await affordable(bench, 1, edit: router).models.map(\.id) == ["router/free", "router/paid"])
            _ = try await bench.registry.updateOpenRouterFilter(.with { $0.filter.showFreeOnly = true })
            #expect(try await affordable(bench, 1, edit: router).models.map(\.id) == ["router/free"])
        }
    }

    // MARK: - Which model, and what it can do

    @Test("The current model is the alias's, with whether it is loaded; without a name the default's")
    func current() async throws {
        try await ServiceBench.with { bench in
            for name in ["", "default"] {
                let answer = try await bench.registry.getCurrentModel(.with { $0.alias = name })
                #expect(answer.alias == "default" && answer.model.id == "local/a" && !answer.loaded)
            }
            try bench.setLoaded("local/a")
            #expect(try await bench.registry.getCurrentModel(.init()).loaded)
            let fixed = try await bench.registry.getCurrentModel(.with { $0.alias = "fixed" })
            #expect(fixed.model.id == "conf/c" && !fixed.loaded && fixed.model.aliases == ["fixed"])
        }
    }

    private static let several: [(ModelRegistry.Alias.Mode, [(model: String, weight: Int)], String)] = [
        (.weighted, [("local/a", 1), ("cloud/x", 3), ("local/b", 2)], "cloud/x"),
        (.weighted, [("local/b", 3), ("local/a", 3), ("cloud/x", 0)], "local/b"),
        (.ordered, [("local/b", 1), ("local/a", 1)], "local/b"),
        // The first is asked, whatever the weights that count in the other mode.
        (.ordered, [("local/b", 1), ("local/a", 9)], "local/b"),
    ]

    @Test("Of several targets the one that most requests go to is the current one", arguments: several.indices)
    func currentOfSeveral(index: Int) async throws {
        let (mode, targets, expected) = Self.several[index]
        try await ServiceBench.with { bench in
            _ = try await bench.editor.updateAlias(
                "several", targets: try targets.map { .init(model: try modelID($0.model), weight: $0.weight) },
                mode: mode, etag: nil, allowMissing: true, reason: "", validateOnly: false)
            let answer = try await bench.registry.getCurrentModel(.with { $0.alias = "several" })
            #expect(answer.model.id == expected)
        }
    }

    @Test("An alias that is none is told from one that cannot be")
    func refusesAliases() async throws {
        try await ServiceBench.with { bench in
            for (name, code) in [("nobody", RPCError.Code.notFound), ("local/a", .invalidArgument)] {
                let refusal = try await refusal { try await bench.registry.getCurrentModel(.with { $0.alias = name }) }
                #expect(refusal.code == code, "\(refusal.message)")
            }
        }
    }

    @Test("Capabilities are told of a model and of an alias's", arguments: ["local/a", "default"])
    func capabilities(name: String) async throws {
        try await ServiceBench.with { bench in
            _ = try await bench.editor.updateModel(try modelID("local/a"), etag: nil, validateOnly: false) {
                $0.capabilities = [.tools, .chat]
                ($0.contextLength, $0.maxOutputTokens) = (8192, 512)
            }
            let answer = try await bench.registry.getModelCapabilities(.with { $0.model = name })
            #expect(answer.model == "local/a" && answer.category == .text)
            #expect(answer.capabilities == [.chat, .tools])
            #expect(answer.contextLength == 8192 && answer.maxOutputTokens == 512)
            for (name, code) in [("local/none", RPCError.Code.notFound), ("", .invalidArgument)] {
                let refusal = try await refusal {
                    try await bench.registry.getModelCapabilities(.with { $0.model = name })
                }
                #expect(refusal.code == code)
            }
        }
    }
}
