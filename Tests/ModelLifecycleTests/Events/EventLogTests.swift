import Inference
import Testing

@testable import ModelLifecycle

/// One event after another, told apart by number.
private func numbered(_ number: Int, _ model: String = "tiny") -> GatewayEvent {
    GatewayEvent(.modelLoaded, model: .local(model), attributes: ["number": "\(number)"])
}

/// A log over `storage` that runs while `body` does, ended in order after it.
private func withLog(
    _ storage: MemoryEventStorage = MemoryEventStorage(),
    _ change: (inout EventLog.Settings) -> Void = { _ in },
    time: SteppedTime = SteppedTime(),
    lines: LogLines = LogLines(),
    _ body: (EventLog) async throws -> Void
) async throws {
    var settings = EventLog.Settings()
    change(&settings)
    let log = try await EventLog.open(storage: storage, settings: settings, time: time.time, logger: lines.logger)
    try await withThrowingTaskGroup { group in
        group.addTask { await log.run() }
        try await body(log)
        group.cancelAll()
    }
}

extension EventWatch.Iterator {
    /// Sequences of events up to the next heartbeat, which is left out.
    fileprivate mutating func untilHeartbeat() async throws -> (events: [Int64], heartbeat: Int64?) {
        var events: [Int64] = []
        while let update = try await self.next() {
            switch update {
            case .event(let stored): events.append(stored.sequence)
            case .heartbeat(let sequence): return (events, sequence)
            }
        }
        return (events, nil)
    }

    fileprivate mutating func nextEvents(_ count: Int) async throws -> [Int64] {
        var events: [Int64] = []
        while events.count < count, let update = try await self.next() {
            if case .event(let stored) = update { events.append(stored.sequence) }
        }
        return events
    }
}

@Suite("Event log", .timeLimit(.minutes(1)))
struct EventLogTests {
    @Test("Events of many tasks are numbered without gaps and lie on disk in order, in batches")
    func order() async throws {
        let storage = MemoryEventStorage()
        let settings = { (settings: inout EventLog.Settings) in settings.batchSize = 16 }
        try await withLog(storage, settings) { log in
            await withDiscardingTaskGroup { group in
                for task in 0..<8 {
                    group.addTask { for number in 0..<100 { log.record(numbered(task * 100 + number)) } }
                }
            }
            let flushed = try await log.flushWhenRunning()
            #expect(flushed == 800)
        }
        #expect(storage.events.map(\.sequence) == Array(1...800))
        #expect(Set(storage.events.compactMap { $0.event.attributes["number"] }).count == 800)
        #expect(storage.appends >= 800 / 16)
    }

    @Test("After a restart the numbers go on, and a watcher that was there before misses nothing")
    func restart() async throws {
        let storage = MemoryEventStorage()
        var seen: [Int64] = []
        try await withLog(storage) { log in
            var watch = try log.watch(after: nil).makeAsyncIterator()
            for number in 1...5 { log.record(numbered(number)) }
            seen += try await watch.nextEvents(3)
            log.record(numbered(6))
        }
        try await withLog(storage) { log in
            log.record(numbered(7))
            var watch = try log.watch(after: seen.last).makeAsyncIterator()
            seen += try await watch.nextEvents(4)
        }
        #expect(seen == Array(1...7))
    }

    @Test("What was recorded before the log ran is written, and what was waiting when it was told to end")
    func ends() async throws {
        let storage = MemoryEventStorage()
        let log = EventLog(storage: storage, kept: nil, logger: LogLines().logger)
        log.record(numbered(1))
        try await withThrowingTaskGroup { group in
            group.addTask { await log.run() }
            _ = try await log.flushWhenRunning()
            let gate = Turnstile()
            storage.setAppendGate(gate)
            log.record(numbered(2))
            log.record(numbered(3))
            group.cancelAll()
            gate.open()
        }
        #expect(storage.events.map(\.sequence) == [1, 2, 3])
        await #expect(throws: EventLogError.self) { try await log.flush() }
    }

