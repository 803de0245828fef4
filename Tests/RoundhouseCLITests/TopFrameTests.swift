import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite("Command line: what top draws")
struct TopFrameTests {
    typealias Message = Roundhouse_V1_WatchMetricsResponse
    typealias Model = Roundhouse_V1_LiveModelMetrics

    static func model(_ id: String, streams: Int32 = 0, rate: Double = 0, memory: Int64 = 0) -> Model {
        .with {
            $0.model = id
            $0.inFlight = streams
            $0.outputTokensPerSecond = rate
            $0.memoryBytes = memory
            $0.breaker = "closed"
        }
    }

    static func message(_ models: [Model], second: Int64 = 0, rate: Double? = nil, isFirst: Bool = false) -> Message {
        .with {
            $0.time = .with { $0.seconds = 1_795_766_400 + second }
            if !isFirst { $0.elapsed = .with { $0.seconds = 1 } }
            $0.system.requestCount = 4
            $0.system.attemptOutcomeCounts = ["success": 3, "failed": isFirst ? 0 : 1, "rejected": 1]
            $0.inFlight = models.map(\.inFlight).reduce(0, +)
            $0.outputTokensPerSecond = rate ?? models.map(\.outputTokensPerSecond).reduce(0, +)
            $0.modelMemoryBytes = models.map(\.memoryBytes).reduce(0, +)
            $0.modelMemoryLimitBytes = 8 << 30
            $0.models = models
        }
    }

    /// One that answers, one that is loaded, one in the cloud whose breaker is open.
    static let three: [Model] = [
        .with {
            $0 = Self.model("local/small", streams: 2, rate: 120.4, memory: 356_515_840)
            $0.state = .ready
            $0.queued = 1
            $0.metrics = .with {
                $0.attemptCount = 3
                $0.attemptOutcomeCounts = ["success": 2, "timed_out": 1, "cancelled": 1]
                $0.latency.average = .with { $0.nanos = 850_000_000 }
                $0.firstTokenLatency.average = .with { $0.nanos = 42_000_000 }
            }
        },
        .with {
            $0 = Self.model("local/tiny-日本語モデル", memory: 3 << 30)
            $0.state = .loading
        },
        .with {
            $0 = Self.model("openrouter/anthropic/claude-sonnet-4.5", streams: 1, rate: 62)
            $0.breaker = "open"
        },
    ]

    static func many(_ count: Int) -> [Model] {
        (0..<count).map { Self.model("local/model-\($0)", streams: Int32($0 % 5), rate: Double($0 * 7 % 50)) }
    }

    static func state(_ models: [Model], order: TopState.Order = .activity) -> TopState {
        var state = TopState(address: "127.0.0.1:50051", order: order)
        state.take(.figures(Self.message(models, isFirst: true)))
        for (second, rate) in [0, 10, 40, 182.4].enumerated() {
            state.take(.figures(Self.message(models, second: Int64(second), rate: rate)))
        }
        return state
    }

    static func frame(
        _ state: TopState, _ columns: Int?, _ rows: Int?, isUnicode: Bool = true, isStyled: Bool = false,
        hasKeys: Bool = true
    ) -> TopFrame {
        TopFrame(
            state: state, size: ScreenSize(columns: columns, rows: rows),
            traits: TerminalTraits(isTerminal: true, columns: 999, isStyled: isStyled, isUnicode: isUnicode),
            hasKeys: hasKeys)
    }

    // MARK: - Golden frames

