import Foundation
import Inference
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Providers

@Suite(.timeLimit(.minutes(1))) struct KeyRingTests {
    /// Tells the time that a test sets.
    final class Clock: Sendable {
        private let passed = Mutex(Duration.zero)
        private let start = ContinuousClock.now

        func advance(_ seconds: Int) { self.passed.withLock { $0 += .seconds(seconds) } }
        var now: ContinuousClock.Instant { self.start + self.passed.withLock { $0 } }
    }

    /// Gives what it is told to, and counts how often it was asked.
    final class Source: Sendable {
        private let answer: Mutex<Result<[String], KeySource.Unusable>>
        let asked = Counter()

        init(_ keys: [String]) { self.answer = Mutex(.success(keys)) }

        func set(_ keys: [String]) { self.answer.withLock { $0 = .success(keys) } }
        func fail() { self.answer.withLock { $0 = .failure(KeySource.Unusable("is broken")) } }

        func source(lifetime: Duration? = nil) -> KeySource {
            KeySource(name: "the test", lifetime: lifetime) {
                self.asked.add(1)
                return try self.answer.withLock { $0 }.get().map { Secret($0) }
            }
        }
    }

    static let rejected = UpstreamFault(.authenticationFailed, "no", httpStatus: 401)
    static let limited = UpstreamFault(.rateLimited(retryAfter: nil), "no", httpStatus: 429)

    static func key(_ ring: KeyRing) async throws(UpstreamFault) -> String {
        try await ring.take(for: "m").secret.revealed
    }

    // MARK: - Giving out

    @Test func `Keys are named by their places and never shown`() async throws {
        let ring = KeyRing(keys: [Secret("sk-one"), Secret("sk-two")])
        let first = try await ring.take(for: "m")
        ring.report(Self.limited, of: first, for: "m")
        let second = try await ring.take(for: "m")
        #expect("\(first), \(second)" == "key 1 of 2, key 2 of 2")
        #expect(second.secret.revealed == "sk-two")
        #expect(!String(reflecting: ring).contains("sk-"))
    }

    @Test func `What each key was asked and refused is counted, with the requests that were refused while it rested`()
        async throws
    {
        let ring = KeyRing(keys: [Secret("sk-one"), Secret("sk-two")])
        #expect(ring.counts == [.init(), .init()])
        let first = try await ring.take(for: "m")
        ring.report(Self.limited, of: first, for: "m")
        let second = try await ring.take(for: "m", besides: [first.secret])
        #expect(ring.counts == [.init(requests: 1, rateLimited: 1), .init(requests: 1)])
        ring.report(Self.limited, of: second, for: "m")
        await #expect(throws: UpstreamFault.self) { _ = try await ring.take(for: "m") }
        #expect(ring.counts == [.init(requests: 2, rateLimited: 2), .init(requests: 2, rateLimited: 2)])
        ring.report(Self.rejected, of: first, for: "m")
        #expect(ring.counts.map(\.rateLimited) == [2, 2])
    }

    @Test func `A ring without a key says what is wrong with its source`() async {
        let source = Source([])
        source.fail()
        let ring = KeyRing([source.source()])
        let seen = await fault { _ = try await ring.take(for: "m") }
        #expect(seen?.kind == .authenticationFailed)
        #expect(seen?.message == "there is no key: the test is broken")
    }

    // MARK: - Loading

    @Test func `Many who come at once wait for one load`() async throws {
        let gate = Gate()
        let asked = Counter()
        let ring = KeyRing([
            KeySource(name: "slow") {
                asked.add(1)
                await withCheckedContinuation { continuation in gate.whenOpen { continuation.resume() } }
                return [Secret("k")]
            }
        ])
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { try await Self.key(ring) } }
            while asked.value == 0 { try await Task.sleep(for: .milliseconds(1)) }
            gate.open()
            for try await key in group { #expect(key == "k") }
        }
        #expect(asked.value == 1)
    }

    @Test func `A load runs on a thread that may block`() async throws {
        let ring = KeyRing([
            KeySource(name: "here") {
                #expect(MultiThreadedEventLoopGroup.currentEventLoop == nil)
                return [Secret(Self.isPoolThread ? "pool" : "elsewhere")]
            }
        ])
        let executor = EventLoopExecutors(of: Fixture.group).next()
        let key = await Task(executorPreference: executor) {
            #expect(MultiThreadedEventLoopGroup.currentEventLoop != nil)
            return try? await Self.key(ring)
        }.value
        #expect(key == "pool")
    }

    static var isPoolThread: Bool {
        let name = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
        return name?.contains("TP-") == true
    }

    @Test func `Keys are loaded anew when they are too old, and not before`() async throws {
        let (clock, source) = (Clock(), Source(["old"]))
        let ring = KeyRing([source.source(lifetime: .seconds(900))]) { clock.now }
        #expect(try await Self.key(ring) == "old")
        source.set(["new"])
        clock.advance(899)
        #expect(try await Self.key(ring) == "old")
        clock.advance(1)
        #expect(try await Self.key(ring) == "new")
        #expect(source.asked.value == 2)
    }

    @Test func `A rejected key is a reason to load, but not at every request`() async throws {
        let (clock, source) = (Clock(), Source(["old"]))
        let ring = KeyRing([source.source()]) { clock.now }
        let lease = try await ring.take(for: "m")
        source.set(["new"])
        ring.report(Self.rejected, of: lease, for: "m")
        // It is not older than a moment.
        #expect(try await Self.key(ring) == "old")
        clock.advance(10)
        #expect(try await Self.key(ring) == "new")
        #expect(try await Self.key(ring) == "new")
        #expect(source.asked.value == 2)
    }

    @Test func `A limit is no reason to load`() async throws {
        let (clock, source) = (Clock(), Source(["a", "b"]))
        let ring = KeyRing([source.source()]) { clock.now }
        ring.report(Self.limited, of: try await ring.take(for: "m"), for: "m")
        clock.advance(20)
        #expect(try await Self.key(ring) == "b")
        #expect(source.asked.value == 1)
    }

    @Test func `A key that comes again after it was rejected stays rejected`() async throws {
        let (clock, source) = (Clock(), Source(["a", "b"]))
        let ring = KeyRing([source.source()]) { clock.now }
        clock.advance(10)
        ring.report(Self.rejected, of: try await ring.take(for: "m"), for: "m")
        source.set(["c", "a"])
        clock.advance(10)
        #expect(try await Self.key(ring) == "c")
        ring.report(Self.limited, of: try await ring.take(for: "m"), for: "m")
        let seen = await fault { _ = try await ring.take(for: "m") }
        #expect(seen?.kind == .rateLimited(retryAfter: .seconds(30)))
    }

    @Test func `What a key met that is no longer there concerns nobody`() async throws {
        let (clock, source) = (Clock(), Source(["a", "x"]))
        let ring = KeyRing([source.source(lifetime: .seconds(60))]) { clock.now }
        let old = try await ring.take(for: "m")
        source.set(["b", "x"])
        clock.advance(60)
        #expect(try await Self.key(ring) == "b")
        ring.report(Self.rejected, of: old, for: "m")
        clock.advance(30)
        #expect(try await Self.key(ring) == "b")
        #expect(source.asked.value == 2)
    }

    @Test func `A source that fails later leaves the keys that it gave`() async throws {
        let (clock, source) = (Clock(), Source(["a"]))
        let ring = KeyRing([source.source(lifetime: .seconds(100))]) { clock.now }
        #expect(try await Self.key(ring) == "a")
        source.fail()
        clock.advance(100)
        #expect(try await Self.key(ring) == "a")
        #expect(ring.trouble == "the test is broken")
        clock.advance(30)
        #expect(try await Self.key(ring) == "a")
        #expect(source.asked.value == 2)
        source.set(["b"])
        clock.advance(30)
        #expect(try await Self.key(ring) == "b")
        #expect(ring.trouble == nil)
    }

    @Test func `A source that fails at first is asked again, but not at every request`() async throws {
        let (clock, source) = (Clock(), Source([]))
        let ring = KeyRing([source.source()]) { clock.now }
        for _ in 0..<3 {
            let seen = await fault { _ = try await ring.take(for: "m") }
            #expect(seen?.message == "there is no key: the test holds no key")
        }
        #expect(source.asked.value == 1)
        source.set(["a"])
        clock.advance(10)
        #expect(try await Self.key(ring) == "a")
    }

    @Test func `One source that fails does not take the others away`() async throws {
        let (first, second) = (Source(["a"]), Source(["b", "a"]))
        first.fail()
        let ring = KeyRing([first.source(), second.source()])
        let lease = try await ring.take(for: "m")
        #expect(lease.secret.revealed == "b")
        #expect("\(lease)" == "key 1 of 2")
    }

    @Test func `A source that hangs is given up`() async throws {
        let ring = KeyRing(
            [
                KeySource(name: "the test") {
                    try await Task.sleep(for: .seconds(50))
                    return []
                }
            ],
            timeLimit: .milliseconds(20))
        let seen = await fault { _ = try await ring.take(for: "m") }
        #expect(seen?.message == "there is no key: the test gave no key within 0.02 seconds")
    }

    @Test func `Who waits for a load can leave, and who loads can leave it to the next`() async throws {
        let asked = Counter()
        let gate = Gate()
        let ring = KeyRing([
            KeySource(name: "the test") {
                asked.add(1)
                if asked.value == 1 { try await Task.sleep(for: .seconds(50)) }
                await withCheckedContinuation { continuation in gate.whenOpen { continuation.resume() } }
                return [Secret("k")]
            }
        ])
        let loading = Task { await fault { _ = try await ring.take(for: "m") } }
        while asked.value == 0 { try await Task.sleep(for: .milliseconds(1)) }
        let leaving = Task { await fault { _ = try await ring.take(for: "m") } }
        let staying = Task { try await Self.key(ring) }
        leaving.cancel()
        #expect(await leaving.value?.kind == .cancelled)
        loading.cancel()
        #expect(await loading.value?.kind == .cancelled)
        gate.open()
        #expect(try await staying.value == "k")
        #expect(asked.value == 2)
    }

    // MARK: - Sources

    static func loaded(_ source: KeySource) async -> Result<[String], KeySource.Unusable> {
        do {
            return .success(try await source.load().map(\.revealed))
        } catch {
            return .failure(error as? KeySource.Unusable ?? KeySource.Unusable("\(error)"))
        }
    }

    @Test func `An environment variable holds one key or several`() async throws {
        let environment = ["ONE": "sk-a", "TWO": " sk-a , sk-b,", "BAD": "sk\u{1}", "NONE": " "]
        let keys = { (name: String) in await Self.loaded(.environment(name, in: environment)) }
        #expect(try await keys("ONE").get() == ["sk-a"])
        #expect(try await keys("TWO").get() == ["sk-a", "sk-b"])
        for (name, words) in [
            ("BAD", "holds what cannot be a key"), ("NONE", "holds no key"), ("MISSING", "is not set"),
        ] {
            let answer = await keys(name)
            guard case .failure(let unusable) = answer else {
                Issue.record("\(name) gave a key")
                continue
            }
            #expect(unusable.description == words)
        }
    }

    @Test func `A file holds a key on each line and is read again when one is rejected`() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("keys-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "# the first\r\nsk-a \n\n  sk-b\n".write(toFile: path, atomically: true, encoding: .utf8)
        let clock = Clock()
        let ring = KeyRing([.file(path)]) { clock.now }
        let lease = try await ring.take(for: "m")
        #expect(lease.secret.revealed == "sk-a")
        #expect("\(lease)" == "key 1 of 2")
        try "sk-c\n".write(toFile: path, atomically: true, encoding: .utf8)
        clock.advance(10)
        ring.report(Self.rejected, of: lease, for: "m")
        #expect(try await Self.key(ring) == "sk-c")
    }

    @Test func `A file that is not there is named`() async {
        let ring = KeyRing([.file("/nowhere/key")])
        let seen = await fault { _ = try await ring.take(for: "m") }
        #expect(seen?.message == "there is no key: the file /nowhere/key cannot be read")
    }

    @Test func `A command's output holds a key on each line`() async throws {
        let keys = await Self.loaded(.command("op") { "sk-a\n\nsk-b\n" })
        #expect(try keys.get() == ["sk-a", "sk-b"])
        #expect(KeySource.command("op") { "" }.lifetime == .seconds(900))
    }
}
