import Testing

@testable import Telemetry

@Suite("The Prometheus text format")
struct ExpositionWriterTests {
    @Test("Has help, type and samples of each family, with labels in the order given")
    func families() {
        var writer = ExpositionWriter()
        writer.begin("ai_model_requests_total", .counter, help: "Requests, by model and outcome.")
        writer.sample(Int64(7), .init("model", "a/x"), .init("outcome", "success"))
        writer.sample(Int64(1), .init("model", "a/x"), .init("outcome", "failed"))
        writer.begin("ai_model_health_score", .gauge, help: "From 0 to 100.")
        writer.sample(99.5, .init("model", "a/x"))
        writer.begin("up_seconds", .gauge, help: "No labels.")
        writer.sample(3.0)
        #expect(
            writer.text == """
                # HELP ai_model_requests_total Requests, by model and outcome.
                # TYPE ai_model_requests_total counter
                ai_model_requests_total{model="a/x",outcome="success"} 7
                ai_model_requests_total{model="a/x",outcome="failed"} 1
                # HELP ai_model_health_score From 0 to 100.
                # TYPE ai_model_health_score gauge
                ai_model_health_score{model="a/x"} 99.5
                # HELP up_seconds No labels.
                # TYPE up_seconds gauge
                up_seconds 3

                """)
        writer.reset()
        #expect(writer.text.isEmpty)
    }

    @Test("Escapes what would end a value or a line")
    func escaping() {
        var writer = ExpositionWriter()
        writer.begin("x", .gauge, help: "A \\ and a\nbreak, \"quoted\".")
        writer.sample(Int64(1), .init("l", "a\"b\\c\nd é"))
        #expect(
            writer.text == #"""
                # HELP x A \\ and a\nbreak, "quoted".
                # TYPE x gauge
                x{l="a\"b\\c\nd é"} 1

                """#)
    }

    @Test("Writes numbers as Prometheus reads them")
    func numbers() {
        var writer = ExpositionWriter()
        writer.begin("x", .gauge, help: "h")
        for value in [Double.nan, .infinity, -.infinity, 0.1, -2, 1e-7, 1e300, 123_456_789] { writer.sample(value) }
        let values = writer.text.split(separator: "\n").dropFirst(2).map { String($0.dropFirst(2)) }
        #expect(values == ["NaN", "+Inf", "-Inf", "0.1", "-2", "1e-07", "1e+300", "123456789"])
    }

    @Test("Writes histograms with growing buckets, in seconds")
    func histograms() throws {
        let bounds = try #require(HistogramBounds(seconds: [0.1, 0.5, 2]))
        var histogram = BoundedHistogram(bounds)
        for value: Int64 in [50_000, 100_000, 100_001, 1_000_000, 9_000_000, -4] { histogram.add(value) }
        var writer = ExpositionWriter()
        writer.begin("t_seconds", .histogram, help: "h")
        writer.histogram(histogram, .init("model", "m"))
        #expect(
            writer.text == """
                # HELP t_seconds h
                # TYPE t_seconds histogram
                t_seconds_bucket{model="m",le="0.1"} 3
                t_seconds_bucket{model="m",le="0.5"} 4
                t_seconds_bucket{model="m",le="2"} 5
                t_seconds_bucket{model="m",le="+Inf"} 6
                t_seconds_sum{model="m"} 10.250001
                t_seconds_count{model="m"} 6

                """)
        #expect(HistogramBounds(seconds: [1, 1]) == nil && HistogramBounds(seconds: [0]) == nil)
        #expect(HistogramBounds(seconds: [.nan]) == nil)
    }

    @Test("Turns a fine histogram into one of fixed bounds, which only grows")
    func fineHistograms() {
        var random = SeededGenerator(1)
        var fine = LatencyHistogram()
        var exact = BoundedHistogram(.answers)
        var last = BoundedHistogram(fine, .answers)
        for _ in 0..<300 {
            // Away from the bounds, where 1 % decides nothing.
            let value = random.one(
                of: [Int64](arrayLiteral: 30_000, 70_000, 300_000, 3_000_000, 60_000_000, 900_000_000))
            fine.add(value)
            exact.add(value)
            let told = BoundedHistogram(fine, .answers)
            #expect(told == exact)
            #expect(zip(told.counts, last.counts).allSatisfy { $0 >= $1 })
            last = told
        }
    }

    @Test("Leaves out a family whose name is wrong or that comes twice, with its samples")
    func wrongNames() {
        var writer = ExpositionWriter()
        for name: StaticString in ["1x", "a-b", "", "é"] {
            writer.begin(name, .gauge, help: "h")
            writer.sample(1.0)
            writer.histogram(BoundedHistogram(.answers))
        }
        #expect(writer.text.isEmpty)
        writer.begin("x", .gauge, help: "h")
        writer.sample(1.0)
        let once = writer.text
        writer.begin("x", .gauge, help: "h")
        writer.sample(2.0)
        #expect(writer.text == once)
    }

    @Test("Bounds labels: what is not known is other")
    func labels() {
        let set = LabelSet(["a", "b"])
        #expect(set.bounded("a") == "a" && set.bounded("c") == "other")
        var growing = LabelSet(["a"], most: 3)
        #expect(["x", "y", "z", "x", "a"].map { growing.admit($0) } == ["x", "y", "other", "x", "a"])
        #expect(growing.bounded("y") == "y" && growing.bounded("z") == "other")
    }
}