    @Test("A watcher is not told what is not on disk yet")
    func durableFirst() async throws {
        let storage = MemoryEventStorage()
        try await withLog(storage) { log in
            var watch = try log.watch(after: nil).makeAsyncIterator()
            let first = try await watch.next()
            #expect(first == .heartbeat(sequence: 0))
            let gate = Turnstile()
            storage.setAppendGate(gate)
            log.record(numbered(1))
            await Turns.until { gate.isAwaited }
            // One that begins now is not told of what was before.
            var later = try log.watch(after: nil).makeAsyncIterator()
            let greeting = try await later.next()
            #expect(greeting == .heartbeat(sequence: 1))
            storage.setAppendGate(nil)
            log.record(numbered(2))
            #expect(storage.events.isEmpty)
            // But a list has it at once.
            let listed = try await log.events(limit: 10, filter: EventFilter())
            #expect(listed.map(\.sequence) == [2, 1])
            gate.open()
            let told = try await watch.nextEvents(2)
            #expect(told == [1, 2])
            #expect(storage.events.count >= 1)
            let toldLater = try await later.nextEvents(1)
            #expect(toldLater == [2])
        }
    }

    @Test("A replay and what comes meanwhile join without a gap or a doublet", arguments: 0..<60)
    func replay(seed: Int) async throws {
        var dice = TestDice(seed: UInt64(seed))
        let storage = MemoryEventStorage()
        let old = Int.random(in: 0...40, using: &dice)
        try await withLog(storage) { log in
            for number in 0..<old { log.record(numbered(number, number % 3 == 0 ? "small" : "tiny")) }
        }
        let recent = Int.random(in: 0...6, using: &dice)
        let pageSize = Int.random(in: 1...9, using: &dice)
        let after = Int64.random(in: 0...Int64(old), using: &dice)
        var filter = EventFilter()
        if Bool.random(using: &dice) { filter.model = .local("small") }
        let atOnce = Int.random(in: 0...3, using: &dice)
        let settings = { (settings: inout EventLog.Settings) in
            settings.recent = recent
            settings.pageSize = pageSize
            settings.batchSize = 2
        }
        try await withLog(storage, settings) { log in
            for number in 0..<10 { log.record(numbered(number, number % 2 == 0 ? "small" : "tiny")) }
            _ = try await log.flushWhenRunning()
            // Events come before and after each read of the disk.
            storage.setOnRead { read in
                guard read < 12 else { return }
                for number in 0..<atOnce { log.record(numbered(number, (read + number) % 2 == 0 ? "small" : "tiny")) }
            }
            var watch = try log.watch(after: after, filter: filter).makeAsyncIterator()
            var (seen, heartbeat) = try await watch.untilHeartbeat()
            #expect(try #require(heartbeat) >= Int64(old + 10))
            storage.setOnRead(nil)
            for number in 0..<10 { log.record(numbered(number, number % 2 == 0 ? "small" : "tiny")) }
            _ = try await log.flushWhenRunning()
            let expected = storage.events.filter { $0.sequence > after && filter.admits($0.event) }.map(\.sequence)
            seen += try await watch.nextEvents(expected.count - seen.count)
            #expect(seen == expected)
        }
        #expect(storage.events.map(\.sequence) == Array(1...Int64(storage.events.count)))
    }

    @Test("A watcher that reads too slowly gets what it had room for, then learns where to go on")
    func lag() async throws {
        try await withLog { log in
            var watch = try log.watch(after: nil, bufferLimit: 4).makeAsyncIterator()
            for number in 1...9 { log.record(numbered(number)) }
            _ = try await log.flushWhenRunning()
            let (_, heartbeat) = try await watch.untilHeartbeat()
            #expect(heartbeat == 0)
            let seen = try await watch.nextEvents(4)
            #expect(seen == [1, 2, 3, 4])
            await #expect(throws: EventWatchError.lagged(lastSequence: 4)) { try await watch.next() }
            let ended = try await watch.next()
            #expect(ended == nil)
            var again = try log.watch(after: 4, bufferLimit: 4).makeAsyncIterator()
            let (rest, upTo) = try await again.untilHeartbeat()
            #expect(rest == [5, 6, 7, 8, 9] && upTo == 9)
        }
    }

    @Test("Filtered events take no room, and a heartbeat tells how far the watch is")
    func heartbeat() async throws {
        let time = SteppedTime()
        try await withLog(time: time) { log in
            var filter = EventFilter()
            filter.kinds = [.modelEvicted]
            var watch = try log.watch(after: nil, filter: filter, bufferLimit: 1).makeAsyncIterator()
            let (_, first) = try await watch.untilHeartbeat()
            #expect(first == 0)
            for number in 1...7 { log.record(numbered(number)) }
            _ = try await log.flushWhenRunning()
            async let advanced: Void = {
                await Turns.until { time.sleeperCount == 1 }
                time.advance(by: .seconds(14))
                time.advance(by: .seconds(1))
            }()
            let (events, second) = try await watch.untilHeartbeat()
            await advanced
            #expect(events.isEmpty && second == 7)
            #expect(time.asked == [.seconds(15)])
        }
    }

