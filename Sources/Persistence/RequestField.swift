import Inference
import ModelRegistry

/// A field that request records can be filtered by.
package struct RequestField: Sendable {
    package let name: String
    let kind: Kind
    /// Reads it from a row of `requests`.
    let sql: String

    /// What a field's values are, and how they are stored.
    enum Kind: Sendable {
        case text
        /// One of a few words, each with what is stored for it.
        case choice([(word: String, stored: String)])
        case whole
        /// In microseconds.
        case duration
        /// In billionths.
        case money
        case flag
        /// In microseconds since 1970-01-01 UTC.
        case time
        /// Several texts. ``RequestField/sql`` is a query for them, with the column `value`.
        case list
    }

    private init(_ name: String, _ kind: Kind, _ sql: String) {
        self.name = name
        self.kind = kind
        self.sql = sql
    }

    /// The table of docs/Requests.md, in its order.
    ///
    /// A plus before a column keeps SQLite from choosing an index by it: pages are read in the order of the sequence, and
    /// ``RequestQuery`` turns times into a range of it. The index on ids is the one that is meant to be used.
    package static let all: [RequestField] = [
        RequestField("id", .text, "id"),
        RequestField("sequence", .whole, "+sequence"),
        RequestField("model", .text, "provider || '/' || model"),
        RequestField("provider", .text, "provider"),
        RequestField("requested_model", .text, "requested_model"),
        RequestField("status", .choice(Self.statuses.map { ($0, $0) }), "status"),
        RequestField("error", .text, "error_message"),
        RequestField("finish_reason", .choice(FinishReason.allCases.map { ($0.word, $0.rawValue) }), "finish_reason"),
        RequestField("start_time", .time, "+started_at"),
        RequestField("latency", .duration, "latency_us"),
        RequestField("first_token_latency", .duration, "first_token_us"),
        RequestField("queue_time", .duration, "queue_us"),
        RequestField("load_time", .duration, "load_us"),
        RequestField("cost", .money, "cost_nano_usd"),
        RequestField("input_tokens", .whole, "input_tokens"),
        RequestField("output_tokens", .whole, "output_tokens"),
        RequestField("cached_input_tokens", .whole, "cached_input_tokens"),
        RequestField("reasoning_tokens", .whole, "reasoning_tokens"),
        RequestField("attempts", .whole, Self.attemptCount),
        RequestField("faults", .list, Self.faults),
        RequestField("streamed", .flag, "is_streamed"),
        RequestField(
            "cache_status", .choice(CacheStatus.allCases.map { ($0.rawValue, $0.rawValue) }),
            "ifnull(cache_status, '\(CacheStatus.none.rawValue)')"),
        RequestField("client", .text, "client"),
        RequestField("tags", .list, "SELECT value FROM json_each(requests.tags)"),
        RequestField("trace_id", .text, "trace_id"),
    ]

    /// A lone attempt that succeeded has no row of its own.
    private static let attemptCount = """
        CASE WHEN attempt_us IS NULL THEN (SELECT count(*) FROM attempts WHERE request = sequence) ELSE 1 END
        """

    private static let faults = "SELECT fault AS value FROM attempts WHERE request = sequence AND fault IS NOT NULL"

    private static let byName = Dictionary(uniqueKeysWithValues: Self.all.map { ($0.name, $0) })

    package static func named(_ name: String) -> RequestField? { self.byName[name] }

    /// The names of those that are conditions by themselves.
    static let flags = Set(Self.all.filter { if case .flag = $0.kind { true } else { false } }.map(\.name))

    /// What to tell someone who wrote a field that there is not.
    static func advice(for unknown: String) -> String {
        let names = self.all.map(\.name)
        guard let nearest = Spelling.nearest(to: unknown, of: names) else {
            return "one of the fields \(names.joined(separator: ", "))"
        }
        return "a field that there is; did you mean '\(nearest)'?"
    }

    /// Of the gRPC specification.
    private static let statuses = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
        "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ]
}

extension FinishReason {
    /// As the API names it, in small letters.
    fileprivate var word: String {
        switch self {
        case .stop: "stop"
        case .length: "length"
        case .toolCalls: "tool_calls"
        case .contentFilter: "content_filter"
        case .refusal: "refusal"
        case .other: "other"
        }
    }
}
