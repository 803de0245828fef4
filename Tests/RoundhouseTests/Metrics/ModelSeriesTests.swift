import Inference
import Telemetry
import Testing

@testable import Roundhouse

@Suite("Which series models get")
struct ModelSeriesTests {
    /// The series of a recorder with the figures of registered models.
    private static func read(
        _ series: inout ModelSeries, _ recorder: TelemetryRecorder, registered: [ModelID]
    ) throws -> [ModelLabels: ModelCounters] {
        let names = ModelNames(models: registered, providers: registered.map(\.provider))
        let models = series.read(recorder, names, health: { _ in 100 }, live: { _ in LiveFigures() })
        try #require(Set(models.map(\.labels)).count == models.count)
        return Dictionary(uniqueKeysWithValues: models.map { ($0.labels, $0.counters) })
    }

    @Test("A hundred thousand invented names make no series, and none of their requests is lost")
    func inventedNames() throws {
        let recorder = TelemetryRecorder()
        let registered = try modelID("open/known")
        recorder.record(.answered(registered))
        for number in 0..<100_000 {
            let provider = number % 2 == 0 ? "open" : "gone-\(number)"
            recorder.record(.failed(try modelID("\(provider)/invented-\(number)")))
        }
        var series = ModelSeries()
        let found = try Self.read(&series, recorder, registered: [registered])
        #expect(
            Set(found.keys) == [
                ModelLabels(model: "open/known", provider: "open"), ModelLabels(model: "other", provider: "open"),
                ModelLabels(model: "other", provider: "other"),
            ])
        #expect(found.values.reduce(0) { $0 + $1.requests.reduce(0, +) } == 100_001)
        var reading = MetricsReading()
        reading.models = series.read(
            recorder, ModelNames(models: [registered], providers: [registered.provider]), health: { _ in nil },
            live: { _ in LiveFigures() })
        #expect(MetricsPage.bytes(reading).count < 60_000)
    }

    @Test("Of more registered models than the bound, the same ones keep their names from page to page")
    func bound() throws {
        let models = try (0..<50).map { try modelID("p/m\($0)") }
        for _ in 0..<5 {
            let names = ModelNames(models: models.shuffled(), providers: models.map(\.provider), most: 10)
            let kept = models.filter { names.has($0) }
            #expect(kept == models.filter(Set(models.sorted().prefix(10)).contains))
        }
    }

    @Test("What is counted with the others never falls, when one of them is registered or removed")
    func others() throws {
        let recorder = TelemetryRecorder()
        let (first, second) = (try modelID("p/first"), try modelID("p/second"))
        for _ in 0..<3 { recorder.record(.answered(first)) }
        recorder.record(.answered(second))
        let anchor = try modelID("p/anchor")
        let other = ModelLabels(model: "other", provider: "p")
        var series = ModelSeries()
        let before = try Self.read(&series, recorder, registered: [anchor])
        #expect(before[other]?.requests[0] == 4)
        // It leaves the others with its three requests.
        let during = try Self.read(&series, recorder, registered: [anchor, first])
        #expect(during[other] == before[other])
        #expect(during[ModelLabels(model: "p/first", provider: "p")]?.requests[0] == 3)
        recorder.record(.answered(second))
        let after = try Self.read(&series, recorder, registered: [anchor, first])
        #expect(after[other]?.requests[0] == 5 && after[other]?.duration.count == 5)
    }

    @Test("A sum shows each figure growing, whatever leaves it")
    func growing() throws {
        var counters = GrowingCounters()
        var last = ModelCounters()
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let recorder = TelemetryRecorder()
            for _ in 0..<Int.random(in: 0...5, using: &generator) {
                recorder.record(.answered(try modelID("p/m"), after: Double.random(in: 0.01...2, using: &generator)))
            }
            let shown = counters.next(ModelCounters(recorder.lifetime(of: .system)))
            #expect(last.excess(over: shown) == ModelCounters())
            last = shown
        }
    }
}
