import ArgumentParser
import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite("Command line: telemetry and anomalies", .timeLimit(.minutes(1)))
struct TelemetryCommandTests {
    private typealias Metrics = Roundhouse_V1_Metrics

    /// `slow` is the 95th percentile in milliseconds.
    private static func metrics(_ requests: Int64, failed: Int64 = 0, slow: Int32 = 0) -> Metrics {
        .with {
            $0.requestCount = requests
            $0.attemptCount = requests
            $0.attemptOutcomeCounts = ["success": requests - failed, "timed_out": failed].filter { $0.value > 0 }
            $0.outcomeCounts = $0.attemptOutcomeCounts
            guard requests > 0 else { return }
            $0.successRate = Double(requests - failed) / Double(requests)
            $0.latency = .with {
                $0.count = requests - failed
                $0.p50 = .with { $0.nanos = slow * 500_000 }
                $0.p95 = .with { $0.nanos = slow * 1_000_000 }
            }
            $0.outputTokens = requests * 10
            $0.inputTokens = requests * 100
        }
    }

    /// 96 quarters of an hour: a gap, then more and more.
    private static let points: [Roundhouse_V1_MetricPoint] = (0..<96).map(Self.point)

    private static func point(_ index: Int) -> Roundhouse_V1_MetricPoint {
        var point = Roundhouse_V1_MetricPoint()
        point.metrics = Metrics()
        if index >= 48 {
            point.metrics = Self.metrics(Int64(index), failed: index == 95 ? 19 : 0, slow: Int32(index))
        }
        return point
    }

    private static let anomaly: Roundhouse_V1_Anomaly = .with {
        $0.model = "local/small"
        $0.kind = .latencySpike
        $0.startTime = .with { $0.seconds = 1_795_766_400 }
        $0.endTime = .with { $0.seconds = 1_795_768_500 }
        ($0.observed, $0.baseline, $0.spread, $0.unit) = (4_200_000, 850_000, 40_000, "microseconds")
        ($0.baselineBasis, $0.baselineHourCount) = ("hour-of-week", 14)
        ($0.requestCount, $0.failureCount) = (120, 3)
        $0.description_p = "The median latency was 4.9 times what is usual."
    }

    private static let model: Roundhouse_V1_GetModelMetricsResponse = .with {
        $0.model = "local/small"
        $0.startTime = .with { $0.seconds = 1_795_680_000 }
        $0.endTime = .with { $0.seconds = 1_795_766_400 }
        $0.step = .with { $0.seconds = 900 }
        $0.total = Self.metrics(3432, failed: 19, slow: 90)
        $0.points = Self.points
        $0.health = .with { ($0.value, $0.errors, $0.latency, $0.judgedAttemptCount) = (92.4, 2, 5.6, 3432) }
        $0.anomalies = [Self.anomaly]
    }

    private static let system: Roundhouse_V1_GetSystemMetricsResponse = .with {
        $0.startTime = Self.model.startTime
        $0.endTime = Self.model.endTime
        $0.step = Self.model.step
        $0.total = Self.model.total
        $0.points = Self.points
        $0.models = [
            .with {
                $0.model = "local/small"
                $0.total = Self.model.total
            }
        ]
    }

    private static let overview: Roundhouse_V1_GetTelemetryResponse = {
        var dead = Roundhouse_V1_ModelTelemetry()
        (dead.model, dead.enabled, dead.canLoad) = ("local/dead", true, true)
        var small = Roundhouse_V1_ModelTelemetry()
        (small.model, small.enabled, small.loaded, small.usageCount) = ("local/small", true, true, 3432)
        (small.sizeBytes, small.successRate) = (356_515_840, 0.994)
        small.health = Self.model.health
        small.lastUseTime = Self.model.endTime
        var answer = Roundhouse_V1_GetTelemetryResponse()
        answer.models = [dead, small]
        answer.summary.totalCount = 2
        answer.summary.usedCount = 1
        answer.summary.unusedCount = 1
        answer.summary.loadedCount = 1
        answer.summary.loadedBytes = 356_515_840
        answer.summary.requestCount = 3432
        answer.summary.droppedRecordCount = 2
        answer.recommendations = [.init(), .init()]
        return answer
    }()

    private let server = ScriptedServer(scripts: [
        .answer(Roundhouse_V1_GetModelMetricsRequest.self, with: Self.model),
        .answer(Roundhouse_V1_GetSystemMetricsRequest.self, with: Self.system),
        .answer(Roundhouse_V1_GetTelemetryRequest.self, with: Self.overview),
        .answer(
            Roundhouse_V1_ListAnomaliesRequest.self,
            with: Roundhouse_V1_ListAnomaliesResponse.with { $0.anomalies = [Self.anomaly] }),
    ])

    private static func terminal(_ columns: Int, isUnicode: Bool = true) -> TerminalTraits {
        TerminalTraits(isTerminal: true, columns: columns, isStyled: false, isUnicode: isUnicode)
    }

