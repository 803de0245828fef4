import Inference
import Providers
import TestSupport
import Testing

/// Limits run by what the decoder made, not by bytes: an upstream cannot live past them on pings.
@Suite(.timeLimit(.minutes(1))) struct TimeLimitTests {
    struct Stall: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let steps: [FaultUpstream.Step]
        let phase: UpstreamFault.Phase
        /// What arrives before the fault.
        var events: [InferenceEvent] = []
    }

    /// The same small portion again and again, more often than any limit of these tests.
    static func drip(_ steps: [FaultUpstream.Step], pause: Duration = .milliseconds(5)) -> [FaultUpstream.Step] {
        (0..<2000).flatMap { _ in steps + [.delay(pause)] }
    }

    static func letters(_ text: String) -> [FaultUpstream.Step] {
        text.utf8.flatMap { [.send([$0]), .delay(.milliseconds(5))] }
    }

    static let open = FaultUpstream.Step.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
    static let first: [FaultUpstream.Step] = [open, .send("data: \(Fixture.content("a"))\n\n")]
    static let comment: [FaultUpstream.Step] = [.send(": keep-alive\n\n")]
    static let ping: [FaultUpstream.Step] = [.send("event: ping\ndata: {\"type\":\"ping\"}\n\n")]

    static let stalls = [
        Stall(testDescription: "silence before the head", steps: [], phase: .firstToken),
        Stall(
            testDescription: "a head that drips for ever",
            steps: [.send("HTTP/1.1 200 OK\r\n")] + drip([.send("a: b\r\n")]), phase: .firstToken),
        Stall(testDescription: "silence after the head", steps: [open], phase: .firstToken),
        Stall(testDescription: "comments for ever", steps: [open] + drip(comment), phase: .firstToken),
        Stall(testDescription: "pings for ever", steps: [open] + drip(ping), phase: .firstToken),
        Stall(
            testDescription: "one byte at a time inside the first event",
            steps: [open] + letters("data: " + Fixture.content(String(repeating: "x", count: 500))),
            phase: .firstToken),
        Stall(
            testDescription: "a whole answer that drips",
            steps: [.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n")]
                + letters(String(repeating: " ", count: 500)), phase: .firstToken),
        Stall(
            testDescription: "silence after the first token", steps: first, phase: .idle, events: [.textDelta("a")]),
        Stall(
            testDescription: "comments after the first token", steps: first + drip(comment), phase: .idle,
            events: [.textDelta("a")]),
        Stall(
            testDescription: "pings after the first token", steps: first + drip(ping), phase: .idle,
            events: [.textDelta("a")]),
        Stall(
            testDescription: "one byte at a time inside a later event",
            steps: first + letters("data: " + Fixture.content(String(repeating: "x", count: 500))), phase: .idle,
            events: [.textDelta("a")]),
    ]

    @Test(arguments: stalls)
    func `Bytes that are no output do not keep an answer alive`(_ stall: Stall) async throws {
        try await FaultUpstream.run { _ in
            stall.steps
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) {
                $0.timeouts.firstToken = stall.phase == .firstToken ? .milliseconds(60) : .seconds(50)
                $0.timeouts.idle = stall.phase == .idle ? .milliseconds(60) : .seconds(50)
            }
            var events: [InferenceEvent] = []
            let seen = await fault {
                let stream = try await provider.start(Fixture.request())
                while let batch = try await stream.next() { events += batch }
            }
            #expect(seen?.kind == .timedOut(stall.phase), "\(seen?.message ?? "no fault")")
            #expect(events == stall.events)
            // Nothing is left behind that the upstream could go on to feed.
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }

    // MARK: - An attempt's own limit

    static func attempt(_ limit: Duration) -> UpstreamRequest {
        var request = Fixture.request()
        request.firstTokenLimit = limit
        return request
    }

    @Test func `An attempt may be given less time than the provider`() async throws {
        try await FaultUpstream.run { _ in
            [Self.open] + Self.drip(Self.comment)
        } _: { upstream in
            let provider = try Fixture.httpProvider(upstream.baseURL)
            let seen = await fault { _ = try await provider.start(Self.attempt(.milliseconds(40))).collect() }
            #expect(seen?.kind == .timedOut(.firstToken))
            #expect(seen?.message == "no output within 0.04 seconds")
        }
    }

    @Test func `Waiting for a connection counts in an attempt's time`() async throws {
        let gate = Gate()
        try await FaultUpstream.run { _ in
            [.wait(gate)] + .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.httpProvider(upstream.baseURL) { $0.limits.connections = 1 }
            async let held = provider.start(Fixture.request(delivery: .whole)).collect()
            _ = await upstream.requests.element(0)
            let seen = await fault { _ = try await provider.start(Self.attempt(.milliseconds(40))) }
            #expect(seen?.kind == .timedOut(.firstToken))
            gate.open()
            #expect(try await held.last == .finished(.stop))
            // Who left the queue was not sent.
            #expect(upstream.requests.all.count == 1)
        }
    }

    @Test func `Connecting counts in an attempt's time`() async throws {
        // It never speaks TLS.
        try await FaultUpstream.run { _ in
            []
        } _: { upstream in
            let provider = try Fixture.httpProvider("https://127.0.0.1:\(upstream.port)/v1")
            let seen = await fault { _ = try await provider.start(Self.attempt(.milliseconds(40))) }
            #expect(seen?.kind == .timedOut(.firstToken))
            provider.shutdown()
        }
    }

    @Test func `A long limit of an attempt does not lengthen the provider's`() async throws {
        try await FaultUpstream.run { _ in
            []
        } _: { upstream in
            let provider = try Fixture.httpProvider(upstream.baseURL) { $0.timeouts.firstToken = .milliseconds(40) }
            let seen = await fault { _ = try await provider.start(Self.attempt(.seconds(50))) }
            #expect(seen?.kind == .timedOut(.firstToken))
            #expect(seen?.message == "no output within 0.04 seconds")
        }
    }

    @Test func `Waiting for a connection counts in the time for all of it`() async throws {
        let gate = Gate()
        try await FaultUpstream.run { _ in
            [.wait(gate)] + .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) {
                $0.limits.connections = 1
                $0.timeouts.total = .seconds(1)
            }
            async let held = fault { _ = try await provider.start(Fixture.request()) }
            _ = await upstream.requests.element(0)
            let seen = await fault { _ = try await provider.start(Fixture.request()) }
            #expect(seen?.kind == .timedOut(.total))
            #expect(await held?.kind == .timedOut(.total))
            gate.open()
        }
    }
}