    @Test("What is pruned is expired; what is not yet there is invalid; 0 means what is kept")
    func pruned() async throws {
        let storage = MemoryEventStorage()
        let settings = { (settings: inout EventLog.Settings) in
            settings.kept = 10
            settings.pruneEvery = 5
            settings.recent = 3
        }
        try await withLog(storage, settings) { log in
            for number in 1...30 {
                log.record(numbered(number))
                _ = try await log.flushWhenRunning()
            }
            await Turns.until { storage.events.first?.sequence == 21 }
            #expect(throws: EventWatchError.expired(firstKept: 21)) { try log.watch(after: 19) }
            #expect(throws: EventWatchError.invalid(after: 31, lastSequence: 30)) { try log.watch(after: 31) }
            #expect(throws: EventWatchError.invalid(after: -1, lastSequence: 30)) { try log.watch(after: -1) }
            for after in [0, 20] as [Int64] {
                var watch = try log.watch(after: after).makeAsyncIterator()
                let (seen, heartbeat) = try await watch.untilHeartbeat()
                #expect(seen == Array(21...30) && heartbeat == 30)
            }
        }
        // And by the next start.
        try await withLog(storage, settings) { log in
            #expect(throws: EventWatchError.expired(firstKept: 21)) { try log.watch(after: 3) }
        }
    }

    @Test("A watcher that is overtaken by pruning is told so instead of reading a hole")
    func overtaken() async throws {
        let storage = MemoryEventStorage()
        let settings = { (settings: inout EventLog.Settings) in
            settings.kept = 10
            settings.pruneEvery = 1
            settings.recent = 2
            settings.pageSize = 4
        }
        try await withLog(storage, settings) { log in
            for number in 1...10 { log.record(numbered(number)) }
            _ = try await log.flushWhenRunning()
            var watch = try log.watch(after: 0).makeAsyncIterator()
            let seen = try await watch.nextEvents(4)
            #expect(seen == [1, 2, 3, 4])
            for number in 1...10 { log.record(numbered(number)) }
            _ = try await log.flushWhenRunning()
            await Turns.until { storage.events.first?.sequence == 11 }
            await #expect(throws: EventWatchError.expired(firstKept: 11)) { try await watch.next() }
        }
    }

