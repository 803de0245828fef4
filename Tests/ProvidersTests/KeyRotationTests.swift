import Inference
import Testing

@testable import Providers

@Suite struct KeyRotationTests {
    static let start = ContinuousClock.now
    static func after(_ seconds: Int) -> ContinuousClock.Instant { self.start + .seconds(seconds) }

    static let limited = UpstreamFault(.rateLimited(retryAfter: nil), "slow down", httpStatus: 429)
    static let rejected = UpstreamFault(.authenticationFailed, "who are you", httpStatus: 401)
    static let forbidden = UpstreamFault(.authenticationFailed, "not you", httpStatus: 403)
    static let spent = UpstreamFault(.authenticationFailed, "pay first", httpStatus: 402)
    static let quota = UpstreamFault(.authenticationFailed, "insufficient_quota", httpStatus: 429)

    static func limited(_ seconds: Int) -> UpstreamFault {
        UpstreamFault(.rateLimited(retryAfter: .seconds(seconds)), "slow down", httpStatus: 429)
    }

    /// The place that is used, or the fault in its place.
    static func use(_ rotation: KeyRotation, _ second: Int, _ model: String = "m") -> Result<Int, UpstreamFault> {
        do throws(UpstreamFault) {
            return .success(try rotation.take(for: model, now: self.after(second)))
        } catch {
            return .failure(error)
        }
    }

    static func place(_ rotation: KeyRotation, _ second: Int, _ model: String = "m") -> Int? {
        try? self.use(rotation, second, model).get()
    }

    static func kind(_ rotation: KeyRotation, _ second: Int) -> UpstreamFault.Kind? {
        switch self.use(rotation, second) {
        case .success: nil
        case .failure(let fault): fault.kind
        }
    }

    @Test func `The first key is used until it meets a fault, and again when its rest is over`() {
        var rotation = KeyRotation(count: 3)
        #expect((0..<5).allSatisfy { Self.place(rotation, $0) == 0 })
        rotation.report(Self.limited(20), of: 0, for: "m", now: Self.after(5))
        #expect(Self.place(rotation, 5) == 1)
        #expect(Self.place(rotation, 24) == 1)
        #expect(Self.place(rotation, 25) == 0)
    }

