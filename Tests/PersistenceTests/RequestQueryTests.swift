import GRDB
import Inference
import ModelRegistry
import Testing

@testable import Persistence

/// Which records pass filters, told by the id of each.
@Suite("Request filters", .timeLimit(.minutes(1)))
struct RequestFilterTests {
    /// Four records that differ in everything: `a` is plain, `b` was answered by the second who was asked, `c` by nobody,
    /// `d` by another's call.
    static func records() throws -> [RequestRecord] {
        let tiny = try #require(ModelID("local/tiny"))
        let cloud = try #require(ModelID("cloud/org/big"))
        var a = RequestRecord.plain("a", startedAt: 1_000_000)
        a.usage = Usage(inputTokens: 10, outputTokens: 20)
        a.finishReason = .stop
        var b = RequestRecord.plain("b", startedAt: 2_000_000)
        b.requestedModel = "fast"
        b.model = cloud
        b.latency = .milliseconds(2500)
        b.firstTokenLatency = .milliseconds(250)
        b.queueTime = .milliseconds(3)
        b.loadTime = .seconds(2)
        b.usage = Usage(inputTokens: 100, outputTokens: 200, cachedInputTokens: 50, reasoningTokens: 7)
        b.cost = Cost(nanoUSD: 1_500_000)
        b.finishReason = .toolCalls
        b.attempts = [
            Attempt(model: tiny, duration: .seconds(1), fault: UpstreamFault(.overloaded(retryAfter: nil), "busy")),
            Attempt(model: cloud, duration: .seconds(1)),
        ]
        b.isStreamed = true
        b.tags = ["batch", "team-blue"]
        b.client = "billing.example"
        var c = RequestRecord.plain("c", startedAt: 3_000_000)
        c.model = nil
        c.attempts = []
        c.status = "UNAVAILABLE"
        c.errorMessage = "Nobody answered: 100% of 2_000 failed"
        c.client = "search.example"
        var d = RequestRecord.plain("d", startedAt: 4_000_000)
        d.attempts = []
        d.cacheStatus = .shared
        d.cost = Cost(nanoUSD: 0)
        d.tags = ["team-*"]
        return [a, b, c, d]
    }