    @Test("While the disk fails watchers are served, events wait, and are written once it works again")
    func diskFails() async throws {
        let storage = MemoryEventStorage()
        let time = SteppedTime()
        let lines = LogLines()
        try await withLog(storage, time: time, lines: lines) { log in
            var watch = try log.watch(after: nil).makeAsyncIterator()
            log.record(numbered(1))
            _ = try await log.flushWhenRunning()
            storage.setFailing(true)
            log.record(numbered(2))
            log.record(numbered(3))
            let seen = try await watch.nextEvents(3)
            #expect(seen == [1, 2, 3])
            #expect(log.status.waiting == 2 && log.status.failure == "the disk is full")
            await Turns.until { time.asked.contains(.seconds(1)) && time.sleeperCount == 1 }
            log.record(numbered(4))
            #expect(log.status.waiting == 3)
            storage.setFailing(false)
            time.advance(by: .seconds(1))
            await Turns.until { log.status.waiting == 0 }
            #expect(log.status.failure == nil && log.status.lost == 0)
        }
        #expect(storage.events.map(\.sequence) == [1, 2, 3, 4])
        #expect(
            lines.texts == [
                "error: Events cannot be written; they wait in memory and are tried again",
                "notice: Events are written again",
            ])
    }

    @Test("A write that failed after its commit is not made twice")
    func failsAfterCommit() async throws {
        let storage = MemoryEventStorage()
        try await withLog(storage) { log in
            storage.failAfterCommit()
            log.record(numbered(1))
            log.record(numbered(2))
            let flushed = try await log.flushWhenRunning()
            #expect(flushed == 2 && log.status.failure == nil)
        }
        #expect(storage.events.map(\.sequence) == [1, 2])
    }

    @Test("Events beyond the bound are lost to the disk, not to live watchers, and resuming before them is refused")
    func losses() async throws {
        let storage = MemoryEventStorage()
        let time = SteppedTime()
        let lines = LogLines()
        let settings = { (settings: inout EventLog.Settings) in
            settings.capacity = 4
            settings.recent = 2
        }
        try await withLog(storage, settings, time: time, lines: lines) { log in
            log.record(numbered(1))
            _ = try await log.flushWhenRunning()
            var watch = try log.watch(after: nil).makeAsyncIterator()
            // A disk that hangs: nobody says that it fails.
            let gate = Turnstile()
            storage.setAppendGate(gate)
            log.record(numbered(2))
            await Turns.until { gate.isAwaited }
            for number in 3...9 { log.record(numbered(number)) }
            let seen = try await watch.nextEvents(8)
            #expect(seen == Array(2...9))
            #expect(log.status.lost == 4 && log.status.waiting == 4)
            storage.setAppendGate(nil)
            gate.open()
            _ = try await log.flushWhenRunning()
            // The first of the lost was being written.
            #expect(storage.events.map(\.sequence) == [1, 2, 6, 7, 8, 9])
            #expect(throws: EventWatchError.expired(firstKept: 6)) { try log.watch(after: 3) }
            var again = try log.watch(after: 5).makeAsyncIterator()
            let (rest, _) = try await again.untilHeartbeat()
            #expect(rest == [6, 7, 8, 9])
        }
        #expect(lines.texts == ["error: Memory for events is full; the oldest are lost until they can be written"])
    }

    @Test("A list joins memory and disk, newest first, page by page", arguments: [0, 3, 100])
    func list(recent: Int) async throws {
        let storage = MemoryEventStorage()
        let settings = { (settings: inout EventLog.Settings) in settings.recent = recent }
        try await withLog(storage, settings) { log in
            for number in 1...20 { log.record(numbered(number, number % 2 == 0 ? "small" : "tiny")) }
            _ = try await log.flushWhenRunning()
            var filter = EventFilter()
            filter.model = .local("small")
            var listed: [Int64] = []
            var before: Int64?
            while true {
                let page = try await log.events(before: before, limit: 3, filter: filter)
                #expect(page.count <= 3)
                listed += page.map(\.sequence)
                guard let last = page.last else { break }
                before = last.sequence
            }
            #expect(listed == Array(stride(from: Int64(20), through: 2, by: -2)))
            let none = try await log.events(before: 1, limit: 3, filter: EventFilter())
            #expect(none.isEmpty)
        }
    }

    @Test("A watcher leaves with its reader, and the end of the log or of all watches ends it")
    func leaves() async throws {
        let storage = MemoryEventStorage()
        try await withLog(storage) { log in
            do {
                var watch = try log.watch(after: nil).makeAsyncIterator()
                _ = try await watch.next()
                #expect(log.status.watchers == 1)
            }
            #expect(log.status.watchers == 0)

            var watch = try log.watch(after: nil).makeAsyncIterator()
            _ = try await watch.next()
            log.record(numbered(1))
            _ = try await log.flushWhenRunning()
            log.endWatches()
            let last = try await watch.nextEvents(2)
            #expect(last == [1])
            var late = try log.watch(after: 0).makeAsyncIterator()
            let update = try await late.next()
            #expect(update == nil)
        }
    }

    @Test("A cancelled reader ends")
    func cancelled() async throws {
        let time = SteppedTime()
        try await withLog(time: time) { log in
            await withTaskGroup { group in
                group.addTask {
                    var watch = try? log.watch(after: nil).makeAsyncIterator()
                    _ = try? await watch?.next()
                    let update = try? await watch?.next()
                    #expect(update == .some(nil))
                }
                await Turns.until { time.sleeperCount == 1 }
                group.cancelAll()
            }
        }
    }

    @Test("An unreadable disk keeps the log from opening: it would give numbers twice")
    func cannotOpen() async throws {
        let storage = MemoryEventStorage()
        storage.setFailing(true)
        await #expect(throws: DiskError.self) {
            try await EventLog.open(storage: storage, logger: LogLines().logger)
        }
    }
}

extension EventLog {
    /// Its task may not have had its first turn yet.
    func flushWhenRunning() async throws -> Int64 {
        while true {
            do {
                return try await self.flush()
            } catch is EventLogError {
                await Task.yield()
            }
        }
    }
}
