public import Inference
internal import Synchronization

/// What was seen of one model lately: read by every decision, without a lock, and written by every attempt.
///
/// Times are of the monotonic clock, in nanoseconds since ``RoutingFigures`` was made, so that one comparison of two
/// numbers tells whether a model is held back.
public final class ModelFigures: Sendable {
    public let model: ModelID
    /// Of the provider as a whole: shared by its models.
    public let provider: ProviderFigures
    /// Tokens that it gave: an object of its own, so that counting them leaves alone what decisions read.
    public let output = OutputCounter()
    private let running = Atomic<Int>(0)
    /// Nanoseconds as the bits of a `Double`; NaN until something is known.
    private let firstTokenBits = Atomic<UInt64>(Double.nan.bitPattern)
    private let latencyBits = Atomic<UInt64>(Double.nan.bitPattern)
    /// 0...1; NaN until something is known.
    private let successBits = Atomic<UInt64>(Double.nan.bitPattern)
    private let excludedUntilTime = Atomic<UInt64>(0)
    private let notedTime = Atomic<UInt64>(0)
    let breaker = GuardedBreaker()
    private let averages = Mutex(Averages())

    init(model: ModelID, provider: ProviderFigures) {
        self.model = model
        self.provider = provider
    }

    /// Requests that it answers now.
    public var inFlight: Int { self.running.load(ordering: .relaxed) }
    /// The time to its first output that is to be expected, in nanoseconds: a moving average that jumps up to a peak at
    /// once and comes down slowly. NaN until something is known.
    public var firstTokenNanoseconds: Double { Double(bitPattern: self.firstTokenBits.load(ordering: .relaxed)) }
    /// The same of whole answers.
    public var latencyNanoseconds: Double { Double(bitPattern: self.latencyBits.load(ordering: .relaxed)) }
    /// The part of its attempts that went well lately, 0...1. NaN until something is known.
    public var successRate: Double { Double(bitPattern: self.successBits.load(ordering: .relaxed)) }

    /// When something was noted last: what is known fades from then on. 0: never.
    public var notedAt: UInt64 { self.notedTime.load(ordering: .relaxed) }

    /// Until then its circuit breaker lets nobody through. 0: it is closed; in the past: it lets a few through, to see.
    public var openUntil: UInt64 {
        get { self.breaker.openUntil }
        set { self.breaker.openUntil = newValue }
    }

    /// Until then it is asked only when nobody else is left: it failed lately, or said when to come back. 0: it is not.
    public var excludedUntil: UInt64 {
        get { self.excludedUntilTime.load(ordering: .relaxed) }
        set { self.excludedUntilTime.store(newValue, ordering: .relaxed) }
    }

    /// An attempt began.
    public func began() { self.running.add(1, ordering: .relaxed) }

    /// An attempt ended, however it did: the counterpart of ``began()``.
    public func ended() { self.running.subtract(1, ordering: .relaxed) }

    /// Notes the time from asking to the first output.
    ///
    /// - Parameter now: nanoseconds; see ``RoutingFigures/now``.
    public func note(firstToken: Duration, at now: UInt64) {
        let value = self.averages.withLock { $0.firstToken.add(firstToken.nanoseconds, at: now) }
        self.firstTokenBits.store(value.bitPattern, ordering: .relaxed)
        self.notedTime.store(now, ordering: .relaxed)
    }

    /// Notes how long a whole answer took.
    public func note(latency: Duration, at now: UInt64) {
        let value = self.averages.withLock { $0.latency.add(latency.nanoseconds, at: now) }
        self.latencyBits.store(value.bitPattern, ordering: .relaxed)
    }

    /// Notes that it was silent for so long, and then was no longer waited for: that is news when more was not expected.
    public func note(silence: Duration, at now: UInt64) {
        guard silence.nanoseconds > self.firstTokenNanoseconds else { return }
        self.note(firstToken: silence, at: now)
    }

    /// Notes whether an attempt went well. What is nobody's fault, such as a client that leaves, is not noted.
    public func note(success: Bool, at now: UInt64) {
        let value = self.averages.withLock { $0.success.add(success ? 1 : 0, at: now) }
        self.successBits.store(value.bitPattern, ordering: .relaxed)
        self.notedTime.store(now, ordering: .relaxed)
    }

    /// Notes a whole answer: that it went well, and how long it took.
    public func note(answerIn latency: Duration, at now: UInt64) {
        let (mean, success) = self.averages.withLock {
            ($0.latency.add(latency.nanoseconds, at: now), $0.success.add(1, at: now))
        }
        self.latencyBits.store(mean.bitPattern, ordering: .relaxed)
        self.successBits.store(success.bitPattern, ordering: .relaxed)
        self.notedTime.store(now, ordering: .relaxed)
    }

    private struct Averages {
        var firstToken = PeakAverage()
        var latency = PeakAverage()
        var success = TimedAverage(halfLife: 60e9)
    }
}

/// What was seen of a provider as a whole.
public final class ProviderFigures: Sendable {
    public let provider: ProviderID
    private let running = Atomic<Int>(0)
    let breaker = GuardedBreaker()

    init(provider: ProviderID) {
        self.provider = provider
    }

    /// Requests that its models answer now.
    public var inFlight: Int { self.running.load(ordering: .relaxed) }
    public func began() { self.running.add(1, ordering: .relaxed) }
    public func ended() { self.running.subtract(1, ordering: .relaxed) }

