import Inference
import Providers
import TestSupport
import Testing

/// The instrument itself: a test that leans on it must be able to.
@Suite(.timeLimit(.minutes(1))) struct FaultUpstreamTests {
    @Test func `A recorder wakes who waits for a later element`() async {
        let recorder = Recorder<Int>()
        async let third = recorder.element(2)
        for number in 0..<3 { _ = recorder.append { _ in number * 10 } }
        #expect(await third == 20)
        #expect(recorder.all == [0, 10, 20])
    }

    @Test func `A gate lets nobody through before it opens, and everybody after`() {
        let gate = Gate()
        let passed = Counter()
        gate.whenOpen { passed.add(1) }
        #expect(passed.value == 0)
        gate.open()
        #expect(passed.value == 1)
        gate.whenOpen { passed.add(1) }
        #expect(passed.value == 2)
    }

    @Test func `A closed port is nobody else's`() throws {
        let first = try #require(ClosedPort())
        let second = try #require(ClosedPort())
        #expect(first.port != second.port)
        #expect((1...65_535).contains(first.port))
    }

    @Test func `Steps are carried out in order, one request after another`() async throws {
        let gate = Gate()
        try await FaultUpstream.run { _ in
            [.wait(gate)] + .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            async let first = provider.start(Fixture.request("one", delivery: .whole)).collect()
            let request = await upstream.requests.element(0)
            #expect(request.text.contains("one"))
            #expect(upstream.bytesSent.value == 0)
            gate.open()
            #expect(try await first.count == 3)
        }
    }
}
