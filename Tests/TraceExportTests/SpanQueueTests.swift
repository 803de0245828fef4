import Inference
import Testing
import TraceExport

@Suite struct SpanQueueTests {
    private static func span(_ number: UInt64) throws -> SpanRecord {
        SpanRecord(
            context: TraceContext(
                traceID: try #require(TraceID(high: 0, low: 1)), spanID: try #require(SpanID(number)), isSampled: true),
            parent: nil, name: "\(number)", kind: .internal, startNanoseconds: 0, endNanoseconds: 0)
    }

    @Test func `The first span starts the clock, and a whole batch is exported at once`() throws {
        var queue = SpanQueue(capacity: 10, batchSize: 3)
        #expect(queue.append(try Self.span(1)) == .startClock)
        #expect(queue.append(try Self.span(2)) == .nothing)
        #expect(queue.append(try Self.span(3)) == .export)
        #expect(queue.append(try Self.span(4)) == .nothing)
        #expect(queue.take().map(\.name) == ["1", "2", "3"])
        #expect(queue.take().map(\.name) == ["4"])
        #expect(queue.take().isEmpty)
    }

    @Test func `Whatever is done, what was added is taken, waits or was dropped, and never more waits than may`() throws
    {
        var random = Dice(state: 5)
        for _ in 0..<200 {
            let capacity = Int.random(in: 1...20, using: &random)
            var queue = SpanQueue(capacity: capacity, batchSize: Int.random(in: 1...30, using: &random))
            var (added, taken, reported) = (0, 0, 0)
            for number in 1...200 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<7:
                    _ = queue.append(try Self.span(UInt64(number)))
                    added += 1
                case 7..<9:
                    let batch = queue.take()
                    if Bool.random(using: &random) { queue.putBack(batch) } else { taken += batch.count }
                default: reported += queue.takeUnreported()
                }
                #expect(queue.count <= capacity && added == taken + queue.count + queue.dropped)
            }
            reported += queue.takeUnreported()
            #expect(reported == queue.dropped)
        }
    }

    @Test func `After its end nothing is added`() throws {
        var queue = SpanQueue(capacity: 10, batchSize: 3)
        queue.close()
        #expect(queue.append(try Self.span(1)) == .nothing && queue.count == 0 && queue.dropped == 1)
    }
}

@Suite struct ExportRetryTests {
    @Test(arguments: [200, 202, 299])
    func `What the collector took is done`(status: Int) {
        var retry = ExportRetry()
        #expect(retry.next(after: .status(status, retryAfter: .seconds(9)), jitter: 0) == .done)
    }

    @Test(arguments: [301, 400, 401, 404, 413, 500, 501])
    func `What it will never take is given up at once`(status: Int) {
        var retry = ExportRetry()
        #expect(retry.next(after: .status(status, retryAfter: nil), jitter: 0) == .giveUp)
    }

    @Test(arguments: [429, 502, 503, 504])
    func `What it may take later is tried again, later each time, and not for ever`(status: Int) {
        var retry = ExportRetry(firstWait: .seconds(1), longestWait: .seconds(4), mostTries: 5)
        let waits: [Duration] = [.seconds(1), .seconds(2), .seconds(4), .seconds(4)]
        for wait in waits {
            #expect(retry.next(after: .status(status, retryAfter: nil), jitter: 1) == .retry(after: wait))
        }
        #expect(retry.next(after: .status(status, retryAfter: nil), jitter: 1) == .giveUp)
    }

    @Test func `Half of a wait is drawn, and Retry-After is heeded within bounds`() {
        var retry = ExportRetry(firstWait: .seconds(2))
        #expect(retry.next(after: .failed, jitter: 0) == .retry(after: .seconds(1)))
        #expect(retry.next(after: .status(503, retryAfter: .seconds(20)), jitter: 0) == .retry(after: .seconds(20)))
        #expect(retry.next(after: .status(503, retryAfter: .seconds(86_400)), jitter: 0) == .giveUp)
    }
}

@Suite struct SamplingTests {
    @Test func `A caller's decision holds, and the ratio decides for what begins here`() throws {
        let sampling = Sampling(ratio: 0.25)
        var ids = TraceIDSource(seed: 3)
        var parent = TraceContext(traceID: ids.traceID(), spanID: ids.spanID(), isSampled: true)
        #expect(sampling.isSampled(parent.traceID, parent: parent))
        parent.isSampled = false
        #expect(!Sampling().isSampled(parent.traceID, parent: parent))
        #expect(Sampling(asksParent: false).isSampled(parent.traceID, parent: parent))
        let count = (0..<4000).count { _ in sampling.isSampled(ids.traceID(), parent: nil) }
        #expect((850...1150).contains(count))
        #expect(!Sampling(ratio: 0).isSampled(ids.traceID(), parent: nil))
    }

    @Test func `Who takes a trace with a small ratio takes it with a larger one`() {
        var ids = TraceIDSource(seed: 9)
        for _ in 0..<1000 {
            let id = ids.traceID()
            guard Sampling(ratio: 0.1).isSampled(id, parent: nil) else { continue }
            #expect(Sampling(ratio: 0.5).isSampled(id, parent: nil))
        }
    }
}

/// SplitMix64.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
