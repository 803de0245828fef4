import Inference
import Routing
import Synchronization
import TestSupport
import Testing

@testable import Roundhouse

extension FaultTests {
    @Suite("An upstream that is ill every second time")
    struct FlappingTests {
        static let faults: [Fault] = [
            .status500, .status429, .resetAfterHeaders, .resetInAnswer, .closeInAnswer, .garbageInAnswer,
            .errorInside200,
            .errorInAnswer,
        ]

        @Test(
            "Every request is answered whole, by the second candidate where the first fails",
            arguments: WireSample.all, Self.faults)
        func everyOther(_ wire: WireSample, _ fault: Fault) async throws {
            let requestCount = 24
            let policy = FallbackPolicy.oneAttemptEach
            let records = try await Self.records(requestCount, wire, fault, policy: policy)
            let failed = records.filter { $0.attempts.first?.fault != nil }
            #expect(failed.count == requestCount / 2)
            for record in records {
                #expect(record.attempts.count == (record.attempts.first?.fault == nil ? 1 : 2))
                #expect(record.attempts.first?.fault.map(\.reason) ?? fault.expectedReason == fault.expectedReason)
            }
        }

        @Test(
            "With retries and circuit breakers, too, whose turns differ", arguments: WireSample.all,
            [Fault.status500, .resetInAnswer])
        func breakers(_ wire: WireSample, _ fault: Fault) async throws {
            let records = try await Self.records(48, wire, fault, policy: FallbackPolicy())
            #expect(records.allSatisfy { $0.attempts.count >= 1 && $0.attempts.last?.fault == nil })
        }

        /// Asks so many times, several at once, and expects a whole answer each time.
        private static func records(
            _ count: Int, _ wire: WireSample, _ fault: Fault, policy: FallbackPolicy
        ) async throws -> [RequestRecord] {
            let records = RecordKeeper()
            let turns = Turns()
            let never = Gate()
            try await FaultUpstream.run { request in
                if request.path.hasPrefix("/first/"), turns.next() % 2 == 1 {
                    return fault.steps(wire, half: FaultCell.half, rest: FaultCell.rest, never: never)
                }
                return Fault.healthy(wire, FaultCell.words, isStreamed: true)
            } _: { upstream in
                let gateway = try FaultyGateway(
                    wire, ["first", "second"].map { .init(baseURL: upstream.baseURL($0)) }, policy: policy,
                    recorder: records)
                let told = try await inParallel(6, Array(0..<count)) { number in
                    await gateway.ask(id: "r\(number)", recovery: .restart)
                }
                for told in told {
                    #expect(told.isOK && told.text == FaultCell.words.joined(), "\(told.failure?.message ?? told.text)")
                }
                #expect(gateway.inFlight == 0)
                gateway.shutdown()
                #expect(await upstream.settle(to: 0) == 0)
            }
            #expect(records.records.count == count)
            #expect(records.records.allSatisfy { $0.status == "OK" })
            return records.records
        }

        private final class Turns: Sendable {
            private let count = Atomic<Int>(0)
            func next() -> Int { self.count.add(1, ordering: .relaxed).oldValue }
        }
    }
}
