import Testing

@testable import Routing

private let second: UInt64 = 1_000_000_000

/// Records as an executor does: asks for leave, then tells how it went.
extension CircuitBreaker {
    fileprivate mutating func take(
        _ outcome: Outcome, at now: UInt64, _ settings: BreakerSettings = BreakerSettings()
    ) -> Change? {
        guard let ticket = self.admit(at: now, settings) else { return nil }
        return self.record(outcome, of: ticket, at: now, settings)
    }

    fileprivate mutating func leave(at now: UInt64, _ settings: BreakerSettings) throws -> Ticket {
        let ticket = self.admit(at: now, settings)
        return try #require(ticket)
    }
}

@Suite("A circuit breaker")
struct CircuitBreakerTests {
    @Test("Opens after five failures in a row, and a success between them starts the count anew")
    func inARow() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 { #expect(breaker.take(.failure, at: second) == nil) }
        #expect(breaker.take(.success, at: second) == nil)
        #expect(breaker.take(.neutral, at: second) == nil)
        for _ in 0..<4 { #expect(breaker.take(.failure, at: second) == nil) }
        // 9 of 10: the ratio would open it, too, and five in a row is what is told.
        guard case .opened(let opening) = breaker.take(.failure, at: second) else {
            Issue.record("it did not open")
            return
        }
        #expect(opening == .init(cause: .inARow, failures: 9, requests: 10, duration: 15 * second))
        #expect(breaker.admit(at: 16 * second - 1, BreakerSettings()) == nil)
    }

    @Test("What says nothing of the upstream neither opens it nor breaks a row of failures")
    func neutral() {
        var breaker = CircuitBreaker()
        for _ in 0..<100 { #expect(breaker.take(.neutral, at: second) == nil) }
        for _ in 0..<4 {
            #expect(breaker.take(.failure, at: second) == nil)
            #expect(breaker.take(.neutral, at: second) == nil)
        }
        #expect(breaker.take(.failure, at: second) != nil)
    }

    @Test("Opens when half of at least ten requests in the window failed", arguments: [9, 10, 11, 20])
    func ratio(requests: Int) {
        var breaker = CircuitBreaker()
        var opened = false
        // A success after each failure: never two in a row.
        for number in 0..<requests where !opened {
            opened = breaker.take(number % 2 == 0 ? .success : .failure, at: second) != nil
        }
        #expect(opened == (requests >= 10))
    }

    @Test("Failures that lie further back than the window are forgotten")
    func window() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 { #expect(breaker.take(.failure, at: second) == nil) }
        for _ in 0..<4 { #expect(breaker.take(.success, at: second) == nil) }
        #expect(breaker.take(.failure, at: 40 * second) == nil)
        #expect(breaker.take(.success, at: 40 * second) == nil)
        #expect(breaker.take(.failure, at: 40 * second) == nil)
        var fresh = CircuitBreaker()
        for _ in 0..<4 { #expect(fresh.take(.failure, at: second) == nil) }
        for _ in 0..<4 { #expect(fresh.take(.success, at: second) == nil) }
        #expect(fresh.take(.failure, at: 20 * second) == nil)
        #expect(fresh.take(.success, at: 20 * second) == nil)
        #expect(fresh.take(.failure, at: 20 * second) != nil)
    }

    /// One that opened at 1 s.
    private func opened(_ settings: BreakerSettings = BreakerSettings()) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<5 { _ = breaker.take(.failure, at: second, settings) }
        return breaker
    }

    @Test("When its time is over it lets as many through at once as configured, and closes after as many successes")
    func probes() throws {
        let settings = BreakerSettings()
        var breaker = self.opened()
        #expect(breaker.admit(at: 15 * second, settings) == nil)
        let first = try breaker.leave(at: 16 * second, settings)
        let other = try breaker.leave(at: 16 * second, settings)
        #expect(breaker.admit(at: 16 * second, settings) == nil)
        #expect(breaker.record(.neutral, of: first, at: 17 * second, settings) == nil)
        let third = try breaker.leave(at: 17 * second, settings)
        #expect(breaker.record(.success, of: other, at: 17 * second, settings) == nil)
        #expect(breaker.record(.success, of: third, at: 18 * second, settings) == .closed(after: 17 * second))
        #expect(breaker.openUntil == 0)
        // All is forgotten.
        for _ in 0..<4 { #expect(breaker.take(.failure, at: 18 * second) == nil) }
    }

    @Test("Each probe that fails doubles the time, up to its most; closing makes it short again")
    func doubling() throws {
        let settings = BreakerSettings()
        var breaker = self.opened()
        var now = second
        var durations: [UInt64] = []
        for _ in 0..<7 {
            now = breaker.openUntil
            guard case .opened(let opening) = breaker.take(.failure, at: now) else { break }
            #expect(opening.cause == .probe)
            durations.append(opening.duration / second)
        }
        #expect(durations == [30, 60, 120, 240, 300, 300, 300])
        now = breaker.openUntil
        for _ in 0..<settings.halfOpenProbes { _ = breaker.take(.success, at: now) }
        #expect(breaker.phase == .closed)
        for _ in 0..<5 { _ = breaker.take(.failure, at: now) }
        #expect(breaker.openUntil == now + 15 * second)
    }

    @Test("An outcome of a request that was let through before the last change is no news")
    func stale() throws {
        let settings = BreakerSettings()
        var breaker = CircuitBreaker()
        let early = try breaker.leave(at: second, settings)
        for _ in 0..<5 { _ = breaker.take(.failure, at: second) }
        #expect(breaker.record(.success, of: early, at: second, settings) == nil)
        #expect(breaker.openUntil == 16 * second)
        let probe = try breaker.leave(at: 16 * second, settings)
        let sibling = try breaker.leave(at: 16 * second, settings)
        #expect(breaker.record(.failure, of: early, at: 16 * second, settings) == nil)
        #expect(breaker.record(.failure, of: probe, at: 16 * second, settings) != nil)
        let until = breaker.openUntil
        #expect(breaker.record(.failure, of: sibling, at: 17 * second, settings) == nil)
        #expect(breaker.openUntil == until)
    }
}

/// The same breaker written as its definition: it keeps every outcome and looks at all of them.
private struct NaiveBreaker {
    let settings: BreakerSettings
    var log: [(time: UInt64, success: Bool)] = []
    var openSince: UInt64?
    var until: UInt64 = 0
    var isHalfOpen = false
    var running = 0
    var probesOK = 0
    var failedProbes = 0

    var isClosed: Bool { self.openSince == nil }

    mutating func admits(at now: UInt64) -> Bool {
        if self.isClosed { return true }
        if !self.isHalfOpen {
            guard now >= self.until else { return false }
            self.isHalfOpen = true
            self.running = 0
            self.probesOK = 0
        }
        guard self.running < self.settings.halfOpenProbes else { return false }
        self.running += 1
        return true
    }

    /// - Returns: whether it changed.
    mutating func record(_ outcome: CircuitBreaker.Outcome, at now: UInt64) -> Bool {
        if self.isClosed {
            guard outcome != .neutral else { return false }
            self.log.append((now, outcome == .success))
            guard outcome == .failure else { return false }
            let bucket = UInt64(self.settings.window / .nanoseconds(1)) / UInt64(self.settings.buckets)
            let recent = self.log.filter { $0.time / bucket + UInt64(self.settings.buckets) > now / bucket }
            let failures = recent.count { !$0.success }
            let row = self.log.reversed().prefix { !$0.success }.count
            let isTooMuch =
                recent.count >= self.settings.minRequests
                && Double(failures) / Double(recent.count) >= self.settings.failureRatio
            guard row >= self.settings.consecutiveFailures || isTooMuch else { return false }
            self.open(at: now)
            return true
        }
        self.running -= 1
        switch outcome {
        case .neutral: return false
        case .failure:
            self.failedProbes += 1
            self.open(at: now)
            return true
        case .success:
            self.probesOK += 1
            guard self.probesOK == self.settings.halfOpenProbes else { return false }
            self.openSince = nil
            self.isHalfOpen = false
            self.failedProbes = 0
            self.log = []
            return true
        }
    }

    private mutating func open(at now: UInt64) {
        let longest = self.settings.maxOpenFor / .seconds(1)
        let length = min(self.settings.openFor / .seconds(1) * Double(1 << min(self.failedProbes, 30)), longest)
        self.openSince = self.openSince ?? now
        self.until = now + UInt64(length * 1e9)
        self.isHalfOpen = false
    }
}

@Suite("Any life of a circuit breaker")
struct CircuitBreakerWalks {
    @Test("Is that of its definition", arguments: 0..<60)
    func walk(seed: Int) throws {
        var dice = Dice(seed)
        var settings = BreakerSettings()
        settings.window = .seconds(dice.one(of: [5, 30]))
        settings.buckets = dice.one(of: [1, 5, 10])
        settings.minRequests = Int.random(in: 1...12, using: &dice)
        settings.failureRatio = Double.random(in: 0.1...1, using: &dice)
        settings.consecutiveFailures = Int.random(in: 1...8, using: &dice)
        settings.openFor = .seconds(Int.random(in: 1...20, using: &dice))
        settings.maxOpenFor = .seconds(Int.random(in: 20...60, using: &dice))
        settings.halfOpenProbes = Int.random(in: 1...3, using: &dice)
        var breaker = CircuitBreaker()
        var naive = NaiveBreaker(settings: settings)
        var now: UInt64 = second
        var running: [CircuitBreaker.Ticket] = []
        var changes = 0
        let failing = dice.one(of: [10, 40, 70, 95])
        for _ in 0..<2_000 {
            now += UInt64.random(in: 0...(dice.happens(2) ? 20 * second : second / 2), using: &dice)
            if running.isEmpty || dice.happens(55) {
                let ticket = breaker.admit(at: now, settings)
                #expect((ticket != nil) == naive.admits(at: now))
                if let ticket { running.append(ticket) }
            } else {
                let ticket = running.remove(at: Int.random(in: running.indices, using: &dice))
                let outcome: CircuitBreaker.Outcome =
                    dice.happens(15) ? .neutral : dice.happens(failing) ? .failure : .success
                // Only what was let through since the last change is heard.
                let isHeard = ticket.epoch == breaker.epoch
                let change = breaker.record(outcome, of: ticket, at: now, settings)
                let expected = isHeard && naive.record(outcome, at: now)
                #expect((change != nil) == expected)
                if change != nil { changes += 1 }
            }
            #expect((breaker.openUntil == 0) == naive.isClosed)
            if case .open(let until) = breaker.phase { #expect(until == naive.until) }
            if case .halfOpen(let count, _) = breaker.phase {
                #expect(naive.isHalfOpen && count == naive.running && count <= settings.halfOpenProbes)
            }
        }
        #expect(failing < 70 || changes > 0)
    }
}
