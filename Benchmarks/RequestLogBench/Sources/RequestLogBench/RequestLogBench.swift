import Glibc
import Inference
import Logging
import ModelRegistry
import Persistence
import Synchronization

/// Prints one line of JSON: nanoseconds that recording costs a request, the size of a month of records, milliseconds of
/// questions for its last day, and how long a batch waits while a day is pruned.
///
///     request-log-bench [DIRECTORY [COUNT]]
///     request-log-bench DIRECTORY figures [MODELS]
///
/// The directory is made when it is missing, and the database in it is left for a closer look. The second form measures
/// figures instead of records: see ``FiguresBench``.
@main
enum RequestLogBench {
    private static let day: Int64 = 86_400_000_000
    private static let days: Int64 = 30

    static func main() async throws {
        let arguments = CommandLine.arguments
        let directory = arguments.count > 1 ? arguments[1] : "/tmp/request-log-bench-\(getpid())"
        if arguments.count > 2, arguments[2] == "figures" {
            let models = arguments.count > 3 ? Int(arguments[3]) ?? 1000 : 1000
            return Self.tell(try await FiguresBench(models: models, directory: directory).figures())
        }
        let count = arguments.count > 2 ? Int64(arguments[2]) ?? 1_000_000 : 1_000_000
        let store = try Store(path: "\(directory)/requests.db")
        let traffic = Traffic(count: count, over: Self.days * Self.day)
        var figures: [(String, Double)] = [("records", Double(count))]

        figures.append(("record_ns", Self.hotPath(traffic)))
        let begin = ContinuousClock.now
        try await Self.fill(store, traffic)
        let seconds = Self.milliseconds(begin.duration(to: .now)) / 1e3
        figures.append(("write_us_per_record", seconds * 1e6 / Double(count)))
        try await store.synchronize()
        figures.append(("size_mb", Double(Self.size("\(directory)/requests.db")) / 1e6))

        figures += try await Self.questions(store, traffic)
        figures += try await Self.pruning(store, traffic)
        try store.close()
        Self.tell(figures)
    }

    private static func tell(_ figures: [(String, Double)]) {
        let members = figures.map { "\"\($0.0)\": \(($0.1 * 100).rounded() / 100)" }
        print("{\(members.joined(separator: ", "))}")
    }

    /// What a request pays: a record into memory. Nothing writes meanwhile.
    private static func hotPath(_ traffic: Traffic) -> Double {
        let records = (0..<50_000).map { traffic.record(Int64($0)) }
        guard let store = try? Store(path: "/tmp/request-log-bench-\(getpid())-memory/requests.db") else { return .nan }
        var best = Double.infinity
        for _ in 0..<5 {
            let log = RequestLog(store: store, logger: Logger(label: "bench"))
            let begin = ContinuousClock.now
            for record in records { log.record(record) }
            best = min(best, Self.milliseconds(begin.duration(to: .now)) * 1e6 / Double(records.count))
        }
        try? store.close()
        return best
    }

    /// By the log itself, as the server does it.
    private static func fill(_ store: Store, _ traffic: Traffic) async throws {
        let log = RequestLog(store: store, now: { 0 }, logger: Logger(label: "bench"))
        try await withThrowingTaskGroup { group in
            group.addTask { await log.run() }
            for index in 0..<traffic.count {
                log.record(traffic.record(index))
                if index % 8192 == 8191 { try await Self.flush(log) }
            }
            try await Self.flush(log)
            group.cancelAll()
        }
        guard log.status.dropped == 0 else { throw BenchError(message: "records were dropped") }
    }

    private static func flush(_ log: RequestLog) async throws {
        // It may not run yet.
        for _ in 0..<1000 {
            do {
                return try await log.flush()
            } catch {
                await Task.yield()
            }
        }
        throw BenchError(message: "the log does not run")
    }