    @Test("a model has charts with their scales and gaps, its health, its figures and its anomalies")
    func oneModel() async throws {
        let console = RecordingConsole(traits: Self.terminal(80))
        #expect(try await self.server.run(["telemetry", "local/small", "--range", "1d"], console: console) == .success)
        #expect(
            console.transcript.output == """
                local/small
                2026-11-26 08:00:00 UTC to 2026-11-27 08:00:00 UTC, a bar is 45 min

                  requests      3432  │                ▅▅▅▅▆▆▆▆▆▇▇▇▇███│ 0 to 282
                  failed       0.6 %  │                ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█│ 0 to 6.7 %
                  latency p50   45ms  │                ▅▅▅▅▆▆▆▆▆▇▇▇▇███│ 0 to 48ms
                  latency p95   90ms  │                ▅▅▅▅▆▆▆▆▆▇▇▇▇███│ 0 to 95ms
                  tokens out     34k  │                ▅▅▅▅▆▆▆▆▆▇▇▇▇███│ 0 to 2820

                  health    92.4 of 100: 2.0 lost to errors, 5.6 to latency
                  requests  3432: 3413 success, 19 timed_out
                  success   99.4 %
                  latency   p50 45 ms, p95 90 ms
                  tokens    343200 in, 34320 out

                latency spike of local/small, 2026-11-27 08:00:00 UTC, for 35 min 0 s
                   The median latency was 4.9 times what is usual.
                   4.20 s, usual 850 ms, spread 40 ms, told from hour-of-week (14 hours); 120
                   attempts, 3 failed

                """
        )
        let asked = self.server.requests(Roundhouse_V1_GetModelMetricsRequest.self)
        #expect(asked.map(\.model) == ["local/small"] && asked.map(\.range) == [.oneDay])
    }

    @Test("all requests have charts, and each model a line")
    func all() async throws {
        let console = RecordingConsole(traits: Self.terminal(80))
        #expect(try await self.server.run(["telemetry"], console: console) == .success)
        let text = console.transcript.output
        #expect(text.hasPrefix("all requests\n2026-11-26 08:00:00 UTC to"))
        #expect(
            text.hasSuffix(
                """

                  models    2, 1 asked, 1 not asked, 1 in memory (340.0 MiB)
                  requests  3432
                  lost      2 records that the disk would not take

                MODEL        HEALTH  ASKED  SUCCESS   P95  IN MEMORY       SIZE  COST
                local/small    92.4   3432   99.4 %  90ms  yes        340.0 MiB     -
                local/dead        -      0        -     -  no                 -     -

                2 recommendations: 'roundhouse recommendations' shows what could be done

                """), "\(text)")
    }

    @Test("charts fit every terminal, and do without blocks", arguments: [20, 40, 60, 80, 120, 300])
    func widths(columns: Int) async throws {
        for arguments in [["telemetry", "local/small"], ["telemetry"], ["anomalies"]] {
            let console = RecordingConsole(traits: Self.terminal(columns, isUnicode: false))
            #expect(try await self.server.run(arguments, console: console) == .success)
            #expect(console.transcript.output.allSatisfy { $0.isASCII || $0 == "…" })
            guard columns >= 40 else { continue }
            for line in console.transcript.output.split(separator: "\n") {
                #expect(TerminalText.width(String(line)) <= columns, "\(line)")
            }
        }
    }

    @Test("with --json there are the API's messages, one per line")
    func json() async throws {
        let console = RecordingConsole()
        #expect(try await self.server.run(["telemetry", "--json"], console: console) == .success)
        let lines = console.transcript.output.split(separator: "\n").map(String.init)
        try #require(lines.count == 2)
        #expect(try Roundhouse_V1_GetTelemetryResponse(jsonString: lines[0]) == Self.overview)
        #expect(try Roundhouse_V1_GetSystemMetricsResponse(jsonString: lines[1]) == Self.system)
        let one = RecordingConsole()
        _ = try await self.server.run(["telemetry", "--json", "local/small"], console: one)
        #expect(try Roundhouse_V1_GetModelMetricsResponse(jsonString: one.transcript.output) == Self.model)
    }

    @Test("anomalies are told with their evidence, those that last as such, and none is said beside the output")
    func anomalies() async throws {
        let console = RecordingConsole()
        #expect(try await self.server.run(["anomalies", "system", "--range", "7d"], console: console) == .success)
        #expect(
            console.transcript.output.hasPrefix(
                "latency spike of local/small, 2026-11-27 08:00:00 UTC, for 35 min 0 s\n"))
        let asked = self.server.requests(Roundhouse_V1_ListAnomaliesRequest.self)
        #expect(asked.map(\.model) == ["system"] && asked.map(\.range) == [.sevenDays])
        var lasting = Self.anomaly
        lasting.clearEndTime()
        #expect(
            AnomalyTexts.page([lasting], for: .plain).hasPrefix(
                "latency spike of local/small, since 2026-11-27 08:00:00 UTC, not over\n"))
        let none = RecordingConsole()
        let quiet = ScriptedServer(scripts: [
            .answer(Roundhouse_V1_ListAnomaliesRequest.self, with: Roundhouse_V1_ListAnomaliesResponse())
        ])
        #expect(try await quiet.run(["anomalies"], console: none) == .success)
        #expect(none.transcript.output.isEmpty && none.transcript.errors == "nothing was out of the ordinary\n")
    }

    @Test("ranges are those that the server keeps, however they are written")
    func ranges() {
        for (text, range) in [
            ("1h", Roundhouse_V1_MetricRange.oneHour), ("60m", .oneHour), ("6h", .sixHours), ("24h", .oneDay),
            ("1d", .oneDay), ("7d", .sevenDays), ("30d", .thirtyDays),
        ] {
            #expect(RangeArgument(argument: text)?.range == range)
        }
        for text in ["", "24", "2h", "day", "-1h"] { #expect(RangeArgument(argument: text) == nil) }
    }
}
