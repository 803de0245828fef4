import Inference
import ModelRegistry
import Testing

@Suite("Filters: what they admit")
struct RegistryFilterTests {
    /// A cloud model of which everything is known, a local one of which little is, and one of an unknown price.
    static func rows() throws -> [FilterRow] {
        let day: Int64 = 86_400_000_000
        var cloud = ModelDescription(
            id: try id("openai/gpt-4o"),
            displayName: "GPT-4o",
            capabilities: [.chat, .streaming, .vision, .tools],
            contextLength: 128_000,
            maxOutputTokens: 16_384,
            prices: ModelPrices(input: 2_500_000_000, output: 10_000_000_000, cachedInput: 1_250_000_000),
            qualityScore: 0.9,
            safetyScore: 0.8,
            priority: 10,
            tags: ["eu-west", "prod"],
            provenance: Provenance(
                source: .config, createdAtMicroseconds: day, updatedAtMicroseconds: 2 * day, revision: 3)
        )
        cloud.isMissing = true
        let local = ModelDescription(
            id: try id("local/tiny"),
            priority: 900,
            sizeBytes: 4_000_000,
            engine: "llama.cpp",
            versions: [ModelVersion(version: "v1", path: "/a"), ModelVersion(version: "v2", path: "/b")],
            isEnabled: false,
            isLazy: true,
            isPinned: true,
            provenance: Provenance(source: .discovered)
        )
        let plain = ModelDescription(
            id: try id("open/embed"),
            category: .embedding,
            capabilities: [.embeddings],
            provenance: Provenance(source: .api)
        )
        return [
            FilterRow(
                cloud,
                aliases: ["default"],
                facts: RuntimeFacts(state: "ready", useCount: 7, lastUsedAtMicroseconds: 3 * day)
            ),
            FilterRow(local, facts: RuntimeFacts(state: "loading", isLoaded: true)),
            FilterRow(plain),
        ]
    }

    /// The names of those that pass: c(loud), l(ocal), p(lain).
    static func admitted(_ text: String) throws -> String {
        let filter = try RegistryFilter(text)
        return zip("clp", try self.rows()).filter { filter.admits($1) }.map { String($0.0) }.joined()
    }

    @Test(
        "Every field, by its type",
        arguments: [
            ("", "clp"),
            ("id = openai/gpt-4o", "c"), ("id = *tiny", "l"), ("id = o*", "cp"), ("id = *pen*", "cp"),
            ("id : TINY", "l"),
            ("id < m", "l"), ("id >= open/embed", "cp"), ("id != local/tiny", "cp"),
            ("provider = openai", "c"), ("provider != openai", "lp"), ("name = embed", "p"),
            ("display_name:gpt", "c"), ("display_name = gpt-4o", ""), ("display_name = \"GPT-4o\"", "c"),
            ("category = embedding", "p"), ("category != TEXT", "p"),
            ("capabilities:vision", "c"), ("capabilities:CHAT", "cl"), ("NOT capabilities:chat", "p"),
            ("context_length >= 100000", "c"), ("context_length < 1", ""), ("context_length != 5", "clp"),
            ("context_length:*", "c"), ("NOT context_length:*", "lp"), ("max_output_tokens = 16384", "c"),
            ("price_input = 2.5", "c"), ("price_output <= 10.000", "cl"), ("price_output > 9.999999999", "c"),
            ("price_output <= 0.6", "l"), ("price_cached_input < 2", "cl"), ("free = true", "l"), ("free = false", "c"),
            // A price that is not known is neither free nor not, cheap nor dear; NOT lets it pass.
            ("free != true", "cp"), ("NOT free = true", "cp"), ("NOT free = false", "lp"), ("free:*", "cl"),
            ("free", "l"), ("NOT free", "cp"), ("-free", "cp"), ("free AND (id = a OR free)", "l"),
            ("NOT price_output <= 0.6", "cp"), ("price_input <= 2.5", "cl"), ("price_input < 2.5", "l"),
            ("price_input >= 2.500000000", "c"), ("price_input > 0.000000001", "c"), ("price_input = 0", "l"),
            ("price_input:*", "cl"), ("NOT price_input:*", "p"), ("price_cached_input = 1.25", "c"),
            ("enabled free", ""), ("(free OR enabled) pinned", "l"), ("missing", "c"), ("loaded OR missing", "cl"),
            ("quality_score >= 0.5", "c"), ("NOT quality_score >= 0.5", "lp"), ("quality_score:*", "c"),
            ("quality_score > 0.5", "c"), ("safety_score >= 0.8", "c"), ("NOT safety_score >= 0.8", "lp"),
            ("priority > -1 AND priority <= 10", "c"), ("priority = 100", "p"), ("size_bytes > 1000", "l"),
            ("engine = llama.cpp", "l"), ("engine:*", "l"), ("engine != llama.cpp", "cp"),
            ("enabled = true", "cp"), ("lazy = true", "l"), ("pinned = TRUE", "l"), ("missing = true", "c"),
            ("loaded = true", "l"), ("state = ready", "c"), ("state = LOADING", "l"), ("state != unloaded", "cl"),
            ("tags:prod", "c"), ("tags:eu-*", "c"), ("tags:eu", ""), ("tags:*", "c"), ("tags:*west", "c"),
            ("aliases:default", "c"), ("NOT aliases:*", "lp"),
            ("source = discovered", "l"), ("source = api OR source = config", "cp"),
            ("versions:v1", "l"), ("versions:v3", ""), ("active_version = v2", "l"),
            ("create_time = 1970-01-02T00:00:00Z", "c"), ("create_time <= \"1970-01-02\"", "c"),
            ("update_time > 1970-01-03T01:00:00+02:00", "c"), ("update_time > 1970-01-02T23:59:59.999999Z", "c"),
            ("update_time > 1970-01-03T00:00:00.000000Z", ""), ("last_use_time:*", "c"), ("use_count >= 1", "c"),
            ("last_use_time >= 1970-01-04", "c"),
            ("provider = openai AND capabilities:vision AND loaded = false", "c"),
            ("(price_output <= 0.6 OR free = true) AND NOT tags:beta", "l"),
            ("free = true OR provider = open enabled = true", "p"),
        ]
    )
    func admits(text: String, expected: String) throws {
        let found = try Self.admitted(text)
        #expect(found == expected)
    }

