import FoundationEssentials
import GRDB
import Glibc
import Inference
import Testing

@testable import Persistence

@Suite("Store", .timeLimit(.minutes(1)))
struct StoreTests {
    static let kinds: [UpstreamFault.Kind] = [
        .rateLimited(retryAfter: .seconds(3)), .rateLimited(retryAfter: nil), .overloaded(retryAfter: .milliseconds(5)),
        .serverError, .unreachable, .timedOut(.connect), .timedOut(.firstToken), .timedOut(.idle), .timedOut(.total),
        .truncated, .malformed, .contextLengthExceeded, .contentFiltered, .authenticationFailed, .modelNotFound,
        .invalidRequest, .cancelled,
    ]

    @Test("A record comes back as it was, with every field and attempt", arguments: [true, false])
    func roundTrip(isFull: Bool) async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        var record = isFull ? RequestRecord.full("r1") : RequestRecord.plain("r1")
        let other = try #require(ModelID("openrouter/meta-llama/llama-3"))
        record.attempts =
            Self.kinds.map { kind in
                Attempt(
                    model: other, duration: .microseconds(7),
                    fault: UpstreamFault(kind, "why", httpStatus: isFull ? 503 : nil))
            } + record.attempts
        if !isFull { record.model = nil }
        try await store.insert([record])
        #expect(try await store.request(id: "r1") == record)
        #expect(try await store.request(id: "r2") == nil)
        try store.close()
        // And from the file, not from memory.
        let again = try Store(path: directory.database)
        #expect(try await again.recentRequests(limit: 5) == [record])
    }

    @Test("A lone attempt by the model that answered costs no row of its own; every other one has its row")
    func singleAttempt() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let other = try #require(ModelID("cloud/org/model"))
        let single = RequestRecord.plain("single")
        var none = RequestRecord.plain("none")
        none.attempts = []
        var failed = RequestRecord.plain("failed")
        failed.attempts[0].fault = UpstreamFault(.unreachable, "gone")
        var elsewhere = RequestRecord.plain("elsewhere")
        elsewhere.attempts[0].model = other
        var unanswered = RequestRecord.plain("unanswered")
        unanswered.model = nil
        let records = [single, none, failed, elsewhere, unanswered, .full("two")]
        try await store.insert(records)
        #expect(try await store.recentRequests(limit: 9) == records.reversed())
        let rows = try await store.read { database in
            try String.fetchAll(
                database,
                sql: "SELECT id FROM attempts JOIN requests ON sequence = request ORDER BY sequence, position"
            )
        }
        #expect(rows == ["failed", "elsewhere", "unanswered", "two", "two"])
    }

    @Test("A record that is damaged is an error, never the end of the process")
    func damaged() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await store.insert([.full("r1")])
        try await store.write { try $0.execute(sql: "UPDATE requests SET metadata = '['") }
        let error = await #expect(throws: StoreError.self) { try await store.request(id: "r1") }
        #expect(error?.message == "the database failed: column 'metadata' is damaged")
    }

    @Test("A NUL in what a client sent does not cut the text short")
    func nul() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        var record = RequestRecord.plain("a\u{0}b")
        record.errorMessage = "x\u{0}y"
        record.metadata = ["\u{0}": "\u{0}"]
        try await store.insert([record])
        let found = try #require(try await store.request(id: "a\u{0}b"))
        #expect(found.id == "a\u{FFFD}b")
        #expect(found.errorMessage == "x\u{FFFD}y")
        #expect(found.metadata == record.metadata)
    }

    @Test("The newest records come first, and an id that was used twice finds its newest record")
    func order() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await store.insert((1...5).map { .plain("r\($0)") })
        var newest = RequestRecord.plain("r1")
        newest.status = "UNAVAILABLE"
        try await store.insert([newest])
        #expect(try await store.recentRequests(limit: 3).map(\.id) == ["r1", "r5", "r4"])
        #expect(try await store.request(id: "r1")?.status == "UNAVAILABLE")
        #expect(try await store.requestCount() == 6)
    }

    @Test(
        "Times that are out of all reason are kept as the nearest number",
        arguments: [
            (Duration.seconds(Int64.max), Int64.max), (.seconds(Int64.min), .min), (.microseconds(-5), -5), (.zero, 0),
        ])
    func microseconds(_ duration: Duration, _ expected: Int64) {
        #expect(duration.microseconds == expected)
    }

    @Test("Missing directories are made, and nobody else can read them or the database")
    func permissions() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/a/b/roundhouse.db"
        let store = try Store(path: path)
        for (name, mode) in [
            (path, 0o600), ("\(path).lock", 0o600), ("\(path)-wal", 0o600), ("\(directory.path)/a", 0o700),
        ] {
            var status = stat()
            #expect(unsafe lstat(name, &status) == 0)
            #expect(Int(status.st_mode) & 0o777 == mode, "\(name)")
        }
        try store.close()
    }

    @Test("The tables were made by the migrations that were released, in order")
    func migrations() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        #expect(
            Migrations.migrator.migrations == [
                "0001-requests", "0002-registry", "0003-events", "0004-statistics", "0005-single-attempt", "0006-costs",
                "0007-settings", "0008-request-details", "0009-metrics", "0010-traces",
            ])
        let settings = try await store.read { database in
            [
                try String.fetchOne(database, sql: "PRAGMA journal_mode"),
                try String.fetchOne(database, sql: "PRAGMA foreign_keys"),
                try String.fetchOne(database, sql: "PRAGMA application_id"),
            ]
        }
        #expect(settings == ["wal", "1", "\(0x5248_5345)"])
        let columns = try await store.read { database in
            try database.columns(in: "requests").map(\.name) + database.columns(in: "attempts").map(\.name)
        }
        #expect(
            columns == [
                "sequence", "id", "requested_model", "provider", "model", "started_at", "latency_us", "first_token_us",
                "input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "is_estimated",
                "finish_reason", "status", "error_message", "is_streamed", "metadata", "attempt_us",
                "cost_nano_usd", "is_cost_estimated", "more_tokens", "queue_us", "load_us", "cache_status", "client",
                "tags", "trace_id", "request", "position", "provider", "model", "duration_us", "fault", "fault_message",
                "http_status",
                "retry_after_us", "usage", "cost_nano_usd", "is_cost_estimated", "is_hedge",
                "is_retry_useless",
            ]
        )
    }

    @Test("Deleting takes the oldest first, no more than asked, and their attempts too")
    func deletion() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await store.insert((1...10).map { .full("r\($0)", startedAt: Int64($0)) })
        #expect(try await store.deleteRequests(before: 8, limit: 4) == 4)
        #expect(try await store.recentRequests(limit: 10).map(\.id) == ["r10", "r9", "r8", "r7", "r6", "r5"])
        #expect(try await store.deleteRequests(before: 8, limit: 4) == 3)
        #expect(try await store.deleteRequests(before: 8, limit: 4) == 0)
        let attempts = try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM attempts") }
        #expect(attempts == 6)
    }
}

