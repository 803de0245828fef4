import Inference
import ModelRegistry
import Synchronization
import Testing

private let hour: Int64 = 3_600_000_000

@Suite("Statistics of models")
struct StatisticsTests {
    @Test("A sample is worth half an hour later, a quarter after two")
    func decayingAverage() throws {
        var average = DecayingAverage()
        #expect(average.value == nil)
        average.add(10, at: 5 * hour)
        #expect(average.value == 10)
        average.add(40, at: 6 * hour)
        #expect(abs(try #require(average.value) - 30) < 1e-9)
        #expect(abs(average.weight - 1.5) < 1e-12)
        average.add(0, at: 8 * hour)
        #expect(abs(average.weight - 1.375) < 1e-12)
        #expect(abs(average.sum - 11.25) < 1e-9)
        average.add(.nan, at: 8 * hour)
        average.add(.infinity, at: 8 * hour)
        #expect(abs(average.sum - 11.25) < 1e-9)
        // After a year nothing is left of the old ones.
        average.add(3, at: 9000 * hour)
        #expect(average.value == 3)
    }

    @Test("Samples give the same average in whichever order they come", arguments: 0..<10 as Range<UInt64>)
    func averageInAnyOrder(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        let samples = (0..<20).map { _ in
            (Double.random(in: 0...10, using: &random), Int64.random(in: 1...(10 * hour), using: &random))
        }
        var average = DecayingAverage()
        for (sample, time) in samples.shuffled(using: &random) { average.add(sample, at: time) }
        var sorted = DecayingAverage()
        for (sample, time) in samples.sorted(by: { $0.1 < $1.1 }) { sorted.add(sample, at: time) }
        #expect(abs(try #require(average.value) - (sorted.value ?? 0)) < 1e-9)
        #expect(abs(average.weight - sorted.weight) < 1e-9)
    }

    /// 1970-01-01 was a Thursday, 2026-01-05 and 2024-02-26 Mondays.
    static let hours: [(time: Int64, index: Int)] = [
        (0, 72), (hour - 1, 72), (hour, 73), (-1, 71), (96 * hour, 0), (96 * hour - 1, 167),
        (1_767_571_200_000_000, 0), (1_767_571_199_999_999, 167), (1_708_995_600_000_000, 25),
    ]

    @Test("Hours of the week begin on Monday, in UTC", arguments: hours)
    func hoursOfWeek(time: Int64, index: Int) {
        #expect(HourOfWeek.index(atMicroseconds: time) == index)
        #expect((0..<168).contains(HourOfWeek.index(atMicroseconds: .min)))
        #expect((0..<168).contains(HourOfWeek.index(atMicroseconds: .max)))
    }

    @Test("A week's uses are worth half after four weeks")
    func weeklyPattern() {
        let monday: Int64 = 4 * 24 * hour
        var pattern = WeeklyPattern()
        pattern.add(at: monday)
        pattern.add(at: monday + hour / 2)
        #expect(pattern.uses[0] == 2)
        let fourWeeks = 28 * 24 * hour
        #expect(abs(pattern.uses(at: monday + fourWeeks)[0] - 1) < 1e-9)
        pattern.add(at: monday + fourWeeks)
        #expect(abs(pattern.uses[0] - 2) < 1e-9)
        // One that comes late counts too, and turns no clock back.
        pattern.add(at: monday + 5 * hour)
        #expect(pattern.uses[5] == 1)
        #expect(pattern.updatedAtMicroseconds == monday + fourWeeks)
        #expect(pattern.uses.count == 168)
    }

    @Test("A kept pattern of the wrong length is no reason to crash")
    func brokenPattern() {
        var pattern = WeeklyPattern()
        pattern.uses = []
        pattern.add(at: 0)
        #expect(pattern.uses.count == 168)
    }

    static func record(_ attempts: [Attempt], streamed: Bool = true, status: String = "OK") -> RequestRecord {
        RequestRecord(
            id: "r", requestedModel: "default", model: attempts.last?.model, startedAtMicroseconds: hour,
            latency: .seconds(5), firstTokenLatency: .seconds(3), usage: Usage(inputTokens: 7, outputTokens: 101),
            attempts: attempts, status: status, isStreamed: streamed)
    }

