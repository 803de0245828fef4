import Inference
import Providers
import TestSupport
import Testing

/// Calls of an upstream's own API when the upstream does not behave.
@Suite(.timeLimit(.minutes(1))) struct JSONClientTests {
    struct Answer: Decodable, Sendable {
        var name: String
    }

    static func client(_ url: String, key: String? = nil) throws -> JSONClient {
        try JSONClient(Fixture.configuration(url, kind: .custom, key: key), group: Fixture.group)
    }

    @Test func `Paths go under the base URL or beside it`() async throws {
        try await FaultUpstream.run { _ in
            .whole(#"{"name":"a"}"#)
        } _: { upstream in
            let client = try Self.client(upstream.baseURL)
            let first = try await client.get(.base("/models"), as: Answer.self)
            var body = JSONWriter()
            body.object { $0.string("model", "x") }
            _ = try await client.post(.native("/api/show"), body, as: Answer.self)
            #expect(first.name == "a")
            let seen = upstream.requests.all
            #expect(
                seen.map { "\($0.method) \($0.path) \($0.text)" } == [
                    "GET /v1/models ", #"POST /api/show {"model":"x"}"#,
                ])
            #expect(seen.map { $0.headers["content-type"] } == [nil, "application/json"])
            #expect(seen.map(\.connection) == [0, 0])
        }
    }

    @Test func `A base URL without v1 is its own root`() async throws {
        try await FaultUpstream.run { _ in
            .whole(#"{"name":"a"}"#)
        } _: { upstream in
            let client = try Self.client("http://127.0.0.1:\(upstream.port)/proxy")
            _ = try await client.get(.native("/api/tags"), as: Answer.self)
            #expect(upstream.requests.all.map(\.path) == ["/proxy/api/tags"])
        }
    }

    @Test(
        arguments: [
            ("401 Unauthorized", UpstreamFault.Kind.authenticationFailed), ("404 Not Found", .modelNotFound),
            ("429 Too Many Requests", .rateLimited(retryAfter: .seconds(2))),
            ("503 Service Unavailable", .overloaded(retryAfter: .seconds(2))), ("500 Oops", .serverError),
            ("400 Bad Request", .invalidRequest), ("302 Found", .unreachable),
        ])
    func `A status becomes the fault it is elsewhere`(_ status: String, _ kind: UpstreamFault.Kind) async throws {
        try await FaultUpstream.run { _ in
            .whole(#"{"error":{"message":"because"}}"#, status: status, headers: ["retry-after: 2"])
        } _: { upstream in
            let client = try Self.client(upstream.baseURL)
            let seen = await fault { _ = try await client.get(.base("/models"), as: Answer.self) }
            #expect(seen?.kind == kind)
            #expect(seen?.httpStatus == Int(status.prefix(3)))
            #expect(seen?.message.hasPrefix("GET /v1/models: ") == true)
            if kind != .unreachable { #expect(seen?.message.contains("because") == true) }
        }
    }

    @Test func `An answer over 16 MiB is not read to its end`() async throws {
        try await FaultUpstream.run { _ in
            [
                .send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n"),
                .flood(Array(repeating: 0x20, count: 65_536), times: nil),
            ]
        } _: { upstream in
            let client = try Self.client(upstream.baseURL)
            let seen = await fault { _ = try await client.get(.base("/models"), as: Answer.self) }
            #expect(seen?.kind == .malformed)
            #expect(seen?.message.contains("16777216 bytes") == true)
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }

    @Test func `An answer that does not come, or not to its end, has a limit`() async throws {
        let begun = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
        for text in ["", begun] {
            try await FaultUpstream.run { _ in
                (text.isEmpty ? [] : [.send(text)]) + [.wait(Gate())]
            } _: { upstream in
                let client = try Self.client(upstream.baseURL)
                let limit = Duration.milliseconds(60)
                let seen = await fault {
                    _ = try await client.get(
                        .base("/models"), as: Answer.self, within: .limits(total: limit, firstToken: limit))
                }
                guard case .timedOut = seen?.kind else {
                    Issue.record("\(seen.map { "\($0)" } ?? "no fault")")
                    return
                }
            }
        }
    }

    @Test func `The key never shows, whoever says it`() async throws {
        let key = "sk-very-secret"
        try await FaultUpstream.run { request in
            request.path.hasSuffix("refused")
                ? .whole("you sent \(key)", status: "401 Unauthorized") : .whole("not JSON: \(key)")
        } _: { upstream in
            let client = try Self.client(upstream.baseURL, key: key)
            for path in ["/refused", "/nonsense"] {
                let seen = await fault { _ = try await client.get(.base(path), as: Answer.self) }
                #expect(seen?.message.contains(key) == false)
                #expect(seen?.message.contains("[redacted]") == true, "\(seen?.message ?? "")")
            }
        }
    }

    @Test func `Cancelling closes the connection`() async throws {
        try await FaultUpstream.run { _ in
            [.wait(Gate())]
        } _: { upstream in
            let client = try Self.client(upstream.baseURL)
            let call = Task { await fault { _ = try await client.get(.base("/models"), as: Answer.self) } }
            _ = await upstream.requests.element(0)
            call.cancel()
            #expect(await call.value?.kind == .cancelled)
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }
}
