import GRDB
import Inference

/// How a ``RequestRecord`` is laid out in the tables `requests` and `attempts`.
enum RequestRow {
    private static let insertRequest = """
        INSERT INTO requests (
            id, requested_model, provider, model, started_at, latency_us, first_token_us, input_tokens, output_tokens,
            cached_input_tokens, reasoning_tokens, is_estimated, finish_reason, status, error_message, is_streamed,
            metadata, attempt_us, cost_nano_usd, is_cost_estimated, more_tokens, queue_us, load_us, cache_status, client,
            tags, trace_id
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    private static let insertAttempt = """
        INSERT INTO attempts (
            request, position, provider, model, duration_us, fault, fault_message, http_status, retry_after_us, usage,
            cost_nano_usd, is_cost_estimated, is_hedge, is_retry_useless
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    /// Binds its values in the order of the columns above.
    static func insert(_ record: RequestRecord, into database: Database) throws {
        let usage = record.usage
        let single = Self.single(record)
        var values = StatementBinder(try database.cachedStatement(sql: Self.insertRequest))
        values.bind(record.id.storable)
        values.bind(record.requestedModel.storable)
        values.bind(record.model?.provider.rawValue)
        values.bind(record.model?.name)
        values.bind(record.startedAtMicroseconds)
        values.bind(record.latency.microseconds)
        values.bind(record.firstTokenLatency?.microseconds)
        values.bind(usage?.inputTokens)
        values.bind(usage?.outputTokens)
        values.bind(usage?.cachedInputTokens)
        values.bind(usage?.reasoningTokens)
        values.bind(usage?.isEstimated)
        values.bind(record.finishReason?.rawValue)
        values.bind(record.status)
        values.bind(record.errorMessage?.storable)
        values.bind(record.isStreamed)
        values.bind(record.metadata.isEmpty ? "{}" : try Stored.json(record.metadata))
        values.bind(single?.duration.microseconds)
        values.bind(record.cost?.nanoUSD)
        values.bind(record.cost?.isEstimated)
        values.bind(try usage.flatMap(MoreTokens.init).map(Stored.json))
        values.bind(record.queueTime?.microseconds)
        values.bind(record.loadTime?.microseconds)
        values.bind(record.cacheStatus == .none ? nil : record.cacheStatus.rawValue)
        values.bind(record.client?.storable)
        values.bind(record.tags.isEmpty ? nil : try Stored.json(record.tags.map(\.storable)))
        values.bind(record.traceID?.description)
        try values.execute()
        if single != nil { return }
        let sequence = database.lastInsertedRowID
        for (position, attempt) in record.attempts.enumerated() {
            try database.cachedStatement(sql: Self.insertAttempt).execute(arguments: [
                sequence, position, attempt.model.provider.rawValue, attempt.model.name, attempt.duration.microseconds,
                attempt.fault?.reason, attempt.fault?.message.storable, attempt.fault?.httpStatus,
                attempt.fault?.retryAfter?.microseconds, try attempt.usage.map { try Stored.json(StoredUsage($0)) },
                attempt.cost?.nanoUSD, attempt.cost?.isEstimated, attempt.isHedge ? true : nil,
                attempt.fault?.mayRetrySame == false ? true : nil,
            ])
        }
    }

    static func record(_ row: Row, in database: Database) throws -> RequestRecord {
        let model = try Self.model(row)
        return RequestRecord(
            id: try row.value("id"),
            requestedModel: try row.value("requested_model"),
            model: model,
            startedAtMicroseconds: try row.value("started_at"),
            latency: .microseconds(try row.value("latency_us", as: Int64.self)),
            firstTokenLatency: try row.value("first_token_us", as: Int64?.self).map { .microseconds($0) },
            queueTime: try row.value("queue_us", as: Int64?.self).map { .microseconds($0) },
            loadTime: try row.value("load_us", as: Int64?.self).map { .microseconds($0) },
            usage: try Self.usage(row),
            cost: try Self.cost(row),
            finishReason: try row.value("finish_reason", as: String?.self).flatMap(FinishReason.init(rawValue:)),
            attempts: try Self.attempts(row, of: model, in: database),
            status: try row.value("status"),
            errorMessage: try row.value("error_message"),
            isStreamed: try row.value("is_streamed"),
            // What a later version calls it is nothing that this one knows of.
            cacheStatus: try row.value("cache_status", as: String?.self).flatMap(CacheStatus.init(rawValue:)) ?? .none,
            client: try row.value("client"),
            tags: try row.value("tags", as: String?.self)
                .map { try Stored.decode([String].self, from: $0, in: "column 'tags'") } ?? [],
            metadata: try Stored.decode([String: String].self, from: row.value("metadata"), in: "column 'metadata'"),
            traceID: try row.value("trace_id", as: String?.self).flatMap { TraceID($0) }
        )
    }

    /// The attempt that needs no row of its own: the only one, by the model that answered.
    private static func single(_ record: RequestRecord) -> Attempt? {
        guard record.attempts.count == 1, let attempt = record.attempts.first, attempt.fault == nil,
            attempt.model == record.model, attempt.usage == record.usage, attempt.cost == record.cost, !attempt.isHedge
        else { return nil }
        return attempt
    }

    private static func attempts(_ row: Row, of model: ModelID?, in database: Database) throws -> [Attempt] {
        if let model, let duration = try row.value("attempt_us", as: Int64?.self) {
            return [
                Attempt(
                    model: model, duration: .microseconds(duration), usage: try Self.usage(row),
                    cost: try Self.cost(row))
            ]
        }
        return try Row.fetchAll(
            database.cachedStatement(sql: "SELECT * FROM attempts WHERE request = ? ORDER BY position"),
            arguments: [row.value("sequence", as: Int64.self)]
        ).compactMap(Self.attempt)
    }

    private static func model(_ row: Row) throws -> ModelID? {
        guard let provider = try row.value("provider", as: String?.self).flatMap({ ProviderID($0) }),
            let name = try row.value("model", as: String?.self)
        else { return nil }
        return ModelID(provider: provider, name: name)
    }

    private static func usage(_ row: Row) throws -> Usage? {
        guard let input = try row.value("input_tokens", as: Int?.self),
            let output = try row.value("output_tokens", as: Int?.self)
        else { return nil }
        var usage = Usage(
            inputTokens: input,
            outputTokens: output,
            cachedInputTokens: try row.value("cached_input_tokens") ?? 0,
            reasoningTokens: try row.value("reasoning_tokens") ?? 0,
            isEstimated: try row.value("is_estimated") ?? false
        )
        if let more = try row.value("more_tokens", as: String?.self) {
            try Stored.decode(MoreTokens.self, from: more, in: "column 'more_tokens'").add(to: &usage)
        }
        return usage
    }

    private static func cost(_ row: Row) throws -> Cost? {
        guard let nanoUSD = try row.value("cost_nano_usd", as: Int64?.self) else { return nil }
        return Cost(nanoUSD: nanoUSD, isEstimated: try row.value("is_cost_estimated", as: Bool?.self) ?? false)
    }

    private static func attempt(_ row: Row) throws -> Attempt? {
        guard let model = try Self.model(row) else { return nil }
        let retryAfter = try row.value("retry_after_us", as: Int64?.self).map { Duration.microseconds($0) }
        let message = try row.value("fault_message", as: String?.self) ?? ""
        let status = try row.value("http_status", as: Int?.self)
        let isRetryUseless = try row.value("is_retry_useless", as: Bool?.self) ?? false
        let fault = try row.value("fault", as: String?.self).map { reason in
            UpstreamFault(
                Self.kind(reason, retryAfter: retryAfter), message, httpStatus: status, mayRetrySame: !isRetryUseless)
        }
        let usage = try row.value("usage", as: String?.self).map { text in
            try Stored.decode(StoredUsage.self, from: text, in: "column 'usage'").usage
        }
        return Attempt(
            model: model,
            duration: .microseconds(try row.value("duration_us", as: Int64.self)),
            fault: fault,
            usage: usage,
            cost: try Self.cost(row),
            isHedge: try row.value("is_hedge", as: Bool?.self) ?? false
        )
    }

    /// The fault that ``UpstreamFault/reason`` names. One that this version does not know was an error of the upstream.
    static func kind(_ reason: String, retryAfter: Duration?) -> UpstreamFault.Kind {
        switch reason {
        case "rate_limited": .rateLimited(retryAfter: retryAfter)
        case "overloaded": .overloaded(retryAfter: retryAfter)
        case "unreachable": .unreachable
        case "timed_out_connect": .timedOut(.connect)
        case "timed_out_first_token": .timedOut(.firstToken)
        case "timed_out_idle": .timedOut(.idle)
        case "timed_out_total": .timedOut(.total)
        case "truncated": .truncated
        case "malformed": .malformed
        case "insufficient_memory": .insufficientMemory
        case "queue_full": .queueFull
        case "diverged": .diverged
        case "context_length_exceeded": .contextLengthExceeded
        case "content_filtered": .contentFiltered
        case "authentication_failed": .authenticationFailed
        case "model_not_found": .modelNotFound
        case "invalid_request": .invalidRequest
        case "unsupported": .unsupported
        case "cancelled": .cancelled
        default: .serverError
        }
    }
}

extension String {
    /// SQLite's texts end at the first NUL, and clients may send some: each becomes the replacement character.
    var storable: String {
        guard self.utf8.contains(0) else { return self }
        return String(String.UnicodeScalarView(self.unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : $0 }))
    }
}

extension Duration {
    /// Whole microseconds; the largest or smallest number when there are more than fit.
    var microseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (scaled, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, overflowsToo) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return overflows || overflowsToo ? (seconds < 0 ? .min : .max) : sum
    }
}