    @Test("Every model that was asked is counted, with its own times")
    func samples() throws {
        let (bad, busy, good) = (try id("p/bad"), try id("p/busy"), try id("p/good"))
        let record = Self.record([
            Attempt(model: busy, duration: .zero, fault: UpstreamFault(.unreachable, "its engine is not installed")),
            Attempt(model: bad, duration: .seconds(1), fault: UpstreamFault(.serverError, "no")),
            Attempt(model: good, duration: .seconds(4)),
        ])
        let samples = UseSample.samples(of: record)
        #expect(samples.map(\.model) == [bad, good])
        #expect(samples[0].sample == UseSample(.failure, atMicroseconds: hour, latency: .seconds(1)))
        #expect(
            samples[1].sample
                == UseSample(
                    .success, atMicroseconds: hour, latency: .seconds(4), firstTokenLatency: .seconds(2),
                    inputTokens: 7,
                    outputTokens: 101))
        // 100 tokens in the two seconds after the first.
        #expect(samples[1].sample.tokensPerSecond == 50)
    }

    @Test(
        "What is nobody's fault or the client's is no failure",
        arguments: [
            (UpstreamFault.Kind.cancelled, Int64(0)), (.invalidRequest, 0), (.contextLengthExceeded, 0),
            (.serverError, 1),
            (.truncated, 1), (.rateLimited(retryAfter: nil), 1), (.timedOut(.firstToken), 1), (.unreachable, 1),
        ]
    )
    func outcomes(kind: UpstreamFault.Kind, failures: Int64) throws {
        let attempt = Attempt(model: try id("p/m"), duration: .seconds(1), fault: UpstreamFault(kind, "no"))
        let book = StatisticsBook(storage: KeptStatistics())
        book.take(Self.record([attempt], status: "UNAVAILABLE"))
        let statistics = try #require(book.statistics(of: id("p/m")))
        #expect(statistics.uses == 1 && statistics.failures == failures)
        #expect(statistics.success.value == (failures == 0 ? nil : 0))
        #expect(statistics.outputTokens == 0 && statistics.latency.value == nil)
    }

    @Test("Speed is counted from the first token where there is one, and never from nothing")
    func speed() {
        func speed(_ latency: Duration, _ first: Duration?, _ tokens: Int) -> Double? {
            UseSample(.success, atMicroseconds: 0, latency: latency, firstTokenLatency: first, outputTokens: tokens)
                .tokensPerSecond
        }
        #expect(speed(.seconds(2), nil, 10) == 5)
        #expect(speed(.seconds(2), .seconds(1), 11) == 10)
        #expect(speed(.seconds(2), .seconds(2), 10) == 5)
        #expect(speed(.seconds(2), .seconds(1), 1) == 0.5)
        #expect(speed(.zero, nil, 10) == nil)
        #expect(speed(.seconds(2), nil, 0) == nil)
    }
}

/// A storage of statistics in memory that can be told to fail.
final class KeptStatistics: StatisticsStorage {
    private struct State {
        var kept: [ModelID: ModelStatistics] = [:]
        var saves: [Set<String>] = []
        var fails = false
    }

    private let state = Mutex(State())
    let saved = AsyncStream<Void>.makeStream()

    var kept: [ModelID: ModelStatistics] { self.state.withLock { $0.kept } }
    var saves: [Set<String>] { self.state.withLock { $0.saves } }
    func fail(_ fails: Bool) { self.state.withLock { $0.fails = fails } }

    func loadStatistics() async throws -> [ModelID: ModelStatistics] { self.kept }

    func save(_ statistics: [ModelID: ModelStatistics]) async throws {
        try self.state.withLock { state in
            if state.fails { throw DiskFailure() }
            state.kept.merge(statistics) { _, new in new }
            state.saves.append(Set(statistics.keys.map(\.name)))
        }
        self.saved.continuation.yield()
    }
}

@Suite("The book of statistics")
struct StatisticsBookTests {
    static func take(_ name: String, _ book: StatisticsBook) throws {
        book.record(StatisticsTests.record([Attempt(model: try id("p/\(name)"), duration: .seconds(1))]))
    }

