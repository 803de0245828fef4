import Inference
import Logging
import NIOPosix
import TestSupport
import Testing
import TraceExport

@testable import Roundhouse

@Suite(.timeLimit(.minutes(1))) struct SpanExporterTests {
    @Test func `What a collector cannot take now is sent again`() async throws {
        let count = Counter()
        try await FaultUpstream.run { _ in
            count.add(1)
            return .whole("{}", status: count.value == 1 ? "503 Service Unavailable" : "200 OK")
        } _: { collector in
            let lines = LogLines()
            let exporter = try Self.exporter(collector, ["OTEL_BSP_SCHEDULE_DELAY": "5"], lines.logger)
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { await exporter.run() }
                for number in 1...3 { exporter.add(try Self.span(UInt64(number))) }
                let again = await collector.requests.element(1)
                #expect(again.body == collector.requests.all[0].body)
                while exporter.figures.exported < 3 { await Task.yield() }
                group.cancelAll()
            }
            #expect(exporter.figures == SpanExporter.Figures(exported: 3, dropped: 0))
            #expect(
                lines.all.map(\.message) == [
                    "Spans cannot be exported; a few wait in memory", "Spans are exported again",
                ])
        }
    }

    @Test func `What waits at the end is sent, what had no room is counted, and a refusal is final`() async throws {
        for (status, exported, dropped) in [("200 OK", 2, 1), ("400 Bad Request", 0, 3)] {
            try await FaultUpstream.run { _ in
                .whole("{}", status: status)
            } _: { collector in
                let lines = LogLines()
                let exporter = try Self.exporter(
                    collector, ["OTEL_BSP_SCHEDULE_DELAY": "3600000", "OTEL_BSP_MAX_QUEUE_SIZE": "2"], lines.logger)
                for number in 1...3 { exporter.add(try Self.span(UInt64(number))) }
                await withDiscardingTaskGroup { group in
                    group.addTask { await exporter.run() }
                    group.cancelAll()
                }
                #expect(exporter.figures == SpanExporter.Figures(exported: exported, dropped: dropped))
                #expect(lines.all.last?.metadata["lost"] == "\(dropped)")
                #expect(collector.requests.all.count == 1)
            }
        }
    }

    private static func exporter(
        _ collector: FaultUpstream, _ environment: [String: String], _ logger: Logger
    ) throws -> SpanExporter {
        let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(collector.port)"]
        let settings = ExportSettings(environment: environment.merging(endpoint) { $1 }, version: "1")
        return try SpanExporter(
            try #require(settings), version: "1", group: MultiThreadedEventLoopGroup.singleton, logger: logger)
    }

    private static func span(_ number: UInt64) throws -> SpanRecord {
        SpanRecord(
            context: TraceContext(
                traceID: try #require(TraceID(high: 0, low: 1)), spanID: try #require(SpanID(number)), isSampled: true),
            parent: nil, name: "\(number)", kind: .internal, startNanoseconds: 0, endNanoseconds: 0)
    }
}
