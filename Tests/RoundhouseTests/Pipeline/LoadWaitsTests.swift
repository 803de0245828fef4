import Inference
import Testing

@testable import Roundhouse

@Suite("Waits for loads")
struct LoadWaitsTests {
    private static let begin = ContinuousClock.now

    /// - Parameters:
    ///   - notes: with seconds since the beginning.
    ///   - end: of the request, in such seconds.
    private func waits(
        _ notes: [(LoadPhase, String, Int)], attempts: [Attempt] = [], end: Int
    ) throws -> [Duration?] {
        var waits = LoadWaits()
        for (phase, model, seconds) in notes {
            waits.note(phase, of: try #require(ModelID(model)), at: Self.begin + .seconds(seconds))
        }
        waits.end(attempts, at: Self.begin + .seconds(end))
        return [waits.queueTime, waits.loadTime]
    }

    private func failed(_ model: String, after seconds: Int) throws -> Attempt {
        Attempt(
            model: try #require(ModelID(model)), duration: .seconds(seconds), fault: UpstreamFault(.unreachable, "no"))
    }

    @Test("A request that is told nothing waited for nothing")
    func none() throws {
        #expect(try self.waits([], end: 9) == [nil, nil])
    }

    @Test("The queue ends where the load begins, and the load where the model is ready")
    func both() throws {
        let notes: [(LoadPhase, String, Int)] = [
            (.queued, "local/a", 1), (.queued, "local/a", 2), (.starting, "local/a", 4), (.loading, "local/a", 5),
            (.warming, "local/a", 7), (.ready, "local/a", 10),
        ]
        #expect(try self.waits(notes, end: 60) == [.seconds(3), .seconds(6)])
        #expect(try self.waits(Array(notes.prefix(2)), end: 60) == [.seconds(59), nil])
        #expect(try self.waits(Array(notes.suffix(3)), end: 60) == [nil, .seconds(5)])
    }

    @Test("A wait in vain ends with its attempt, not with the answer of another")
    func inVain() throws {
        let attempts = [try self.failed("local/a", after: 5), try self.failed("cloud/b", after: 30)]
        let notes: [(LoadPhase, String, Int)] = [(.queued, "local/a", 1), (.loading, "local/a", 3)]
        #expect(try self.waits(notes, attempts: attempts, end: 60) == [.seconds(2), .seconds(3)])
        // An attempt that ended before the last word of it came adds nothing.
        let early = [try self.failed("local/a", after: 1)]
        #expect(try self.waits(notes, attempts: early, end: 60) == [.seconds(2), .zero])
    }

    @Test("Waits for several models add up")
    func several() throws {
        let notes: [(LoadPhase, String, Int)] = [
            (.loading, "local/a", 0), (.queued, "local/b", 2), (.loading, "local/b", 3), (.ready, "local/b", 7),
        ]
        #expect(try self.waits(notes, end: 60) == [.seconds(1), .seconds(6)])
    }
}
