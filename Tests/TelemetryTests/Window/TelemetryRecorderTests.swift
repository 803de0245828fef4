import Inference
import Testing

@testable import Telemetry

@Suite("A telemetry recorder")
struct TelemetryRecorderTests {
    @Test("Loses nothing while many record, roll up, take and read at once")
    func concurrency() async throws {
        let recorder = TelemetryRecorder()
        let models = try (0..<40).map { try id("a/m\($0)") }
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for index in 0..<500 {
                        let time = monday + Int64(index) * second
                        recorder.record(
                            FinishedRequest(
                                model: models[(index + worker) % 40], endedAtMicroseconds: time, outcome: .success,
                                latency: Int64(index), inputTokens: 1))
                        if index % 100 == worker { recorder.roll(at: time) }
                        if index % 50 == worker { _ = recorder.report(of: .system, .hour, at: time) }
                        if index % 70 == worker { _ = recorder.takeChanges().buckets }
                    }
                }
            }
        }
        let now = monday + 500 * second
        #expect(recorder.report(of: .system, .hour, at: now).total.counts.requests == 4000)
        #expect(recorder.total(of: .system, .day, at: now).counts[.inputTokens] == 4000)
        #expect(recorder.lifetime(of: .system).total.count == 4000)
        var byModel: Int64 = 0
        for model in models { byModel += recorder.report(of: .model(model), .hour, at: now).total.counts.requests }
        #expect(byModel == 4000 && recorder.losses == (0, 0))
    }

    @Test("Counts loads and evictions, of the model and of all")
    func lifecycle() throws {
        let recorder = TelemetryRecorder()
        recorder.record(.loads, of: try id("local/x"), at: monday)
        recorder.record(.reloads, of: try id("local/x"), at: monday)
        recorder.record(.evictions, of: try id("local/y"), at: monday)
        let system = recorder.report(of: .system, .hour, at: monday).total.counts
        #expect(system[.loads] == 1 && system[.reloads] == 1 && system[.evictions] == 1 && system.requests == 0)
        #expect(recorder.total(of: .model(try id("local/y")), .day, at: monday).counts[.evictions] == 1)
        recorder.record(.breakerOpenings, of: nil, at: monday)
        #expect(recorder.total(of: .system, .day, at: monday).counts[.breakerOpenings] == 1)
        #expect(recorder.subjects.count == 3)
    }
}