    private static func questions(_ store: Store, _ traffic: Traffic) async throws -> [(String, Double)] {
        let last = "start_time >= \(traffic.text(of: traffic.end - Self.day))"
        let week =
            "start_time >= \(traffic.text(of: traffic.end - 8 * Self.day)) AND "
            + "start_time < \(traffic.text(of: traffic.end - 7 * Self.day))"
        let filters: [(String, String)] = [
            ("newest_ms", ""),
            ("by_id_ms", "id = \(traffic.record(traffic.count / 2).id)"),
            ("day_ms", last),
            ("day_failed_ms", "\(last) AND status != OK"),
            ("day_model_ms", "\(last) AND model = provider-3/model-13"),
            ("day_slow_ms", "\(last) AND latency > 55s"),
            ("day_dear_ms", "\(last) AND cost > 1"),
            ("day_tag_ms", "\(last) AND tags:none"),
            ("day_attempts_ms", "\(last) AND attempts > 3"),
            ("day_text_ms", "\(last) AND error:'never seen'"),
            ("day_week_ago_ms", "\(week) AND status != OK"),
            ("day_week_ago_none_ms", "\(week) AND tags:none"),
            ("follow_ms", "sequence > \(traffic.count - 10) AND status != OK"),
            ("month_none_ms", "error:'never seen'"),
        ]
        var figures: [(String, Double)] = []
        for (name, filter) in filters {
            var times: [Double] = []
            for _ in 0..<7 {
                var token = ""
                let begin = ContinuousClock.now
                repeat {
                    let query = try RequestQuery(filter: filter, limit: 100, token: token)
                    let page = try await store.requests(query)
                    // One page, or what there is when the page is not full.
                    token = page.requests.count == 100 ? "" : page.nextToken
                } while !token.isEmpty
                times.append(Self.milliseconds(begin.duration(to: .now)))
            }
            figures.append((name, times.sorted()[times.count / 2]))
        }
        return figures
    }

    /// A day is pruned while a record is written every millisecond or so: the longest that one of them waited.
    private static func pruning(_ store: Store, _ traffic: Traffic) async throws -> [(String, Double)] {
        var settings = RequestLog.Settings()
        settings.retention = .seconds((Self.days - 1) * 86_400)
        let log = RequestLog(store: store, settings: settings, now: { traffic.end }, logger: Logger(label: "bench"))
        let before = try await store.requestCount()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            let begin = ContinuousClock.now
            group.addTask { await log.run() }
            var longest = 0.0
            var longestRead = 0.0
            var written = 0
            var pruned = 0
            var expected = 0
            for index in 0..<traffic.count where traffic.start(of: index) < traffic.end - (Self.days - 1) * Self.day {
                expected += 1
            }
            while pruned < expected {
                let start = ContinuousClock.now
                log.record(traffic.record(traffic.count - 1))
                try await Self.flush(log)
                let flushed = ContinuousClock.now
                longest = max(longest, Self.milliseconds(start.duration(to: flushed)))
                written += 1
                pruned = before + written - (try await store.requestCount())
                _ = try await store.requests(try RequestQuery(limit: 100))
                longestRead = max(longestRead, Self.milliseconds(flushed.duration(to: .now)))
            }
            let total = Self.milliseconds(begin.duration(to: .now))
            group.cancelAll()
            return [
                ("pruned_records", Double(pruned)), ("prune_day_ms", total),
                ("longest_write_while_pruning_ms", longest),
                ("longest_count_and_page_while_pruning_ms", longestRead),
            ]
        }
    }

    static func milliseconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) * 1e3 + Double(duration.components.attoseconds) * 1e-15
    }

    static func size(_ path: String) -> Int64 {
        ["", "-wal"].reduce(0) { sum, suffix in
            var status = stat()
            return unsafe stat(path + suffix, &status) == 0 ? sum + Int64(status.st_size) : sum
        }
    }
}

struct BenchError: Error {
    var message: String
}
