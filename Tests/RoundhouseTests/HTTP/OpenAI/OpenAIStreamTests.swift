// swift-format-ignore-file: OnlyOneTrailingClosureArgument
// What serves, and then what is asked of it.

import Inference
import TestSupport
import Testing

@testable import Roundhouse

/// Over real sockets.
@Suite struct OpenAIStreamTests {
    private static let finish: [InferenceEvent] = [
        .usage(Usage(inputTokens: 3, outputTokens: 2)), .finished(.stop),
    ]

    @Test func `A whole answer has a body, and headers that say what it took`() async throws {
        let first = try provider("first") { _ in .refuse(UpstreamFault(.overloaded(retryAfter: nil), "busy")) }
        let second = try provider("second") { _ in .answer([[.textDelta("Hel")], [.textDelta("lo")] + Self.finish]) }
        try await OpenAIDoor.with(first, second) { door in
            let answer = try await door.ask(headers: ["X-Request-ID: mine-1"])
            #expect(answer.status == 200 && answer.headers["content-type"] == "application/json")
            let body = try ChatChunk(answer.body)
            #expect(body.id == "chatcmpl-mine-1" && body.object == "chat.completion" && body.model == "second/m")
            #expect(body.choices?.first?.message?.content == "Hello" && body.usage?.total_tokens == 5)
            #expect(answer.headers["x-request-id"] == "mine-1" && answer.headers["x-roundhouse-model"] == "second/m")
            #expect(
                answer.headers["x-roundhouse-provider"] == "second" && answer.headers["x-roundhouse-attempts"] == "2")
            #expect(answer.headers["x-roundhouse-cost-usd"] == "0.000000007")
            #expect(second.requests.map(\.delivery) == [.whole])
            await door.records.waitForRecords(1)
            #expect(door.records.records.first?.id == "mine-1" && door.records.records.first?.isStreamed == false)
        }
    }

    @Test func `A stream is events, one for each token, and leaves the connection for the next request`() async throws {
        let upstream = try provider("p") { _ in .answer([[.textDelta("Hel")], [.textDelta("lo")], Self.finish]) }
        try await OpenAIDoor.with(upstream) { door in
            let stream = try door.stream(OpenAIDoor.chat, #","stream_options":{"include_usage":true}"#)
            for _ in 0..<2 {
                #expect(await stream.read() && !stream.isClosed)
                #expect(stream.status == 200 && stream.headers["content-type"] == "text/event-stream; charset=utf-8")
                #expect(stream.headers["cache-control"] == "no-cache" && stream.headers["x-accel-buffering"] == "no")
                #expect(stream.headers["x-roundhouse-model"] == "p/m" && stream.headers["x-roundhouse-attempts"] == "1")
                #expect(stream.headers["server"] == "roundhouse/test" && stream.headers["date"] != nil)
                #expect(stream.headers["transfer-encoding"] == "chunked" && stream.headers["content-length"] == nil)
                #expect(stream.events.last == "[DONE]")
                let chunks = try stream.chunks()
                #expect(chunks.map { $0.choices?.first?.delta?.content } == ["", "Hel", "lo", nil, nil])
                #expect(chunks.map { $0.choices?.first?.finish_reason } == [nil, nil, nil, "stop", nil])
                #expect(chunks.map { $0.choices?.count } == [1, 1, 1, 1, 0])
                #expect(chunks.last?.usage?.prompt_tokens == 3 && chunks.dropLast().allSatisfy { $0.usage == nil })
                #expect(chunks.last?.roundhouse?.attempts == 1 && chunks.last?.roundhouse?.cost_usd == 0.000000007)
                #expect(Set(chunks.map(\.id)).count == 1 && stream.events.first?.contains(#""usage":null"#) == true)
                // Another request on the same connection, which is answered as if it were the first.
                let probe = try await #require(try stream.connection.ask("/"))
                #expect(probe.status == 200 && probe.body.contains("POST /v1/chat/completions"))
            }
            let again = StreamReading(stream.connection)
            try again.connection.send(OpenAIDoor.head(OpenAIDoor.chat, OpenAIDoor.body(isStreamed: true)))
            #expect(await again.read() && again.events.last == "[DONE]")
        }
    }

    @Test func `Completions are asked in the same way`() async throws {
        let upstream = try provider("p") { _ in .answer([[.textDelta("Hel")], [.textDelta("lo")], Self.finish]) }
        try await OpenAIDoor.with(upstream) { door in
            let whole = try await door.ask("/v1/completions", #"{"model":"all","prompt":"Hello"}"#)
            let body = try ChatChunk(whole.body)
            #expect(body.object == "text_completion" && body.choices?.first?.text == "Hello")
            let connection = try door.http.connect()
            try connection.send(
                OpenAIDoor.head("/v1/completions", #"{"model":"all","prompt":"Hello","stream":true}"#))
            let stream = StreamReading(connection)
            #expect(await stream.read() && stream.events.last == "[DONE]")
            #expect(try stream.chunks().map { $0.choices?.first?.text } == ["Hel", "lo", ""])
        }
    }

    @Test(arguments: [false, true])
    func `What fails before the first token has its own status, and the next request its turn`(_ isStreamed: Bool)
        async throws
    {
        let upstream = try provider("p") { _ in
            .refuse(UpstreamFault(.rateLimited(retryAfter: .seconds(7)), "slow down"))
        }
        try await OpenAIDoor.with(upstream) { door in
            let connection = try door.http.connect()
            for _ in 0..<3 {
                try connection.send(
                    OpenAIDoor.head(OpenAIDoor.chat, OpenAIDoor.body(isStreamed: isStreamed), ["X-Request-ID: r7"]))
                let status: Int
                let headers: [String: String]
                let body: String
                if isStreamed {
                    let stream = StreamReading(connection)
                    #expect(await stream.read() && !stream.isClosed)
                    (status, headers, body) = (stream.status, stream.headers, stream.body)
                } else {
                    let answer = try #require(await connection.answer())
                    (status, headers, body) = (answer.status, answer.headers, answer.body)
                }
                #expect(status == 429 && headers["x-request-id"] == "r7")
                #expect(headers["content-type"]?.hasPrefix("application/json") == true)
                #expect(headers["retry-after"] != nil && headers["cache-control"] != "no-cache")
                #expect(try ChatChunk(body).error?.message.contains("slow down") == true)
            }
        }
    }

    @Test func `What fails after the first token is an error in the stream, which then has no end`() async throws {
        let upstream = try provider("p") { _ in
            .answer(
                [[.toolCallDelta(ToolCallDelta(index: 0, id: "c", name: "f"))]],
                fault: UpstreamFault(.truncated, "cut off"))
        }
        try await OpenAIDoor.with(upstream) { door in
            let stream = try door.stream()
            #expect(await stream.read())
            #expect(stream.status == 200 && stream.isClosed && !stream.isTerminated)
            let chunks = try stream.chunks()
            #expect(chunks.last?.error?.message.contains("cut off") == true && chunks.last?.error?.type != "")
            #expect(!stream.events.contains("[DONE]"))
            #expect(chunks.allSatisfy { $0.choices?.first?.finish_reason == nil })
            #expect(door.records.records.first?.status == "UNAVAILABLE")
        }
    }

    @Test func `Fields that the model's provider is not given are named`() async throws {
        let upstream = try provider("p") { _ in .answer([[.textDelta("a")] + Self.finish]) }
        try await OpenAIDoor.with(upstream, passesExtraFields: { _ in false }) { door in
            let answer = try await door.ask(OpenAIDoor.chat, OpenAIDoor.body(#","top_k":3,"mirostat":1"#))
            #expect(answer.headers["x-roundhouse-ignored-fields"] == "top_k, mirostat")
            let stream = try door.stream(OpenAIDoor.chat, #","top_k":3"#)
            #expect(await stream.read() && stream.headers["x-roundhouse-ignored-fields"] == "top_k")
        }
        try await OpenAIDoor.with(upstream) { door in
            let answer = try await door.ask(OpenAIDoor.chat, OpenAIDoor.body(#","top_k":3"#))
            #expect(answer.status == 200 && answer.headers["x-roundhouse-ignored-fields"] == nil)
        }
    }

    // MARK: - Silence

    @Test func `Long silence is broken by comments, but only once there is a head`() async throws {
        let latch = Latch()
        let upstream = try provider("p") { _ in .later(latch, [[.textDelta("a")], Self.finish]) }
        let hanging = try provider("q") { _ in .hang(after: [[.textDelta("b")]]) }
        let streams = OpenAIGeneration.Streams(keepAliveInterval: .milliseconds(20))
        try await OpenAIDoor.with(upstream, streams: streams) { door in
            let stream = try door.stream()
            #expect(await stream.connection.receive(within: .milliseconds(200)) == nil)
            latch.open()
            #expect(await stream.read() && stream.events.last == "[DONE]")
        }
        try await OpenAIDoor.with(hanging, streams: streams) { door in
            let stream = try door.stream()
            #expect(await stream.read { $0.comments.count >= 3 })
            #expect(stream.comments.allSatisfy { $0 == ": keep-alive" } && stream.events.count == 2)
        }
    }

    @Test func `Patience for the first token can be bounded: then the status is 200, whatever follows`() async throws {
        let latch = Latch()
        let upstream = try provider("p") { _ in .later(latch, [], fault: UpstreamFault(.invalidRequest, "no good")) }
        var streams = OpenAIGeneration.Streams()
        streams.firstBytePatience = .milliseconds(20)
        try await OpenAIDoor.with(upstream, streams: streams) { door in
            let stream = try door.stream()
            #expect(await stream.read { !$0.comments.isEmpty })
            #expect(stream.status == 200 && stream.headers["x-roundhouse-model"] == nil)
            latch.open()
            #expect(await stream.read() && stream.isClosed && !stream.isTerminated)
            #expect(try stream.chunks().last?.error?.message.contains("no good") == true)
        }
    }

    // MARK: - Clients that leave

    enum Silence: String, CaseIterable, Sendable {
        case beforeAnything, beforeOutput, afterOutput

        func script(_ request: UpstreamRequest) -> ScriptedProvider.Script {
            switch self {
            case .beforeAnything: .stall
            case .beforeOutput: .hang(after: [])
            case .afterOutput: .hang(after: [[.textDelta("a")]])
            }
        }
    }

    @Test(arguments: [false, true], Silence.allCases)
    func `A client that leaves ends the upstream's work within 50 ms`(_ isStreamed: Bool, _ silence: Silence)
        async throws
    {
        let upstream = try provider("p", silence.script)
        try await OpenAIDoor.with(upstream) { door in
            var took: [Duration] = []
            // The machine may be busy with other tests: once is enough.
            for round in 1...40 where took.allSatisfy({ $0 >= .milliseconds(50) }) {
                var connection: RawConnection? = try door.http.connect()
                try connection?.send(OpenAIDoor.head(OpenAIDoor.chat, OpenAIDoor.body(isStreamed: isStreamed)))
                if isStreamed, silence == .afterOutput {
                    let bytes = try #require(await connection?.receive(within: .seconds(10)))
                    #expect(!bytes.isEmpty)
                } else {
                    while upstream.requests.count < round { try await Task.sleep(for: .milliseconds(1)) }
                }
                connection = nil
                let left = ContinuousClock.now
                while upstream.cancelledCount < round {
                    try #require(left.duration(to: .now) < .seconds(10), "nobody noticed")
                    try await Task.sleep(for: .milliseconds(1))
                }
                took.append(left.duration(to: .now))
            }
            #expect(try #require(took.min()) < .milliseconds(50), "\(took)")
            await door.records.waitForRecords(took.count)
            #expect(door.records.records.allSatisfy { $0.status == "CANCELLED" })
        }
    }

    @Test func `A client that leaves at once is noticed, too`() async throws {
        let upstream = try provider("p") { _ in .stall }
        try await OpenAIDoor.with(upstream) { door in
            for _ in 0..<10 {
                let connection = try door.http.connect()
                try connection.send(OpenAIDoor.head(OpenAIDoor.chat, OpenAIDoor.body(isStreamed: true)))
            }
            await door.records.waitForRecords(10)
            #expect(door.records.records.allSatisfy { $0.status == "CANCELLED" })
        }
    }

    @Test(arguments: [false, true])
    func `A client that has only ended its own side is answered`(_ isStreamed: Bool) async throws {
        let latch = Latch()
        let upstream = try provider("p") { _ in .later(latch, [[.textDelta("a")] + Self.finish]) }
        try await OpenAIDoor.with(upstream) { door in
            let connection = try door.http.connect()
            try connection.send(OpenAIDoor.head(OpenAIDoor.chat, OpenAIDoor.body(isStreamed: isStreamed)))
            while upstream.requests.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
            connection.endSending()
            // The question whether it still reads, which it skips.
            let stream = StreamReading(connection)
            #expect(await stream.read { !$0.interim.isEmpty })
            #expect(stream.interim == ["HTTP/1.1 102 Processing"] && upstream.cancelledCount == 0)
            latch.open()
            let rest = try #require(await connection.rest())
            #expect(rest.hasPrefix("HTTP/1.1 200 OK\r\n") && rest.contains(isStreamed ? "[DONE]" : #""content":"a""#))
            await door.records.waitForRecords(1)
            #expect(door.records.records.first?.status == "OK")
        }
    }

    @Test func `A slow client holds the upstream back, and what waited comes in fewer chunks`() async throws {
        let count = 4000
        let word = String(repeating: "x", count: 1000)
        let upstream = try provider("p") { _ in
            .answer((0..<count).map { _ in [.textDelta(word)] } + [Self.finish])
        }
        try await OpenAIDoor.with(upstream) { door in
            let stream = try door.stream()
            // It reads nothing for a while: then the upstream is not read to its end.
            try await Task.sleep(for: .milliseconds(300))
            #expect(door.records.records.isEmpty)
            #expect(await stream.read() && stream.events.last == "[DONE]")
            let bytes = try stream.chunks().reduce(0) { $0 + ($1.choices?.first?.delta?.content?.utf8.count ?? 0) }
            #expect(bytes == count * 1000)
        }
    }

    @Test func `A client that takes nothing is dropped after a time`() async throws {
        let word = String(repeating: "x", count: 100_000)
        let upstream = try provider("p") { _ in .answer((0..<400).map { _ in [.textDelta(word)] } + [Self.finish]) }
        var streams = OpenAIGeneration.Streams()
        streams.slowReaderLimit = .milliseconds(100)
        try await OpenAIDoor.with(upstream, streams: streams) { door in
            let stream = try door.stream()
            await door.records.waitForRecords(1)
            #expect(door.records.records.first?.status == "CANCELLED" && upstream.cancelledCount == 1)
            _ = await stream.read()
            #expect(!stream.isTerminated && !stream.events.contains("[DONE]"))
        }
    }
}