    /// As ``ModelFigures/openUntil``.
    public var openUntil: UInt64 {
        get { self.breaker.openUntil }
        set { self.breaker.openUntil = newValue }
    }
}

/// The figures of the models that are candidates, or were lately. One for a server.
///
/// Where a provider passes every name on, clients may make names up without end. Figures that nobody holds are forgotten
/// when there are too many of them, those first that nobody asked for the longest. A request holds those of its
/// candidates, and whoever lays out a snapshot those of its models. Providers are what somebody registered: few.
public final class RoutingFigures: Sendable {
    /// Two generations: what is asked for is in the young one, and when that is full the old one is let go of.
    private struct State {
        var young: [ModelID: ModelFigures] = [:]
        var old: [ModelID: ModelFigures] = [:]
        /// Of the young one.
        var capacity = RoutingFigures.mostUnheld
        var providers: [ProviderID: ProviderFigures] = [:]

        mutating func model(_ id: ModelID) -> ModelFigures {
            if let known = self.young[id] { return known }
            if self.young.count >= self.capacity { self.age() }
            let figures =
                self.old.removeValue(forKey: id) ?? ModelFigures(model: id, provider: self.provider(id.provider))
            self.young[id] = figures
            return figures
        }

        mutating func provider(_ id: ProviderID) -> ProviderFigures {
            if let known = self.providers[id] { return known }
            let made = ProviderFigures(provider: id)
            self.providers[id] = made
            return made
        }

        private mutating func age() {
            var next = self.young
            var held = 0
            // By hand: `indices` would hold them all.
            var place = self.old.startIndex
            while place != self.old.endIndex {
                // Whoever comes to hold one asks for it, which waits for the lock.
                if !isKnownUniquelyReferenced(&self.old.values[place]) {
                    next[self.old.keys[place]] = self.old.values[place]
                    held += 1
                }
                self.old.formIndex(after: &place)
            }
            self.old = next
            self.young = [:]
            self.capacity = RoutingFigures.mostUnheld + held
        }
    }

    /// How many of those that nobody holds are kept at least; at most it is twice as many.
    static let mostUnheld = 2048

    private let state = Mutex(State())
    private let start: ContinuousClock.Instant
    private let clock: @Sendable () -> ContinuousClock.Instant

    /// - Parameter clock: tells the time; tests have one of their own.
    public init(clock: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }) {
        self.clock = clock
        self.start = clock()
    }

    /// Nanoseconds since the figures were made; never 0.
    public var now: UInt64 { self.nanoseconds(at: self.clock()) }

    /// The same of another moment: for who has looked at the clock already.
    public func nanoseconds(at instant: ContinuousClock.Instant) -> UInt64 {
        max(1, self.start.duration(to: instant).wholeNanoseconds)
    }

    public subscript(id: ModelID) -> ModelFigures { self.state.withLock { $0.model(id) } }
    public subscript(id: ProviderID) -> ProviderFigures { self.state.withLock { $0.provider(id) } }

    /// Of every model that is a candidate or was asked lately, in no order.
    package var all: [ModelFigures] { self.state.withLock { Array($0.young.values) + Array($0.old.values) } }

    /// Of models.
    var count: Int { self.state.withLock { $0.young.count + $0.old.count } }
}

extension Duration {
    /// As a floating point number.
    package var nanoseconds: Double {
        // Not by `attoseconds`: a `Double` is made of 128 bits by the generic, slow way.
        let (seconds, attoseconds) = self.components
        return Double(seconds) * 1e9 + Double(attoseconds) / 1e9
    }
}

/// An average in which what is old weighs less, by the time that passed and not by the number of values.
struct TimedAverage: Sendable {
    let halfLife: Double
    private var value = Double.nan
    private var time: UInt64 = 0

    /// - Parameter halfLife: nanoseconds after which a value weighs half.
    init(halfLife: Double) {
        self.halfLife = halfLife
    }

    mutating func add(_ sample: Double, at now: UInt64) -> Double {
        defer { self.time = now }
        guard !self.value.isNaN else {
            self.value = sample
            return sample
        }
        // At least a twentieth, so that many values at one moment count for something.
        let weight = max(1 - exp2(-Double(now &- min(self.time, now)) / self.halfLife), 0.05)
        self.value += (sample - self.value) * weight
        return self.value
    }
}

/// A peak at once, its going away slowly: what a client should expect of a server that stumbled just now.
struct PeakAverage: Sendable {
    private var average = TimedAverage(halfLife: 10e9)
    private var value = Double.nan

    mutating func add(_ sample: Double, at now: UInt64) -> Double {
        if !(sample <= self.value) {
            self.average = TimedAverage(halfLife: 10e9)
        }
        self.value = self.average.add(sample, at: now)
        return self.value
    }
}

/// 2 to the power of a number that is not positive. The standard library has no `exp2`, and this room imports no other.
private func exp2(_ exponent: Double) -> Double {
    guard exponent > -1000 else { return 0 }
    let whole = exponent.rounded(.down)
    let rest = (exponent - whole) * 0.693_147_180_559_945_3
    var term = 1.0
    var sum = 1.0
    for order in 1...12 {
        term *= rest / Double(order)
        sum += term
    }
    return sum * Double(sign: .plus, exponent: Int(whole), significand: 1)
}