    @Test("What changed is written, and nothing twice; what failed is tried again")
    func flushes() async throws {
        let storage = KeptStatistics()
        let book = StatisticsBook(storage: storage)
        try Self.take("a", book)
        try Self.take("b", book)
        try Self.take("a", book)
        #expect(book.unsavedCount == 2)
        try await book.flush()
        try await book.flush()
        #expect(storage.saves == [["a", "b"]])
        storage.fail(true)
        try Self.take("b", book)
        await #expect(throws: RegistryEditError.storage("the disk is full")) { try await book.flush() }
        #expect(book.failure == "the disk is full" && book.unsavedCount == 1)
        storage.fail(false)
        try await book.flush()
        #expect(book.failure == nil)
        #expect(storage.saves == [["a", "b"], ["b"]])
        #expect(storage.kept == book.snapshot())
        let next = StatisticsBook(stored: try await storage.loadStatistics(), storage: storage)
        try Self.take("a", next)
        #expect(next.statistics(of: try id("p/a"))?.uses == 3)
    }

    @Test("It writes every few seconds, and what is left when it ends")
    func runs() async throws {
        let storage = KeptStatistics()
        let clock = StepClock()
        let book = StatisticsBook(storage: storage, clock: clock)
        try await withThrowingTaskGroup { group in
            group.addTask { await book.run() }
            try Self.take("a", book)
            await clock.waitForSleeper()
            #expect(storage.saves.isEmpty)
            clock.advance(by: .seconds(5))
            for await _ in storage.saved.stream { break }
            #expect(storage.saves == [["a"]])
            try Self.take("b", book)
            await clock.waitForSleeper()
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(storage.saves == [["a"], ["b"]])
    }

    @Test("So many models are counted and no more: names that clients make up do not fill the memory")
    func capacity() throws {
        var settings = StatisticsBook.Settings()
        settings.capacity = 2
        let book = StatisticsBook(storage: KeptStatistics(), settings: settings)
        for name in ["a", "b", "c", "a", "d"] { try Self.take(name, book) }
        #expect(book.snapshot().count == 2)
        #expect(book.statistics(of: try id("p/a"))?.uses == 2)
        #expect(book.uncounted == 2)
    }

    @Test("Records from many tasks are all counted")
    func concurrency() async throws {
        let book = StatisticsBook(storage: KeptStatistics())
        let record = StatisticsTests.record([Attempt(model: try id("p/a"), duration: .seconds(1))])
        await withTaskGroup { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<500 { book.take(record) } } }
            group.addTask { for _ in 0..<50 { try? await book.flush() } }
        }
        let statistics = try #require(book.statistics(of: id("p/a")))
        #expect(statistics.uses == 4000 && statistics.outputTokens == 404_000)
        #expect(abs(statistics.hours.uses.reduce(0, +) - 4000) < 1e-6)
        #expect(statistics.success.value == 1)
    }
}

/// A clock that stands still until a test moves it.
final class StepClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: self.offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - self.offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        var deadline: Instant
        var wake: AsyncStream<Void>.Continuation
    }

    private let time = Mutex(Instant(offset: .zero))
    private let sleepers = Mutex<[Sleeper]>([])
    private let arrivals = AsyncStream<Void>.makeStream()

    var now: Instant { self.time.withLock { $0 } }
    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let wake = AsyncStream<Void>.makeStream()
        self.sleepers.withLock { $0.append(Sleeper(deadline: deadline, wake: wake.continuation)) }
        self.arrivals.continuation.yield()
        for await _ in wake.stream { break }
        try Task.checkCancellation()
    }

    func waitForSleeper() async {
        for await _ in self.arrivals.stream { break }
    }

    func advance(by duration: Duration) {
        let now = self.time.withLock { time in
            time = time.advanced(by: duration)
            return time
        }
        self.sleepers.withLock { sleepers in
            for sleeper in sleepers where sleeper.deadline <= now { sleeper.wake.finish() }
            sleepers.removeAll { $0.deadline <= now }
        }
    }
}
