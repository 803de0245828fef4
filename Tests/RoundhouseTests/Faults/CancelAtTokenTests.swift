import GRPCCore
import Inference
import Routing
import TestSupport
import Testing

@testable import Roundhouse

extension FaultTests {
    @Suite("A client that leaves at any token")
    struct CancelAtTokenTests {
        /// Four bytes: what an estimate takes for one token.
        private static let token = "tokn"

        /// How an upstream goes on after what the client waited for.
        enum Manner: String, Sendable, CaseIterable {
            case isSilent
            case goesOn
        }

        @Test(
            "The upstream's connection is closed at once, and what was produced is recorded",
            arguments: WireSample.all, Manner.allCases)
        func cancel(_ wire: WireSample, _ manner: Manner) async throws {
            var delays: [Duration] = []
            for count in [0, 1, 2, 5, 17, 100] {
                // An upstream that goes on has begun.
                if count == 0, manner == .goesOn { continue }
                delays.append(try await Self.delay(wire, manner, at: count))
            }
            delays.sort()
            print(
                "cancelled: \(wire.name), \(manner.rawValue): closed after \(delays[delays.count / 2]) at the median, "
                    + "\(delays[delays.count - 1]) at most")
            // 50 ms on a quiet machine.
            #expect(delays.allSatisfy { $0 < .seconds(1) })
        }

        /// Leaves after so many tokens.
        ///
        /// - Returns: the time until the upstream saw the close.
        private static func delay(_ wire: WireSample, _ manner: Manner, at count: Int) async throws -> Duration {
            let never = Gate()
            let records = RecordKeeper()
            let frame = wire.frame(Self.token)
            let chunk = Array("\(String(frame.utf8.count, radix: 16))\r\n\(frame)\r\n".utf8)
            return try await FaultUpstream.run { _ in
                // The head, what comes before the first token, and the tokens.
                let begun = Fault.healthy(wire, Array(repeating: Self.token, count: count), isStreamed: true)
                    .prefix(1 + wire.opening.count + count)
                return begun + [manner == .goesOn ? .flood(chunk, times: nil) : .wait(never)]
            } _: { upstream in
                let gateway = try FaultyGateway(wire, [.init(baseURL: upstream.baseURL("first"))], recorder: records)
                let arrived = Latch()
                let task = Task {
                    await gateway.ask { told in
                        if told.text.utf8.count >= count * Self.token.utf8.count { arrived.open() }
                    }
                }
                if count == 0 {
                    _ = await upstream.requests.element(0)
                } else {
                    await arrived.pass()
                }
                let left = ContinuousClock.now
                task.cancel()
                let closure = await upstream.closures.element(0)
                let told = await task.value
                #expect(told.failure?.code == .cancelled)
                #expect(told.completions.isEmpty)
                #expect(gateway.inFlight == 0)
                Self.check(try #require(records.records.first), told, count)
                return left.duration(to: closure.time)
            }
        }

        private static func check(_ record: RequestRecord, _ told: Told, _ count: Int) {
            #expect(record.status == "CANCELLED")
            #expect(record.attempts.count == 1)
            #expect(record.attempts.first?.fault?.kind == .cancelled)
            guard count > 0 else { return }
            // What was delivered at least; what had arrived in the same moment was produced, too.
            let delivered = TokenEstimate.tokens(ofBytes: told.text.utf8.count)
            let counted = record.usage?.outputTokens ?? 0
            #expect(
                counted >= delivered && counted >= count && record.usage?.isEstimated == true,
                "\(counted) of \(delivered)")
            #expect(record.attempts.first?.usage?.outputTokens == record.usage?.outputTokens)
            #expect((record.cost?.nanoUSD ?? 0) > 0)
        }
    }
}