    @Test(
        "What a field cannot be compared with is told",
        arguments: [
            ("contxt_length > 3", 1, "the field 'contxt_length'", "did you mean 'context_length'?"),
            ("id = a AND price > 3", 12, "the field 'price'", "did you mean 'price_input'?"),
            ("zzz = 1", 1, "the field 'zzz'", "one of the fields id, provider"),
            ("capabilities:visoin", 14, "the value visoin", "did you mean 'vision'?"),
            ("capabilities = vision", 14, "'='", "':', since capabilities is a list"),
            ("tags != a", 6, "'!='", "is a list"),
            ("state = up", 9, "the value up", "one of ready, loading"),
            ("category > text", 10, "'>'", "'=' or '!='"),
            ("enabled = yes", 11, "the value yes", "one of true, false for enabled"),
            ("enabled:true", 8, "':'", "'=' or '!='"),
            ("enabled tags", 13, "the end", "one of ="), ("NOT priority", 13, "the end", "one of ="),
            ("free true", 10, "the end", "one of ="),
            ("priority = high", 12, "the value high", "a whole number for priority"),
            ("priority = 1.5", 12, "the value 1.5", "a whole number"),
            ("priority = 99999999999999999999", 12, "the value 99999999999999999999", "a whole number"),
            ("priority:3", 9, "':'", "one of ="),
            ("size_bytes > 10GB", 14, "the value 10GB", "a whole number"),
            ("quality_score > 0.5.1", 17, "the value 0.5.1", "a number"),
            ("quality_score > 1e3", 17, "the value 1e3", "a number"),
            ("quality_score > nan", 17, "the value nan", "a number"),
            ("price_input > 0.0000000001", 15, "the value 0.0000000001", "at most 9 digits"),
            ("price_input = 1*", 15, "the value 1*", "US dollars"),
            ("create_time > yesterday", 15, "the value yesterday", "RFC 3339"),
            ("create_time > 2026-02-30", 15, "the value 2026-02-30", "RFC 3339"),
            ("create_time > 2026-02-28T24:00:00Z", 15, "the value \"2026-02-28T24:00:00Z\"", "RFC 3339"),
            ("create_time > 2026-02-28T12:00:00", 15, "the value \"2026-02-28T12:00:00\"", "RFC 3339"),
        ]
    )
    func errors(text: String, position: Int, found: String, expected: String) throws {
        let error = try #require(throws: QueryError.self) { try RegistryFilter(text) }
        #expect(error.position == position)
        #expect(error.found == found)
        #expect(error.expected.contains(expected), "\(error.expected)")
    }

    @Test("Facts are asked for by filters that need them, and by no others")
    func needsFacts() throws {
        #expect(try RegistryFilter("loaded = true").needsFacts)
        #expect(try RegistryFilter("NOT (id = a OR use_count > 3)").needsFacts)
        #expect(try !RegistryFilter("provider = openai AND free = true").needsFacts)
    }

    @Test("Every field can be asked whether it is known, and the table says each once")
    func everyField() throws {
        let names = RegistryField.all.map(\.name)
        #expect(Set(names).count == names.count)
        for name in names {
            let filter = try RegistryFilter("\(name):*")
            for row in try Self.rows() { _ = filter.admits(row) }
        }
    }
}