    @Test(
        "Each field and comparator lets pass what it says",
        arguments: [
            ("", "dcba"), ("id = a", "a"), ("id != a", "dcb"), ("id = '*'", "dcba"), ("id = zzz", ""),
            ("sequence > 2", "dc"), ("sequence = 2", "b"), ("sequence <= 2", "ba"),
            ("sequence > 2 AND sequence < 2", ""),
            ("model = cloud/org/big", "b"), ("model = cloud/*", "b"), ("model:BIG", "b"),
            ("model != cloud/org/big", "dca"),
            ("model:*", "dba"), ("NOT model:*", "c"), ("provider = local", "da"), ("provider = LOCAL", ""),
            ("requested_model = fast", "b"), ("status = OK", "dba"), ("status = unavailable", "c"),
            ("status != OK", "c"),
            ("error:'100%'", "c"), ("error:'100x'", ""), ("error:2_000", "c"), ("error:2x000", ""), ("error:*", "c"),
            ("error:NOBODY", "c"), ("finish_reason = tool_calls", "b"), ("finish_reason != stop", "dcb"),
            ("finish_reason:*", "ba"), ("start_time >= 1970-01-01T00:00:03Z", "dc"),
            ("start_time < 1970-01-01T00:00:02Z", "a"), ("start_time = 1970-01-01T00:00:03Z", "c"),
            ("start_time > 1970-01-01T00:00:01Z start_time <= 1970-01-01T00:00:03Z", "cb"),
            ("start_time > 1970-01-02", ""), ("start_time < 1970-01-01", ""), ("latency > 2s", "b"),
            ("latency >= 2500ms", "b"), ("latency = 2.5s", "b"), ("latency < 0.1m", "dcba"), ("latency > 1h", ""),
            ("latency > 1.234ms", "b"), ("first_token_latency <= 250ms", "b"), ("first_token_latency != 250ms", "dca"),
            ("queue_time:*", "b"), ("load_time >= 2s", "b"), ("cost = 0.0015", "b"), ("cost >= 0", "db"),
            ("cost > 0.000000001", "b"), ("NOT cost:*", "ca"), ("input_tokens > 10", "b"), ("output_tokens = 20", "a"),
            ("cached_input_tokens = 50", "b"), ("reasoning_tokens > 0", "b"), ("attempts = 0", "dc"),
            ("attempts = 1", "a"), ("attempts > 1", "b"), ("faults:overloaded", "b"), ("faults:over*", "b"),
            ("faults:*", "b"), ("faults:truncated", ""), ("streamed", "b"), ("NOT streamed", "dca"),
            ("streamed = false", "dca"), ("cache_status = shared", "d"), ("cache_status = none", "cba"),
            ("cache_status != shared", "cba"), ("client = '*.example'", "cb"), ("client:bill", "b"),
            ("tags:batch", "b"),
            ("tags:team-*", "db"), ("tags:'team-\\*'", "d"), ("tags:*", "db"), ("NOT tags:batch", "dca"),
            ("status = OK AND (attempts > 1 OR cache_status = shared)", "db"), ("id = a OR id = c", "ca"),
            ("id = a id = c", ""), ("NOT (id = a OR id = b)", "dc"), ("id > b", "dc"), ("model < d", "b"),
        ])
    func passes(filter: String, ids: String) async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await store.insert(try Self.records())
        let page = try await store.requests(try RequestQuery(filter: filter, limit: 10))
        #expect(page.requests.map(\.record.id).joined() == ids)
        #expect(page.nextToken.isEmpty && page.lastSequence == 4)
        // The one way of writing it means the same.
        let again = try RequestQuery(filter: try RequestFilter(filter).text, limit: 10)
        #expect(try await store.requests(again) == page)
    }

    @Test(
        "What is wrong is told with its place and what would be right",
        arguments: [
            ("idd = a", 1, "the field 'idd'", "a field that there is; did you mean 'id'?"),
            ("id = a AND nothing = 5", 12, "the field 'nothing'", "one of the fields id, sequence,"),
            ("status = UNAVAILBLE", 10, "the value UNAVAILBLE", "did you mean 'UNAVAILABLE'? for status"),
            ("status:OK", 7, "':'", "'=' or '!=' after status"),
            ("latency > 2", 11, "the value 2", "a time with its unit, such as 250ms, 1.5s, 2m or 1h, for latency"),
            ("latency > 2x", 11, "the value 2x", "a time with its unit"),
            ("latency > 9999999999999h", 11, "the value 9999999999999h", "a time with its unit"),
            ("cost > 1.0000000001", 8, "the value 1.0000000001", "US dollars"),
            ("tags = a", 6, "'='", "':', since tags is a list"), ("attempts:2", 9, "':'", "one of = != < <= > >=;"),
            ("start_time > yesterday", 14, "the value yesterday", "a time of RFC 3339"),
            ("streamed = maybe", 12, "the value maybe", "one of true, false for streamed"),
            ("free", 5, "the end", "one of = != < <= > >= : after 'free'"),
        ])
    func wrong(filter: String, position: Int, found: String, expected: String) throws {
        let error = try #require(throws: QueryError.self) { try RequestQuery(filter: filter, limit: 1) }
        #expect(error.field == "filter" && error.position == position && error.found == found, "\(error)")
        #expect(error.expected.contains(expected), "\(error)")
    }

    @Test("The longest filters that are allowed can be asked, and clients' texts never become SQL")
    func extremes() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await store.insert(try Self.records())
        for word in [" ", " OR ", " AND -"] {
            let count = (4096 - 4) / ("id=a".count + word.count)
            let filter = "id=a" + String(repeating: word + "id=a", count: count)
            _ = try await store.requests(try RequestQuery(filter: filter, limit: 10))
        }
        let hostile = ["' OR 1=1 --", "\"; DROP TABLE requests; --", "a\u{0}b", "%", "_", "[a-z]", "?", "\\\\", "é🚂"]
        for text in hostile {
            for field in ["id", "model", "client", "error"] {
                for comparator in ["=", ":", "<"] {
                    let quoted = text.replacing("\"", with: "\\\"")
                    let query = try RequestQuery(filter: "\(field) \(comparator) \"\(quoted)\"", limit: 10)
                    let found = try await store.requests(query).requests.map(\.record.id)
                    // '%' stands in the error of c; everything is before 'é🚂' and the like only by '<'.
                    let mayFind = comparator == "<" || (field == "error" && ["%", "_"].contains(text))
                    #expect(found.isEmpty || mayFind, "\(field) \(comparator) \(text)")
                }
            }
        }
        #expect(try await store.requestCount() == 4)
    }

    @Test("A record is found by its id through the index, and times never lead away from the order")
    func plans() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        for (filter, plan) in [
            ("id = a AND status = OK", "INDEX requests_on_id (id=? AND rowid>? AND rowid<?)"),
            ("trace_id = a", "INDEX requests_on_trace_id (trace_id=? AND rowid>? AND rowid<?)"),
            ("start_time > 2026-01-01 AND latency > 1s", "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            ("sequence > 5", "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"), ("", "INTEGER PRIMARY KEY"),
        ] {
            let filter = try RequestFilter(filter)
            let steps = try await store.read { database in
                try Row.fetchAll(
                    database, sql: "EXPLAIN QUERY PLAN " + Store.pageSQL(filter),
                    arguments: StatementArguments(
                        [Int64(0).databaseValue, Int64(9).databaseValue] + (filter.condition?.arguments ?? [])
                            + [Int64(1).databaseValue])
                ).map { $0["detail"] as String }
            }
            #expect(steps.first?.contains(plan) == true && !steps.contains { $0.contains("B-TREE") }, "\(steps)")
        }
    }
}