@Suite("Stores that cannot be opened", .timeLimit(.minutes(1)))
struct StoreErrorTests {
    private func failure(_ path: String) -> StoreError? {
        do {
            _ = try Store(path: path)
            return nil
        } catch {
            return error
        }
    }

    @Test("A file that is no database, or a damaged one", arguments: ["text", "header", "pages"])
    func corrupt(kind: String) throws {
        let directory = try TemporaryDirectory()
        switch kind {
        case "text":
            try directory.write(
                Array("This is no database. ".utf8) + Array(repeating: 0x20, count: 4096), to: "roundhouse.db")
        case "header":
            try directory.write(
                Array("SQLite format 3\0".utf8) + Array(repeating: 0xFF, count: 8192), to: "roundhouse.db")
        default:
            try Store(path: directory.database).close()
            let url = URL(filePath: directory.database)
            var bytes = [UInt8](try Data(contentsOf: url))
            // Everything behind the file's header: the table of tables itself.
            for index in 100..<bytes.count { bytes[index] = 0xA5 }
            try Data(bytes).write(to: url)
        }
        let error = try #require(self.failure(directory.database))
        #expect(error.code == .corrupt)
        #expect(error.description.hasPrefix("\(directory.database): the database is damaged or is no database ("))
        #expect(error.description.contains("move it away to start with an empty one"))
        // The file is as it was: nothing is repaired or emptied behind the operator's back.
        #expect(try Data(contentsOf: URL(filePath: directory.database)).count >= 4096)
    }

