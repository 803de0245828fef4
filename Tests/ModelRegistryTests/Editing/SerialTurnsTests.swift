import ModelRegistry
import Synchronization
import Testing

private final class Log: Sendable {
    private let kept = Mutex<[String]>([])

    var lines: [String] { self.kept.withLock { $0 } }
    func add(_ line: String) { self.kept.withLock { $0.append(line) } }
}

@Suite("Taking turns")
struct SerialTurnsTests {
    @Test("One at a time, in the order in which they came, cancelled or not")
    func order() async {
        let turns = SerialTurns()
        let log = Log()
        let gate = AsyncStream<Void>.makeStream()
        await withTaskGroup { group in
            group.addTask {
                await turns.take {
                    for await _ in gate.stream {}
                    log.add("first")
                }
            }
            while !turns.isTaken { await Task.yield() }
            for number in 0..<5 {
                group.addTask {
                    await turns.take {
                        log.add("\(number)")
                        await Task.yield()
                        log.add("\(number)")
                    }
                }
                while turns.waitingCount < number + 1 { await Task.yield() }
            }
            gate.continuation.finish()
        }
        #expect(log.lines == ["first", "0", "0", "1", "1", "2", "2", "3", "3", "4", "4"])
    }

    @Test("A turn ends with an error as well, and one that is cancelled while it waits leaves nobody behind")
    func endings() async {
        struct Failure: Error {}
        let turns = SerialTurns()
        await #expect(throws: Failure.self) {
            try await turns.take { () async throws(Failure) in throw Failure() }
        }
        let gate = AsyncStream<Void>.makeStream()
        let ran = Log()
        await withTaskGroup { group in
            group.addTask {
                // Cancelling ends the wait for the gate, and the turn with it.
                await turns.take { for await _ in gate.stream {} }
            }
            while !turns.isTaken { await Task.yield() }
            for _ in 0..<20 {
                group.addTask { await turns.take { ran.add("ran") } }
            }
            while turns.waitingCount < 20 { await Task.yield() }
            group.cancelAll()
        }
        #expect(ran.lines.count == 20)
        #expect(turns.waitingCount == 0)
        #expect(!turns.isTaken)
    }
}
