import Inference
import Providers
import TestSupport
import Testing

/// What one upstream cannot do to those who wait for it, and to those who wait for others.
@Suite(.timeLimit(.minutes(1))) struct IsolationTests {
    static func ask(_ provider: HTTPProvider<TestFormat>, id: String = "r") async throws(UpstreamFault)
        -> [InferenceEvent]
    {
        try await provider.start(Fixture.request(delivery: .whole, id: id)).collect()
    }

    @Test func `One slow provider does not keep requests to another`() async throws {
        let gate = Gate()
        try await FaultUpstream.run { _ in
            [.wait(gate)] + .whole(Fixture.whole)
        } _: { slow in
            try await FaultUpstream.run { _ in
                .whole(Fixture.whole)
            } _: { quick in
                let slowProvider = try Fixture.httpProvider(slow.baseURL) {
                    $0.limits.concurrentRequests = 4
                    $0.limits.waitingRequests = 60
                }
                let quickProvider = try Fixture.httpProvider(quick.baseURL)
                try await withThrowingTaskGroup(of: UpstreamFault?.self) { group in
                    for _ in 0..<80 { group.addTask { await fault { _ = try await Self.ask(slowProvider) } } }
                    _ = await slow.requests.element(3)
                    for _ in 0..<20 { #expect(try await Self.ask(quickProvider).last == .finished(.stop)) }
                    #expect(slow.requests.all.count == 4)
                    gate.open()
                    // Four under way and sixty waiting; the others were refused at once.
                    var refused = 0
                    for try await fault in group where fault != nil {
                        #expect(fault?.kind == .overloaded(retryAfter: nil))
                        refused += 1
                    }
                    #expect(refused == 16)
                }
                #expect(slow.connections.all.count == 4)
            }
        }
    }

    @Test func `Who waits is served in the order of coming, and who left is not sent`() async throws {
        let gate = Gate()
        try await FaultUpstream.run { _ in
            [.wait(gate)] + .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.httpProvider(upstream.baseURL) {
                $0.limits.concurrentRequests = 1
                $0.limits.waitingRequests = 3
            }
            async let first = Self.ask(provider, id: "first")
            _ = await upstream.requests.element(0)
            var waiting: [Task<UpstreamFault?, Never>] = []
            for name in ["a", "b", "c"] {
                let task = Task { await fault { _ = try await Self.ask(provider, id: name) } }
                waiting.append(task)
                while provider.requestCounts.waiting < waiting.count { try await Task.sleep(for: .milliseconds(1)) }
            }
            // The queue is full, until somebody leaves.
            #expect(await fault { _ = try await Self.ask(provider) }?.kind == .overloaded(retryAfter: nil))
            waiting[1].cancel()
            #expect(await waiting[1].value?.kind == .cancelled)
            #expect(provider.requestCounts.waiting == 2)
            let model = Fixture.request(delivery: .whole, id: "r").model
            #expect(provider.waitingCount(of: model) == 2 && provider.waitingCount(of: "another") == 0)
            let last = Task { await fault { _ = try await Self.ask(provider, id: "d") } }
            while provider.requestCounts.waiting < 3 { try await Task.sleep(for: .milliseconds(1)) }
            gate.open()
            for task in [waiting[0], waiting[2], last] { #expect(await task.value == nil) }
            _ = try await first
            let names = upstream.requests.all.compactMap { $0.headers["x-request-id"] }
            #expect(names == ["first", "a", "c", "d"])
        }
    }
}