    struct Rest: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let fault: UpstreamFault
        let seconds: Int
        /// Whether the key rests for other models too.
        let isForAll: Bool
    }

    @Test(arguments: [
        Rest(testDescription: "429 with Retry-After", fault: limited(7), seconds: 7, isForAll: false),
        Rest(testDescription: "429 without", fault: limited, seconds: 30, isForAll: false),
        Rest(testDescription: "429 for a month", fault: limited(2_592_000), seconds: 86_400, isForAll: false),
        Rest(testDescription: "401", fault: rejected, seconds: 600, isForAll: true),
        Rest(testDescription: "403", fault: forbidden, seconds: 600, isForAll: false),
        Rest(testDescription: "402", fault: spent, seconds: 3600, isForAll: true),
        Rest(testDescription: "insufficient quota", fault: quota, seconds: 3600, isForAll: true),
    ])
    func `How long a key rests depends on what was said`(_ rest: Rest) {
        var rotation = KeyRotation(count: 2)
        rotation.report(rest.fault, of: 0, for: "m", now: Self.after(0))
        #expect(Self.place(rotation, rest.seconds - 1) == 1)
        #expect(Self.place(rotation, rest.seconds) == 0)
        #expect(Self.place(rotation, rest.seconds - 1, "other") == (rest.isForAll ? 1 : 0))
    }

    @Test(arguments: [
        UpstreamFault.Kind.overloaded(retryAfter: .seconds(9)), .serverError, .unreachable, .timedOut(.idle),
        .truncated, .malformed, .contextLengthExceeded, .contentFiltered, .modelNotFound, .invalidRequest, .cancelled,
    ])
    func `A fault that is not about the key leaves it in use`(_ kind: UpstreamFault.Kind) {
        var rotation = KeyRotation(count: 2)
        rotation.report(UpstreamFault(kind, "no"), of: 0, for: "m", now: Self.after(0))
        #expect(Self.place(rotation, 0) == 0)
    }

    @Test func `When all rest, the soonest says when to come back`() {
        var rotation = KeyRotation(count: 3)
        rotation.report(Self.limited(50), of: 0, for: "m", now: Self.after(0))
        rotation.report(Self.limited(20), of: 1, for: "m", now: Self.after(0))
        // A rejected key says nothing about when.
        rotation.report(Self.rejected, of: 2, for: "m", now: Self.after(0))
        #expect(Self.kind(rotation, 5) == .rateLimited(retryAfter: .seconds(15)))
        #expect(Self.place(rotation, 20) == 1)
    }

    @Test func `When all were rejected, that is what is said`() {
        var rotation = KeyRotation(count: 2)
        rotation.report(Self.rejected, of: 0, for: "m", now: Self.after(0))
        rotation.report(Self.forbidden, of: 1, for: "m", now: Self.after(0))
        #expect(Self.kind(rotation, 1) == .authenticationFailed)
        #expect(Self.place(rotation, 1, "other") == 1)
        #expect(Self.place(rotation, 600) == 0)
    }

    @Test func `A key that stands alone rests only when the upstream says for how long`() {
        var rotation = KeyRotation(count: 1)
        for fault in [Self.limited, Self.rejected, Self.forbidden, Self.spent, Self.quota] {
            rotation.report(fault, of: 0, for: "m", now: Self.after(0))
            #expect(Self.place(rotation, 0) == 0)
        }
        rotation.report(Self.limited(9), of: 0, for: "m", now: Self.after(0))
        #expect(Self.kind(rotation, 0) == .rateLimited(retryAfter: .seconds(9)))
        #expect(Self.place(rotation, 9) == 0)
    }

    @Test func `A shorter rest does not end a longer one`() {
        var rotation = KeyRotation(count: 2)
        rotation.report(Self.limited(60), of: 0, for: "m", now: Self.after(0))
        rotation.report(Self.limited(1), of: 0, for: "m", now: Self.after(0))
        #expect(Self.place(rotation, 59) == 1)
    }

    @Test func `A reload keeps the rests of the keys that stay`() {
        var rotation = KeyRotation(count: 2)
        rotation.report(Self.rejected, of: 0, for: "m", now: Self.after(0))
        // The second key is the first now, the old first is the second, and a new one came.
        let reloaded = rotation.reloaded([1, 0, nil])
        #expect(Self.place(reloaded, 1) == 0)
        var worn = reloaded
        worn.report(Self.limited(60), of: 0, for: "m", now: Self.after(1))
        #expect(Self.place(worn, 1) == 2)
    }

    @Test func `A report for a place that does not exist is no trouble`() {
        var rotation = KeyRotation(count: 1)
        rotation.report(Self.limited(60), of: 4, for: "m", now: Self.after(0))
        #expect(Self.place(rotation, 0) == 0)
    }

    @Test func `Whatever happens, the first key without a rest is given, and a refusal is true`() {
        var random = SplitMix(seed: 11)
        for _ in 0..<100 {
            let count = Int(random.next() % 3) + 2
            var rotation = KeyRotation(count: count)
            // What should be: by key and model, the second from which on it may be used again.
            var free: [[String: Int]] = Array(repeating: [:], count: count)
            var second = 0
            for _ in 0..<80 {
                second += Int(random.next() % 40)
                let model = ["a", "b"][Int(random.next() % 2)]
                let expected = free.firstIndex { max($0["*"] ?? 0, $0[model] ?? 0) <= second }
                switch Self.use(rotation, second, model) {
                case .failure: #expect(expected == nil)
                case .success(let place):
                    #expect(expected == place)
                    let seconds = Int(random.next() % 200)
                    switch random.next() % 4 {
                    case 0:
                        rotation.report(Self.limited(seconds), of: place, for: model, now: Self.after(second))
                        free[place][model] = max(free[place][model] ?? 0, second + seconds)
                    case 1:
                        rotation.report(Self.rejected, of: place, for: model, now: Self.after(second))
                        free[place]["*"] = second + 600
                    default: break
                    }
                }
            }
        }
    }
}
