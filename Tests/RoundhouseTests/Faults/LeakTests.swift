import FoundationEssentials
import Inference
import Synchronization
import TestSupport
import Testing

@testable import Roundhouse

extension FaultTests {
    @Suite("Ten thousand faults")
    struct LeakTests {
        /// The connections are the same code for all wires; of the others' decoders fewer answers tell enough.
        private static let counts = WireSample.all.map { (wire: $0.name, count: $0 == .openAI ? 10_000 : 2_000) }

        @Test("leave no connection and no memory behind", arguments: Self.counts)
        func leaks(_ wire: String, _ count: Int) async throws {
            // In a process of its own, whose memory is nobody else's.
            let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                [wire = wire as String, count = count as Int] in
                let wire = try #require(WireSample.all.first { $0.name == wire })
                try await FaultSeries(wire: wire, count: count).run()
            }
            let output = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
            for line in output.split(separator: "\n") where line.hasPrefix("leaks:") { print(line) }
        }
    }
}

/// Faults of all kinds through one adapter, one after the other and many at once.
private struct FaultSeries {
    let wire: WireSample
    let count: Int

    private static let width = 32
    /// Until then caches and pools fill.
    private var warmUpCount: Int { self.count / 5 }
    private static let mostGrowth = 32 << 20
    /// Those that take no time, and after which the only key does not rest. A line of a mebibyte comes now and then.
    private static let faults = Fault.allCases.filter { fault in
        switch fault {
        case .silenceBeforeHeaders, .silenceBeforeFirstToken, .silenceInAnswer, .commentsOnly, .slowDrip, .hugeLine,
            .status429RetryAfter:
            false
        default: true
        }
    }

    func run() async throws {
        let wire = self.wire
        let never = Gate()
        let number = Atomic<Int>(0)
        try await FaultUpstream.run(keepsRequests: false) { _ in
            let number = number.add(1, ordering: .relaxed).oldValue
            let fault = number % 500 == 499 ? .hugeLine : Self.faults[number % Self.faults.count]
            return fault.steps(wire, half: FaultCell.half, rest: FaultCell.rest, never: never)
        } _: { upstream in
            let statuses = StatusCounter()
            let gateway = try FaultyGateway(
                wire, [.init(baseURL: upstream.baseURL("first"))], recorder: statuses)
            try await Self.ask(self.warmUpCount, gateway)
            let before = try Self.residentBytes()
            try await Self.ask(self.count - self.warmUpCount, gateway)
            let growth = try Self.residentBytes() - before
            print(
                "leaks: \(wire.name), \(self.count) faults, \(upstream.connections.all.count) connections, "
                    + "\(growth / 1024) KiB more resident")
            #expect(growth < Self.mostGrowth, "\(growth) bytes more")
            #expect(await upstream.settle(to: Self.width) <= Self.width)
            #expect(gateway.inFlight == 0)
            gateway.shutdown()
            #expect(await upstream.settle(to: 0) == 0)
            #expect(number.load(ordering: .relaxed) >= self.count, "not every request was sent")
            #expect(statuses.counts.ok == 0)
            #expect(statuses.counts.all == self.count)
        }
    }

    private static func ask(_ count: Int, _ gateway: FaultyGateway) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<Self.width {
                group.addTask { for _ in 0..<(count / Self.width) { _ = await gateway.ask() } }
            }
            for _ in 0..<(count % Self.width) { _ = await gateway.ask() }
            try await group.waitForAll()
        }
    }

    private static func residentBytes() throws -> Int {
        let text = String(decoding: try Data(contentsOf: URL(filePath: "/proc/self/statm")), as: UTF8.self)
        let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return pages * 4096
    }
}

/// Counts records and keeps none.
private final class StatusCounter: RequestRecorder {
    private let state = Mutex((ok: 0, all: 0))

    var counts: (ok: Int, all: Int) { self.state.withLock { $0 } }

    func record(_ record: RequestRecord) {
        self.state.withLock { counts in
            counts.all += 1
            if record.status == "OK" { counts.ok += 1 }
        }
    }
}
