import Inference
import TestSupport
import Testing

@testable import Roundhouse

@Suite("Where a request's time goes")
struct RequestPhaseTests {
    @Test(
        "A duration is counted in the first bucket that it fits into",
        arguments: [
            (Duration.zero, 0), (.nanoseconds(999), 0), (.microseconds(1), 0), (.nanoseconds(1001), 1),
            (.microseconds(250), 6), (.milliseconds(100), 9), (.seconds(10), 11), (.seconds(-3), 0),
        ])
    func buckets(duration: Duration, place: Int) {
        let figures = PhaseFigures()
        figures.add(duration, to: .route)
        let reading = figures.reading(of: .route)
        #expect(reading.count == 1 && reading.counts.firstIndex(of: 1) == place)
        #expect(figures.reading(of: .encode) == PhaseReading())
    }

    @Test("What is longer than every bound is counted, and its time too")
    func beyond() {
        let figures = PhaseFigures()
        figures.add(.seconds(3600), to: .firstByte)
        let reading = figures.reading(of: .firstByte)
        #expect(reading.count == 1 && reading.counts.allSatisfy { $0 == 0 } && reading.seconds == 3600)
        figures.add(.seconds(Int64.max), to: .decode)
        #expect(figures.reading(of: .decode).count == 1)
    }

    @Test("Nothing is lost when many add at once")
    func concurrency() async {
        let figures = PhaseFigures()
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<10_000 { figures.add(.microseconds(3), to: .admit) } }
            }
        }
        let reading = figures.reading(of: .admit)
        #expect(reading.count == 80_000 && reading.counts[1] == 80_000)
        #expect(abs(reading.seconds - 0.24) < 1e-9)
    }

    @Test(
        "Each answered request counts once in the phases of the pipeline and of its connection",
        arguments: WireSample.all)
    func pipeline(_ wire: WireSample) async throws {
        let body = wire.stream(["a", "b"]).joined()
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: \(wire.streamType)\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
        try await FaultUpstream.run { _ in
            [.send(Array(answer.utf8))]
        } _: { upstream in
            let gateway = try FaultyGateway(wire, [.init(baseURL: upstream.baseURL)], recorder: RecordKeeper())
            defer { gateway.shutdown() }
            for number in 0..<5 {
                let told = await gateway.ask(id: "r\(number)")
                #expect(told.failure == nil && told.text == "ab")
            }
            for phase: RequestPhase in [.admit, .route, .connect, .firstByte] {
                #expect(gateway.pipeline.phases.reading(of: phase).count == 5, "\(phase)")
            }
            #expect(gateway.pipeline.phases.reading(of: .connect).seconds > 0)
            #expect(gateway.pipeline.phases.reading(of: .firstByte).seconds > 0)
        }
    }

    @Test("To count all phases of a request costs next to nothing")
    func cost() {
        let figures = PhaseFigures()
        let rounds = 100_000
        let clock = ContinuousClock()
        let time = clock.measure {
            for _ in 0..<rounds {
                for phase in RequestPhase.allCases { figures.add(.microseconds(40), to: phase) }
            }
        }
        // An unoptimised build on a busy machine: the figure of an optimised one is in docs/Metrics.md.
        #expect(time / rounds < .microseconds(20), "\(time / rounds)")
        #expect(figures.reading(of: .encode).count == UInt64(rounds))
    }
}
