import Inference
import NIOCore
import Testing

@testable import Providers

/// What falls due, and when, without a clock.
@Suite struct ConnectionStateTests {
    /// Has limits, and does nothing.
    final class Exchange: HTTPExchange {
        let timeouts: HTTPTimeouts
        let deadline: NIODeadline
        let firstTokenDeadline: NIODeadline

        init(_ timeouts: HTTPTimeouts, firstTokenDeadline: NIODeadline) throws {
            let origin = try HTTPOrigin("http://127.0.0.1")
            let template = HTTPRequestTemplate(path: "/", origin: origin, fields: [])
            self.request = template.request(body: [], requestID: "")
            self.timeouts = timeouts
            self.deadline = .uptimeNanoseconds(0) + .seconds(1000)
            self.firstTokenDeadline = firstTokenDeadline
        }

        let request: HTTPRequest

        func attach(_ link: HTTPConnectionLink) -> Bool { true }
        func takeRetry() -> Bool { false }
        func receive(_ head: HTTPResponseHead) -> Bool { true }
        func receive(_ body: Span<UInt8>) -> Bool { true }
        func receive(_ end: ResponseEnd) {}
        func flush() -> ReadAdvice { .goOn }
    }

    static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    /// First output within 100 s, then 10 s between outputs, 1000 s in all, 2 s for details.
    static func busy(firstTokenDeadline: NIODeadline = .distantFuture) throws -> HTTPConnectionState.Busy {
        var timeouts = HTTPTimeouts()
        timeouts.firstToken = .seconds(100)
        timeouts.idle = .seconds(10)
        timeouts.total = .seconds(1000)
        timeouts.patience = .seconds(2)
        return HTTPConnectionState.Busy(
            try Exchange(timeouts, firstTokenDeadline: firstTokenDeadline), started: Self.at(0))
    }

    static func due(_ busy: HTTPConnectionState.Busy) -> String {
        let due = HTTPConnectionState.due(busy)
        let second = (due.time - Self.at(0)).nanoseconds / 1_000_000_000
        switch due.event {
        case .close: return "close at \(second)"
        case .openingFailed: return "opening failed at \(second)"
        case .patienceOver: return "patience over at \(second)"
        case .timedOut(let phase): return "\(phase) at \(second)"
        }
    }

    @Test func `What is no output moves no limit`() throws {
        var busy = try Self.busy()
        let moved = (1..<90).map { busy.take(.nothingYet, at: Self.at($0)) }
        #expect(!moved.contains(true))
        #expect(Self.due(busy) == "firstToken at 100")
    }

    @Test func `Output outlives both limits as long as it keeps coming`() throws {
        var busy = try Self.busy()
        // Only the first makes something fall due earlier: the timer is moved once.
        let moved = stride(from: 90, to: 990, by: 9).map { busy.take(.goOn, at: Self.at($0)) }
        #expect(moved == [true] + Array(repeating: false, count: 99))
        #expect(Self.due(busy) == "idle at 991")
        _ = busy.take(.nothingYet, at: Self.at(985))
        #expect(Self.due(busy) == "idle at 991")
        _ = busy.take(.goOn, at: Self.at(995))
        #expect(Self.due(busy) == "total at 1000")
    }

    @Test func `A consumer that is behind is not the upstream's stall`() throws {
        var busy = try Self.busy()
        _ = busy.take(.pause(isWaitingForDetails: false), at: Self.at(5))
        #expect(Self.due(busy) == "total at 1000")
        // What was read already may still come.
        _ = busy.take(.goOn, at: Self.at(6))
        #expect(Self.due(busy) == "total at 1000")
        busy.resume(at: Self.at(500))
        #expect(Self.due(busy) == "idle at 510")
    }

    @Test func `Details are not missed while nothing is read, and waited for from then on`() throws {
        var busy = try Self.busy()
        let moved = busy.take(.pause(isWaitingForDetails: true), at: Self.at(5))
        #expect(moved && Self.due(busy) == "total at 1000")
        // What was read already may still come.
        _ = busy.take(.waitForDetails(hasOutput: true), at: Self.at(6))
        #expect(Self.due(busy) == "total at 1000")
        busy.resume(at: Self.at(500))
        #expect(Self.due(busy) == "patience over at 502")
        _ = busy.take(.pause(isWaitingForDetails: false), at: Self.at(501))
        busy.resume(at: Self.at(600))
        #expect(Self.due(busy) == "idle at 610")
    }

    @Test func `An attempt's limit counts until the first output and no longer`() throws {
        var busy = try Self.busy(firstTokenDeadline: Self.at(7))
        #expect(Self.due(busy) == "firstToken at 7")
        _ = busy.take(.goOn, at: Self.at(6))
        #expect(Self.due(busy) == "idle at 16")
    }

    @Test func `Details are waited for once, whatever comes meanwhile`() throws {
        var busy = try Self.busy()
        let moved = [5, 6].map { busy.take(.waitForDetails(hasOutput: false), at: Self.at($0)) }
        #expect(moved == [true, false])
        #expect(Self.due(busy) == "patience over at 7")
        let settled = [6, 7].map { busy.take(.settled, at: Self.at($0)) }
        #expect(settled == [true, false])
        #expect(Self.due(busy) == "close at 8")
    }

    @Test func `Details are waited for anew after output, and no longer once the answer goes on`() throws {
        var busy = try Self.busy()
        let moved = [5, 6].map { busy.take(.waitForDetails(hasOutput: true), at: Self.at($0)) }
        #expect(moved == [true, false])
        #expect(Self.due(busy) == "patience over at 8")
        _ = busy.take(.goOn, at: Self.at(7))
        #expect(Self.due(busy) == "idle at 17")
        let movedAgain = busy.take(.waitForDetails(hasOutput: false), at: Self.at(8))
        #expect(movedAgain && Self.due(busy) == "patience over at 10")
    }
}