    @Test("A database of another program is left alone")
    func foreign() throws {
        let directory = try TemporaryDirectory()
        let queue = try DatabaseQueue(path: directory.database)
        try queue.write { try $0.execute(sql: "CREATE TABLE theirs (x)") }
        try queue.close()
        let error = try #require(self.failure(directory.database))
        #expect(error.code == .foreign)
        #expect(error.message == "this is a database of another program; set storage.path")
        let tables = try DatabaseQueue(path: directory.database).read {
            try String.fetchAll($0, sql: "SELECT name FROM sqlite_master")
        }
        #expect(tables == ["theirs"])
    }

    @Test("A database that a later version wrote is refused")
    func newer() throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try store.pool.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('9999-budgets')") }
        try store.close()
        let error = self.failure(directory.database)
        #expect(error?.code == .newerSchema)
        #expect(
            error?.message
                == "a later version of Roundhouse wrote this database (9999-budgets); run that version, or move the file away"
        )
    }

    @Test("A second server on the same database is refused, and told which process has it, until the first is gone")
    func locked() throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let error = try #require(self.failure(directory.database))
        #expect(error.code == .locked)
        #expect(
            error.message
                == "another Roundhouse server (process \(getpid())) uses this database; end it, or give this one a "
                + "--data-dir of its own"
        )
        try store.close()
        #expect(self.failure(directory.database) == nil)
    }

    @Test("A directory where the file should be, and a file where the directory should be")
    func notAFile() throws {
        let directory = try TemporaryDirectory()
        try directory.write([0x78], to: "file")
        let inDirectory = try #require(self.failure(directory.path))
        #expect(inDirectory.code == .cannotOpen)
        #expect(inDirectory.message == "cannot open the database: Is a directory")
        let underFile = try #require(self.failure("\(directory.path)/file/roundhouse.db"))
        #expect(underFile.code == .cannotOpen)
        #expect(underFile.message.hasSuffix("Not a directory"))
    }

    @Test("What must not be written is told as such", arguments: ["file", "directory", "lock"])
    func readOnly(what: String) async throws {
        let directory = try TemporaryDirectory()
        try Store(path: directory.database).close()
        let path = directory.database
        // In a process of its own, since the rights of a test that runs as root have to be given up first.
        await #expect(processExitsWith: .success) { [path = path as String, what = what as String] in
            let parent = String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
            for name in [path, "\(path).lock", parent] { _ = unsafe chmod(name, 0o777) }
            switch what {
            case "file": _ = unsafe chmod(path, 0o444)
            case "lock": _ = unsafe chmod("\(path).lock", 0o444)
            default:
                _ = unsafe unlink(path)
                _ = unsafe chmod(parent, 0o555)
            }
            if getuid() == 0 { _ = setuid(65_534) }
            do throws(StoreError) {
                _ = try Store(path: path)
                exit(1)
            } catch {
                let isClear =
                    error.code == .readOnly && error.message.contains("Permission denied")
                    && error.message.contains("give this user write permission")
                exit(isClear ? 0 : 2)
            }
        }
    }

    @Test(
        "SQLite's own codes become ours",
        arguments: [
            (ResultCode.SQLITE_FULL, StoreError.Code.diskFull), (.SQLITE_READONLY, .readOnly),
            (.SQLITE_CORRUPT, .corrupt),
            (.SQLITE_CANTOPEN, .cannotOpen), (.SQLITE_BUSY, .busy), (.SQLITE_NOTADB, .corrupt),
            (.SQLITE_IOERR_WRITE, .failed),
        ])
    func codes(_ code: ResultCode, _ expected: StoreError.Code) {
        let error = StoreError(
            DatabaseError(resultCode: code, message: "m", sql: "INSERT secret", arguments: ["secret"]), path: "/p"
        )
        #expect(error.code == expected)
        #expect(!error.description.contains("secret"))
    }
}