    @Test("80 columns hold models, streams, tokens a second, memory, states and latencies")
    func usual() {
        #expect(
            Self.frame(Self.state(Self.three), 80, 14).lines == [
                "roundhouse top  127.0.0.1:50051  2026-11-27 08:00:03 UTC",
                "streams 3  waiting 1  requests/s 4.0  failed 4  models 3",
                "tokens/s 182.4     │                                        ▁▂▃█│ 0 to 182.4",
                "memory 3.3 GiB of 8.0 GiB, 42 %  [############                  ]",
                "MODEL                     STREAMS  TOKENS/S     MEMORY  STATE      WAIT  LATENCY",
                "local/small                     2     120.4  340.0 MiB  ready         1    850ms",
                "openrouter/anthropic/cl…        1      62.0          -  broken        0        -",
                "local/tiny-日本語モデル         0       0.0    3.0 GiB  loading       0        -",
                "", "", "", "", "",
                "q quit  sort: a activity*, n name, t tokens, m memory",
            ])
    }

    @Test("a small terminal has what matters most")
    func small() {
        #expect(
            Self.frame(Self.state(Self.three), 40, 10, isUnicode: false).lines == [
                "roundhouse top  127.0.0.1:50051", "streams 3  waiting 1  requests/s 4.0", "tokens/s 182.4",
                "memory 3.3 GiB of 8.0 GiB, 42 %", "MODEL                  STREAMS  TOKENS/S",
                "local/small                  2     120.4", "openrouter/anthropic…        1      62.0",
                "local/tiny-日本語モ…         0       0.0", "", "q quit",
            ])
        #expect(
            Self.frame(Self.state(Self.many(500), order: .name), 40, 10).lines.suffix(5) == [
                "local/model-0               0       0.0", "local/model-1               1       7.0",
                "local/model-10              0      20.0", "local/model-100             0       0.0",
                "1 to 4 of 500  q quit  ↑↓ scroll",
            ])
    }

    @Test("a large terminal has every column and as many models as fit")
    func large() {
        let lines = Self.frame(Self.state(Self.three), 200, 60).lines
        #expect(
            lines[4..<9] == [
                "",
                "MODEL                                   STREAMS  TOKENS/S     MEMORY  STATE      WAIT  LATENCY  "
                    + "FAILED   REQ/S   FIRST",
                "local/small                                   2     120.4  340.0 MiB  ready         1    850ms  "
                    + "     5     3.0    42ms",
                "openrouter/anthropic/claude-sonnet-4.5        1      62.0          -  broken        0        -  "
                    + "     0     0.0       -",
                "local/tiny-日本語モデル                       0       0.0    3.0 GiB  loading       0        -  "
                    + "     0     0.0       -",
            ])
        let many = Self.frame(Self.state(Self.many(500)), 200, 60).lines
        #expect(many.filter { $0.hasPrefix("local/model-") }.count == 53)
        #expect(many.last?.hasPrefix("1 to 53 of 500  q quit  ↑↓ scroll") == true)
    }

    @Test("no model is said, and so is that nothing came so far")
    func empty() {
        let lines = Self.frame(Self.state([]), 80, 24).lines
        #expect(lines[1] == "streams 0  waiting 0  requests/s 4.0  failed 4  models 0")
        #expect(lines[6] == "no model is in memory or was asked in the last five minutes")
        let nothing = Self.frame(TopState(address: "here:1"), 80, 24).lines
        #expect(nothing[0] == "roundhouse top  here:1  no figures yet" && nothing.count == 24)
    }

    @Test("whatever the size, no line is too wide, none too many, and every row is written over")
    func bounds() {
        for models in [[], Self.three, Self.many(500)] {
            for (columns, rows) in [
                (80, 24), (40, 10), (200, 60), (20, 6), (10, 4), (5, 3), (1, 1), (1000, 2), (37, 500),
            ] {
                var state = Self.state(models)
                state.take(.character("G"), page: Self.frame(state, columns, rows).page)
                for isStyled in [false, true] {
                    let lines = Self.frame(state, columns, rows, isStyled: isStyled).lines
                    #expect(lines.count == rows, "\(columns)x\(rows), \(models.count) models")
                    for line in lines { #expect(TerminalText.styledWidth(line) <= columns, "\(line)") }
                }
            }
        }
    }

    @Test("styles change nothing but the look")
    func styles() throws {
        let state = Self.state(Self.three)
        let styled = Self.frame(state, 80, 24, isStyled: true).lines
        #expect(styled.contains { $0.contains("\u{1B}[31mbroken\u{1B}[0m") })
        let stripped = try styled.map { $0.replacing(try Regex("\u{1B}\\[[0-9]+m"), with: "") }
        #expect(stripped == Self.frame(state, 80, 24).lines)
    }

    @Test("for a program nothing is cut and no keys are told")
    func whole() {
        let lines = Self.frame(Self.state(Self.many(500)), nil, nil).lines
        #expect(lines.count == 506 && lines.filter { $0.hasPrefix("local/model-") }.count == 500)
    }

    @Test("a server that is away is said above the last picture")
    func away() {
        var state = Self.state(Self.three)
        let before = Self.frame(state, 80, 24).lines
        state.take(.away("connection\nrefused"))
        let lines = Self.frame(state, 80, 24).lines
        #expect(lines[0] == "the server is away; figures of 2026-11-27 08:00:03 UTC (connection refused)")
        #expect(lines.dropFirst() == before.dropFirst())
        state.take(.figures(Self.message(Self.three, second: 9)))
        #expect(Self.frame(state, 80, 24).lines[0] == "roundhouse top  127.0.0.1:50051  2026-11-27 08:00:09 UTC")
    }

    @Test("without keys the way out is told")
    func noKeys() {
        #expect(Self.frame(Self.state([]), 80, 24, hasKeys: false).lines.last == "Ctrl-C ends")
    }

    // MARK: - Keys and figures

    @Test(
        "keys sort, and equal models keep their places",
        arguments: [
            ("a", ["local/small", "openrouter/anthropic/claude-sonnet-4.5", "local/tiny-日本語モデル"]),
            ("n", ["local/small", "local/tiny-日本語モデル", "openrouter/anthropic/claude-sonnet-4.5"]),
            ("t", ["local/small", "openrouter/anthropic/claude-sonnet-4.5", "local/tiny-日本語モデル"]),
            ("m", ["local/tiny-日本語モデル", "local/small", "openrouter/anthropic/claude-sonnet-4.5"]),
        ] as [(Character, [String])])
    func sorting(key: Character, order: [String]) {
        var state = Self.state(Self.three.reversed(), order: .name)
        state.take(.character(key), page: 10)
        #expect(state.models.map(\.model) == order)
    }

    @Test("keys scroll between the first and the last page")
    func scrolling() {
        var state = Self.state(Self.many(100))
        for (key, offset) in [
            (Key.up, 0), (.down, 1), (.character("j"), 2), (.character("k"), 1), (.pageDown, 31), (.character(" "), 61),
            (.pageDown, 70), (.down, 70), (.character("b"), 40), (.home, 0), (.end, 70), (.pageUp, 40),
            (.character("g"), 0), (.character("G"), 70), (.character("x"), 70), (.character("n"), 0),
        ] as [(Key, Int)] {
            state.take(key, page: 30)
            #expect(state.offset == offset, "\(key)")
        }
        #expect(!state.isDone)
        state.take(.character("q"), page: 30)
        #expect(state.isDone)
    }

    @Test("models that are not told of any more are forgotten, and so is what is older than the line is long")
    func memory() {
        var state = Self.state(Self.many(500))
        #expect(state.tallies.count == 500)
        for second in 0..<2000 { state.take(.figures(Self.message([], second: Int64(second)))) }
        #expect(state.tallies.isEmpty && state.rates.count == 512)
    }
}
