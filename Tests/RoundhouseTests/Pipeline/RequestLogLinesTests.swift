import Inference
import Logging
import Synchronization
import Testing

@testable import Roundhouse

@Suite struct RequestLogLinesTests {
    @Test(arguments: [
        (RoundhouseConfiguration.Log.Requests.all, ["OK", "CANCELLED", "UNAVAILABLE"]),
        (.failures, ["CANCELLED", "UNAVAILABLE"]), (.off, []),
    ])
    func `A line for each request, for each failure, or none`(
        requests: RoundhouseConfiguration.Log.Requests, told: [String]
    ) {
        let lines = LogLines()
        let writer = RequestLogLines(requests, logger: lines.logger)
        for status in ["OK", "CANCELLED", "UNAVAILABLE"] { writer?.record(Self.record(status)) }
        #expect(lines.all.map { $0.metadata["status"] } == told)
    }

    @Test func `The message is constant, and everything else is metadata`() throws {
        let lines = LogLines()
        var record = Self.record("UNAVAILABLE")
        record.traceID = TraceID("4bf92f3577b34da6a3ce929d0e0e4736")
        record.model = ModelID("openai/gpt-4o")
        record.firstTokenLatency = .milliseconds(250)
        record.usage = Usage(inputTokens: 12, outputTokens: 3)
        record.errorMessage = "the prompt 'my secret' is too long"
        let fault = UpstreamFault(.rateLimited(retryAfter: nil), "no more of 'my secret'")
        record.attempts = [Attempt(model: try #require(record.model), duration: .seconds(1), fault: fault)]
        RequestLogLines(.failures, logger: lines.logger)?.record(record)
        let line = try #require(lines.all.first)
        #expect(line.level == .warning && line.message == "Request failed")
        #expect(
            line.metadata == [
                "request_id": "mine", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "requested_model": "fast",
                "model": "openai/gpt-4o", "provider": "openai", "status": "UNAVAILABLE", "attempts": "1",
                "latency_ms": "1500.25", "first_token_ms": "250.0", "input_tokens": "12", "output_tokens": "3",
                "faults": "rate_limited",
            ])
    }

    private static func record(_ status: String) -> RequestRecord {
        RequestRecord(
            id: "mine", requestedModel: "fast", startedAtMicroseconds: 0, latency: .microseconds(1_500_250),
            status: status, isStreamed: true)
    }
}

/// What was logged, line by line.
final class LogLines: Sendable {
    struct Line: Sendable {
        var level: Logger.Level
        var message: String
        var metadata: [String: String]
    }

    private let lines = Mutex<[Line]>([])

    var all: [Line] { self.lines.withLock { $0 } }

    /// Takes everything.
    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(lines: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let lines: LogLines
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = self.metadata.merging(event.metadata ?? [:]) { $1 }
            let line = Line(
                level: event.level, message: "\(event.message)", metadata: metadata.mapValues { "\($0)" })
            self.lines.lines.withLock { $0.append(line) }
        }
    }
}