@Suite("Request pages", .timeLimit(.minutes(1)))
struct RequestPageTests {
    /// Records with random times, faults and models, in an order of ends that is not that of their beginnings.
    private static func records(_ count: Int, seed: Int) -> [RequestRecord] {
        var random = RandomValues(seed: seed)
        return (0..<count).map { index in
            let start = Int64(index) * 1000 - Int64(random.next() % 50_000) + 1_000_000
            var record = random.next() % 4 == 0 ? RequestRecord.full("r\(index)") : RequestRecord.plain("r\(index)")
            record.startedAtMicroseconds = start
            record.latency = .microseconds(Int64(random.next() % 5_000_000))
            record.status = random.next() % 10 == 0 ? "UNAVAILABLE" : "OK"
            return record
        }
    }

    private static let filters: [(String, @Sendable (RequestRecord) -> Bool)] = [
        ("", { _ in true }),
        ("status != OK", { $0.status != "OK" }),
        ("latency > 4.9s", { $0.latency > .milliseconds(4900) }),
        ("start_time >= 1970-01-01T00:00:01.2Z", { $0.startedAtMicroseconds >= 1_200_000 }),
        ("start_time < 1970-01-01T00:00:01.2Z", { $0.startedAtMicroseconds < 1_200_000 }),
        (
            "start_time > 1970-01-01T00:00:01.1Z AND start_time <= 1970-01-01T00:00:01.2Z AND attempts > 1",
            { (1_100_001...1_200_000).contains($0.startedAtMicroseconds) && $0.attempts.count > 1 }
        ),
        ("start_time > 1971-01-01", { _ in false }),
        ("id = r17", { $0.id == "r17" }),
    ]

