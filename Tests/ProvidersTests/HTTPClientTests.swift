import Inference
import Providers
import TestSupport
import Testing

/// How the client behaves on real sockets when upstreams do not.
@Suite(.timeLimit(.minutes(1))) struct HTTPClientTests {
    static let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

    static func ask(
        _ provider: OpenAIProvider, _ delivery: UpstreamRequest.Delivery = .whole
    ) async throws(UpstreamFault) -> [InferenceEvent] {
        try await provider.start(Fixture.request(delivery: delivery)).collect()
    }

    // MARK: - Connections

    @Test(arguments: [UpstreamRequest.Delivery.whole, .streamed])
    func `Requests one after another use one connection`(_ delivery: UpstreamRequest.Delivery) async throws {
        try await FaultUpstream.run { request in
            // In one write: an end that comes later than the answer may find the next request under way already.
            request.text.contains("stream")
                ? .stream([Fixture.finish(), Fixture.usage()]).inOneWrite : .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            for _ in 0..<5 { _ = try await Self.ask(provider, delivery) }
            #expect(upstream.requests.all.map(\.connection) == [0, 0, 0, 0, 0])
        }
    }

    @Test(arguments: ["connection: close", "keep-alive: max=0"])
    func `A connection that the upstream gives up is not used again`(_ header: String) async throws {
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole, headers: [header])
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            for _ in 0..<3 { _ = try await Self.ask(provider) }
            #expect(upstream.requests.all.map(\.connection) == [0, 1, 2])
        }
    }

    @Test(arguments: [FaultUpstream.Step.close, .reset])
    func `A pooled connection that closes before an answer is replaced unseen`(
        _ end: FaultUpstream.Step
    ) async throws {
        try await FaultUpstream.run { request in
            request.connection == 0 && request.placeOnConnection == 1 ? [end] : .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            _ = try await Self.ask(provider)
            let seen1 = try await Self.ask(provider)
            #expect(seen1.last == .finished(.stop))
            #expect(upstream.requests.all.map(\.connection) == [0, 0, 1])
        }
    }

    @Test func `It is replaced once, not for ever`() async throws {
        try await FaultUpstream.run { request in
            request.connection == 0 && request.placeOnConnection == 0 ? .whole(Fixture.whole) : [.close]
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            _ = try await Self.ask(provider)
            let seen = await fault { _ = try await Self.ask(provider) }
            #expect(seen?.kind == .unreachable)
            #expect(upstream.requests.all.count == 3)
        }
    }

    @Test func `After one byte of an answer nothing is sent again`() async throws {
        try await FaultUpstream.run { request in
            request.placeOnConnection == 1 ? [.send("H"), .close] : .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            _ = try await Self.ask(provider)
            let seen = await fault { _ = try await Self.ask(provider) }
            #expect(seen?.kind == .truncated)
            #expect(upstream.requests.all.count == 2)
        }
    }

    @Test func `A first connection that closes before an answer is a fault`() async throws {
        try await FaultUpstream.run { _ in
            [.close]
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            let seen = await fault { _ = try await Self.ask(provider) }
            #expect(seen?.kind == .unreachable)
            #expect(upstream.requests.all.count == 1)
        }
    }

    @Test func `Bytes that nobody asked for close the connection`() async throws {
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole) + [.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")]
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            for _ in 0..<3 {
                let seen2 = try await Self.ask(provider)
                #expect(seen2.last == .finished(.stop))
                _ = await upstream.closures.element(upstream.requests.all.count - 1)
            }
            #expect(upstream.requests.all.map(\.connection) == [0, 1, 2])
        }
    }

    @Test func `No more connections than allowed, the others wait their turn`() async throws {
        let gate = Gate()
        try await FaultUpstream.run { _ in
            [.wait(gate)] + .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) {
                $0.limits.connections = 2
                $0.limits.waitingRequests = 3
            }
            try await withThrowingTaskGroup(of: UpstreamFault?.self) { group in
                for _ in 0..<6 {
                    group.addTask { await fault { _ = try await Self.ask(provider) } }
                }
                // Two under way, three waiting: the sixth is refused while the others have not moved.
                let refused = try await group.next() ?? nil
                #expect(refused?.kind == .overloaded(retryAfter: nil))
                _ = await upstream.requests.element(1)
                #expect(upstream.requests.all.count == 2)
                gate.open()
                for try await other in group { #expect(other == nil) }
            }
            #expect(upstream.requests.all.count == 5)
            #expect(upstream.connections.all.count == 2)
        }
    }

    @Test func `Waiting for a connection has a limit`() async throws {
        let gate = Gate()
        try await FaultUpstream.run { _ in
            [.wait(gate)] + .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) {
                $0.limits.connections = 1
                $0.timeouts.queue = .milliseconds(30)
            }
            async let first = Self.ask(provider)
            _ = await upstream.requests.element(0)
            let seen = await fault { _ = try await Self.ask(provider) }
            #expect(seen?.kind == .overloaded(retryAfter: nil))
            gate.open()
            let seen3 = try await first
            #expect(seen3.last == .finished(.stop))
        }
    }

    @Test func `Nobody listening is a fault that names the address`() async throws {
        let port = try #require(ClosedPort())
        let provider = try Fixture.provider("http://127.0.0.1:\(port.port)/v1")
        let seen = await fault { _ = try await Self.ask(provider) }
        #expect(seen?.kind == .unreachable)
        #expect(seen?.message == "cannot connect to http://127.0.0.1:\(port.port): connection refused")
    }

    @Test func `A name that does not exist is a fault that names it`() async throws {
        let provider = try Fixture.provider("https://no-such-host.invalid/v1")
        let seen = await fault { _ = try await Self.ask(provider) }
        #expect(seen?.kind == .unreachable)
        #expect(seen?.message.contains("'no-such-host.invalid' was not found") == true)
    }

    @Test func `A provider that was shut down takes no more requests and closes what idles`() async throws {
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            _ = try await Self.ask(provider)
            provider.shutdown()
            _ = await upstream.closures.element(0)
            let seen = await fault { _ = try await Self.ask(provider) }
            #expect(seen?.kind == .unreachable)
        }
    }

    @Test func `An idle connection is closed when its time is over`() async throws {
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) { $0.timeouts.keepAlive = .milliseconds(20) }
            _ = try await Self.ask(provider)
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }

    // MARK: - Answers that end too soon, or not at all

    struct Cut: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let steps: [FaultUpstream.Step]
        let kind: UpstreamFault.Kind
        let events: Int
        /// Whether nothing more can come over the connection.
        var closes = true
    }

    @Test(arguments: [
        Cut(testDescription: "after the head", steps: [.send(head), .close], kind: .truncated, events: 0),
        Cut(
            testDescription: "in mid-stream",
            steps: .streamHead() + .chunk("data: \(Fixture.content("a"))\n\n") + [.close],
            kind: .truncated, events: 1),
        Cut(
            testDescription: "by a reset",
            steps: .streamHead() + .chunk("data: \(Fixture.content("a"))\n\n") + [.delay(.milliseconds(20)), .reset],
            kind: .truncated, events: 1),
        Cut(
            testDescription: "properly, but without a reason", steps: .stream([Fixture.content("a")], done: false),
            kind: .truncated, events: 1, closes: false),
        Cut(
            testDescription: "with bytes that are no chunk", steps: .streamHead() + [.send("hello\r\n")],
            kind: .malformed,
            events: 0),
        Cut(
            testDescription: "with a page", steps: .whole("<html>", type: "text/html"), kind: .malformed, events: 0),
        Cut(testDescription: "with nonsense", steps: [.send("SSH-2.0-OpenSSH_9\r\n")], kind: .malformed, events: 0),
        Cut(
            testDescription: "with an endless head",
            steps: [.send("HTTP/1.1 200 OK\r\n"), .flood(Array("a: b\r\n".utf8), times: nil)],
            kind: .malformed, events: 0),
        Cut(
            testDescription: "with an endless event",
            steps: [
                .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"),
                .flood([UInt8](repeating: 0x61, count: 10_000), times: nil),
            ], kind: .malformed, events: 0),
        Cut(
            testDescription: "with an endless explanation",
            steps: [
                .send("HTTP/1.1 500 Oh\r\n\r\n"),
                .flood([UInt8](repeating: 0x61, count: 10_000), times: nil),
            ], kind: .serverError, events: 0),
    ])
    func `A stream that is cut is never an end`(_ cut: Cut) async throws {
        try await FaultUpstream.run { _ in
            cut.steps
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            var events: [InferenceEvent] = []
            let seen = await fault {
                let stream = try await provider.start(Fixture.request())
                while let batch = try await stream.next() { events += batch }
            }
            #expect(seen?.kind == cut.kind, "\(seen?.message ?? "no fault")")
            #expect(events.count == cut.events)
            if cut.closes { #expect(await upstream.closures.element(0).connection == 0) }
        }
    }

    @Test func `A stream without a length ends with the connection`() async throws {
        try await FaultUpstream.run { _ in
            [
                .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"),
                .send("data: \(Fixture.finish())\n\ndata: \(Fixture.usage())\n\n"), .close,
            ]
        } _: { upstream in
            let seen4 = try await Self.ask(Fixture.provider(upstream.baseURL), .streamed)
            #expect(seen4.last == .finished(.stop))
        }
    }

    @Test func `A peer that says all and keeps the socket open does not keep the consumer`() async throws {
        try await FaultUpstream.run { _ in
            .streamHead() + .chunk("data: \(Fixture.finish())\n\ndata: \(Fixture.usage())\n\n")
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) { $0.timeouts.patience = .milliseconds(20) }
            let seen5 = try await Self.ask(provider, .streamed)
            #expect(seen5.last == .finished(.stop))
            // The connection never came to its end: it is closed, not used again.
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }

    @Test func `Usage that never comes is not waited for long`() async throws {
        try await FaultUpstream.run { _ in
            .streamHead() + .chunk("data: \(Fixture.finish())\n\n")
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) { $0.timeouts.patience = .milliseconds(20) }
            let seen6 = try await Self.ask(provider, .streamed)
            #expect(seen6 == [.finished(.stop)])
        }
    }

    // MARK: - Time

    @Test func `No answer at all runs into the first limit`() async throws {
        try await FaultUpstream.run { _ in
            .streamHead()
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) { $0.timeouts.firstToken = .milliseconds(30) }
            let seen = await fault { _ = try await Self.ask(provider, .streamed) }
            #expect(seen?.kind == .timedOut(.firstToken))
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }

    @Test func `A stall runs into the limit between tokens`() async throws {
        try await FaultUpstream.run { _ in
            .streamHead() + .chunk("data: \(Fixture.content("a"))\n\n")
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) { $0.timeouts.idle = .milliseconds(30) }
            let stream = try await provider.start(Fixture.request())
            let seen7 = try await stream.next()
            #expect(seen7 == [.textDelta("a")])
            let seen = await fault { _ = try await stream.next() }
            #expect(seen?.kind == .timedOut(.idle))
        }
    }

    @Test func `An answer that goes on and on runs into the limit for all of it`() async throws {
        let token = FaultUpstream.Step.send("data: \(Fixture.content("a"))\n\n")
        try await FaultUpstream.run { _ in
            [.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")]
                + (0..<1000).flatMap { _ in [token, .delay(.milliseconds(5))] }
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) { $0.timeouts.total = .milliseconds(60) }
            let seen = await fault { _ = try await Self.ask(provider, .streamed) }
            #expect(seen?.kind == .timedOut(.total))
        }
    }

    // MARK: - Cancelling

    @Test(arguments: [false, true])
    func `Cancelling closes the upstream's socket at once`(_ isByTask: Bool) async throws {
        let gate = Gate()
        try await FaultUpstream.run { _ in
            .streamHead() + .chunk("data: \(Fixture.content("a"))\n\n") + [.wait(gate)]
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            var shortest = Duration.seconds(60)
            // The best of some: how busy the machine is, is not what is measured.
            for attempt in 0..<8 {
                let stream = try await provider.start(Fixture.request())
                _ = try await stream.next()
                let task = Task { await fault { _ = try await stream.next() } }
                let began = ContinuousClock.now
                if isByTask { task.cancel() } else { stream.cancel() }
                shortest = min(shortest, await upstream.closures.element(attempt).time - began)
                #expect(await task.value?.kind == .cancelled)
            }
            #expect(shortest < .milliseconds(50))
        }
    }

    @Test func `Letting go of an answer closes the connection`() async throws {
        try await FaultUpstream.run { _ in
            .streamHead() + .chunk("data: \(Fixture.content("a"))\n\n")
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            var stream: (any UpstreamStream)? = try await provider.start(Fixture.request())
            _ = try await stream?.next()
            stream = nil
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }

    @Test func `Cancelling while the head is awaited closes the connection`() async throws {
        try await FaultUpstream.run { _ in
            []
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            let task = Task { await fault { _ = try await provider.start(Fixture.request()) } }
            _ = await upstream.requests.element(0)
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }

    @Test func `A task that is cancelled already sends nothing`() async throws {
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            let gate = Gate()
            let task = Task {
                await withCheckedContinuation { continuation in gate.whenOpen { continuation.resume() } }
                return await fault { _ = try await Self.ask(provider) }
            }
            task.cancel()
            gate.open()
            #expect(await task.value?.kind == .cancelled)
            // The next request is the first that arrives.
            _ = try await Self.ask(provider)
            #expect(upstream.requests.all.count == 1)
        }
    }

    @Test func `Cancelling after the end leaves the connection in the pool`() async throws {
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            for _ in 0..<3 {
                let stream = try await provider.start(Fixture.request(delivery: .whole))
                _ = try await stream.collect()
                stream.cancel()
            }
            #expect(upstream.connections.all.count == 1)
        }
    }

    // MARK: - Backpressure

    @Test func `A consumer that does not read stops the upstream, and one that goes on gets everything`() async throws {
        let count = 4000
        let event = Array("data: \(Fixture.content(String(repeating: "x", count: 8000)))\n\n".utf8)
        try await FaultUpstream.run { _ in
            [
                .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"), .flood(event, times: count),
                .send("data: \(Fixture.finish())\n\ndata: [DONE]\n\n"), .close,
            ]
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) { $0.limits.bufferedBytes = 64 * 1024 }
            let stream = try await provider.start(Fixture.request())
            // What the sockets' buffers hold goes; then nothing moves until somebody reads.
            var seen = -1
            while upstream.bytesSent.value != seen {
                seen = upstream.bytesSent.value
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(seen < event.count * count / 2)
            let events = try await stream.collect()
            #expect(events.count == count + 1)
            #expect(events.last == .finished(.stop))
        }
    }

    @Test func `A whole answer larger than the buffer arrives`() async throws {
        let text = String(repeating: "x", count: 3_000_000)
        try await FaultUpstream.run { _ in
            .whole(#"{"choices":[{"message":{"content":"\#(text)"},"finish_reason":"stop"}]}"#)
        } _: { upstream in
            let events = try await Self.ask(Fixture.provider(upstream.baseURL))
            #expect(events == [.textDelta(text), .finished(.stop)])
        }
    }

    @Test func `Many streams at once each get their own tokens in order`() async throws {
        try await FaultUpstream.run { request in
            let name = request.headers["x-request-id"] ?? ""
            return .stream((0..<50).map { Fixture.content("\(name)-\($0) ") } + [Fixture.finish(), Fixture.usage()])
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            await withTaskGroup(of: Bool.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        guard let stream = try? await provider.start(Fixture.request(id: "r\(number)")),
                            let events = try? await stream.collect()
                        else { return false }
                        let expected = (0..<50).map { InferenceEvent.textDelta("r\(number)-\($0) ") }
                        return events.dropLast(2) == expected[...]
                    }
                }
                for await isRight in group { #expect(isRight) }
            }
        }
    }
}
