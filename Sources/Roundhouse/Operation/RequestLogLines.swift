internal import Inference
internal import Logging
internal import Synchronization

/// Writes a line into the log for each request that has ended.
///
/// The message is one of three sentences; who, what and how much is metadata. Nothing of the request's text is in it.
struct RequestLogLines: RequestRecorder {
    private let logger: Logger
    private let tellsAll: Bool

    /// - Returns: `nil` when no request has a line.
    init?(_ requests: RoundhouseConfiguration.Log.Requests, logger: Logger) {
        guard requests != .off else { return nil }
        self.logger = logger
        self.tellsAll = requests == .all
    }

    func record(_ record: RequestRecord) {
        switch record.status {
        case "OK":
            guard self.tellsAll else { return }
            self.logger.info("Request answered", metadata: Self.metadata(of: record))
        // The client's own doing, and mostly its wish.
        case "CANCELLED": self.logger.info("Request cancelled by its client", metadata: Self.metadata(of: record))
        default: self.logger.warning("Request failed", metadata: Self.metadata(of: record))
        }
    }

    static func metadata(of record: RequestRecord) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "request_id": "\(record.id)", "requested_model": "\(record.requestedModel)", "status": "\(record.status)",
            "attempts": "\(record.attempts.count)", "latency_ms": "\(Self.milliseconds(record.latency))",
        ]
        if let trace = record.traceID { metadata["trace_id"] = "\(trace)" }
        if let model = record.model {
            metadata["model"] = "\(model)"
            metadata["provider"] = "\(model.provider)"
        }
        if let latency = record.firstTokenLatency { metadata["first_token_ms"] = "\(Self.milliseconds(latency))" }
        if let usage = record.usage {
            metadata["input_tokens"] = "\(usage.inputTokens)"
            metadata["output_tokens"] = "\(usage.outputTokens)"
        }
        // The kinds of what went wrong, never the words of an upstream: those may repeat what it was sent.
        let faults = record.attempts.compactMap { $0.fault?.reason }
        if !faults.isEmpty { metadata["faults"] = "\(faults.joined(separator: " "))" }
        return metadata
    }

    /// With microseconds.
    private static func milliseconds(_ duration: Duration) -> Double {
        (duration / .microseconds(1)).rounded() / 1000
    }
}

/// Writes lines for those requests that the configuration wants, which it may change.
final class SwitchedRequestLines: RequestRecorder {
    private let logger: Logger
    private let lines: Mutex<RequestLogLines?>

    init(_ requests: RoundhouseConfiguration.Log.Requests, logger: Logger) {
        self.logger = logger
        self.lines = Mutex(RequestLogLines(requests, logger: logger))
    }

    func set(_ requests: RoundhouseConfiguration.Log.Requests) {
        self.lines.withLock { $0 = RequestLogLines(requests, logger: self.logger) }
    }

    func record(_ record: RequestRecord) {
        self.lines.withLock { $0 }?.record(record)
    }
}