    @Test(
        "All pages together are what passes, newest first and each once, however small pages and pieces are",
        arguments: [1, 7, 100, 1000], [(Int64(1), true), (13, true), (13, false), (4096, false)])
    func pages(limit: Int, piece: (size: Int64, isHurried: Bool)) async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let records = Self.records(400, seed: limit &+ Int(piece.size))
        try await store.insert(records)
        let expected = records.enumerated().map { StoredRequest(sequence: Int64($0 + 1), record: $1) }
        for (filter, passes) in Self.filters {
            // With one of a piece and no time, a page looks at one record: enough for a few filters.
            if piece.size == 1, limit > 7 { continue }
            var found: [StoredRequest] = []
            var token = ""
            repeat {
                let query = try RequestQuery(filter: filter, limit: limit, token: token)
                let page = try await store.requests(
                    query, timeLimit: piece.isHurried ? .zero : .seconds(60), firstPiece: piece.size)
                #expect(page.requests.count <= limit && page.lastSequence == 400)
                // Without hurry every page but the last one is full.
                if !piece.isHurried, !page.nextToken.isEmpty { #expect(page.requests.count == limit) }
                found += page.requests
                token = page.nextToken
            } while !token.isEmpty
            #expect(
                found.map(\.sequence) == expected.filter { passes($0.record) }.map(\.sequence).reversed(), "\(filter)")
            #expect(found.allSatisfy { $0 == expected[Int($0.sequence) - 1] }, "\(filter)")
        }
    }

    @Test("Records that come and go between two pages neither repeat nor hide one")
    func stable() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await store.insert((1...20).map { .plain("r\($0)", startedAt: Int64($0)) })
        let first = try await store.requests(try RequestQuery(limit: 5))
        try await store.insert([.plain("new", startedAt: 100)])
        _ = try await store.deleteRequests(before: 4, limit: 100)
        let second = try await store.requests(try RequestQuery(limit: 50, token: first.nextToken))
        #expect(first.requests.map(\.sequence) == [20, 19, 18, 17, 16])
        #expect(second.requests.map(\.sequence) == (4...15).reversed())
        #expect(second.nextToken.isEmpty && second.lastSequence == 21)
        // What is new comes by its sequence.
        let news = try await store.requests(
            try RequestQuery(filter: "sequence > \(first.lastSequence)", limit: 5))
        #expect(news.requests.map(\.record.id) == ["new"])
    }

    @Test("An empty log has one empty page, and a damaged record is left out of its page")
    func empty() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        #expect(try await store.requests(try RequestQuery(limit: 5)) == RequestPage())
        try await store.insert((1...9).map { .plain("r\($0)") })
        try await store.write { try $0.execute(sql: "UPDATE requests SET metadata = '[' WHERE id = 'r5'") }
        var ids: [String] = []
        var token = ""
        repeat {
            let page = try await store.requests(try RequestQuery(limit: 2, token: token))
            ids += page.requests.map(\.record.id)
            token = page.nextToken
        } while !token.isEmpty
        #expect(ids == ["r9", "r8", "r7", "r6", "r4", "r3", "r2", "r1"])
    }

    @Test("A token of another question, or of none, is refused")
    func tokens() throws {
        let token = try RequestQuery(filter: "status = OK", limit: 1).token(before: 7, notBelow: nil)
        _ = try RequestQuery(filter: "  status  =  OK", limit: 9, token: token)
        let other = try #require(throws: QueryError.self) { try RequestQuery(filter: "", limit: 1, token: token) }
        #expect(other.field == "page_token" && other.found == "the token of another question")
        for text in ["x", "7", token + "A", String(token.dropLast()), String(repeating: "A", count: 300), "é"] {
            let error = try #require(throws: QueryError.self) {
                try RequestQuery(filter: "status = OK", limit: 1, token: text)
            }
            #expect(error.field == "page_token", "\(text)")
        }
    }
}
