import Inference
import Providers
import TestSupport
import Testing

/// An upstream that repeats the key that it was given, wherever it can, on every wire and in every kind of call: what we
/// say of it never holds the key, nor a piece of one.
@Suite(.timeLimit(.minutes(1))) struct RedactionTests {
    static let key = "sk-secret-0123456789-abcdefghij-ABCDEFGHIJ"

    /// What an upstream answers.
    struct Echo: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var status = "200 OK"
        var type = "application/json"
        var headers: [String] = []
        let body: String

        var steps: [FaultUpstream.Step] {
            .whole(self.body, status: self.status, type: self.type, headers: self.headers)
        }
    }

    static func error(_ words: String) -> String {
        #"{"type":"error","error":{"message":"\#(words)","type":"e","code":"c","status":"INVALID_ARGUMENT"}}"#
    }

    static let echoes: [Echo] = [
        Echo(testDescription: "an explanation", status: "400 Bad Request", body: error("you sent \(key), which")),
        Echo(
            testDescription: "a name for the error", status: "401 Unauthorized",
            body: #"{"error":{"message":"no","type":"\#(key)","code":"\#(key)","status":"\#(key)"}}"#),
        Echo(testDescription: "a sentence", status: "500 Oh", body: #"{"error":"you sent \#(key)"}"#),
        Echo(testDescription: "a page", status: "502 Bad Gateway", type: "text/html", body: "<b>\(key)</b>"),
        Echo(testDescription: "an error inside an answer", body: error("you sent \(key)")),
        Echo(testDescription: "nonsense", body: "you sent \(key)"),
        Echo(
            testDescription: "a field of the wrong type",
            body: #"{"choices":"\#(key)","content":"\#(key)","candidates":"\#(key)","message":"\#(key)","#
                + #""data":"\#(key)","embeddings":"\#(key)","input_tokens":"\#(key)","totalTokens":"\#(key)","#
                + #""prompt":7,"tokens":7,"models":"\#(key)"}"#),
        Echo(testDescription: "a media type", type: "text/\(key)", body: "{}"),
        Echo(
            testDescription: "a redirect", status: "302 Found", headers: ["location: https://x.example/?key=\(key)"],
            body: ""),
        Echo(
            testDescription: "a request id", status: "400 Bad Request", headers: ["x-request-id: \(key)"],
            body: error("no")),
    ]

    /// Where shortening cuts the key in two, at many places.
    static let cuts: [Echo] =
        stride(from: 226, to: 310, by: 7).map { length in
            Echo(
                testDescription: "\(length) letters and the key", status: "400 Bad Request",
                body: error(String(repeating: "x", count: length) + key))
        }
        + stride(from: 76, to: 122, by: 6).map { length in
            Echo(
                testDescription: "\(length) letters of no JSON and the key", status: "400 Bad Request",
                body: String(repeating: "x", count: length) + key + String(repeating: "y", count: 200))
        }

    static let kinds: [ProviderKind] = [
        .openai, .openrouter, .vllm, .llamaCpp, .lmStudio, .custom, .anthropic, .gemini, .ollama,
    ]

    /// The faults of all calls that a kind of provider knows.
    static func faults(
        _ kind: ProviderKind, _ url: String, _ adjust: (inout EndpointConfiguration) -> Void = { _ in }
    ) async throws -> [String: UpstreamFault] {
        var configuration = Fixture.configuration(url, kind: kind, key: Self.key)
        adjust(&configuration)
        let provider = try ProviderAdapters.adapter(for: configuration, group: Fixture.group)
        let lister = try ModelListers.lister(for: configuration, group: Fixture.group)
        var faults: [String: UpstreamFault] = [:]
        for delivery in [UpstreamRequest.Delivery.streamed, .whole] {
            faults["\(delivery)"] = await fault {
                _ = try await provider.start(Fixture.request(delivery: delivery)).collect()
            }
        }
        faults["embed"] = await fault {
            _ = try await provider.embed(EmbeddingRequest(id: "e", model: "tiny", inputs: ["x"]))
        }
        faults["count"] = await fault { _ = try await provider.countTokens(Fixture.request()) }
        faults["list"] = await fault { _ = try await lister.listModels() }
        return faults
    }

    static func expectNoKey(_ faults: [String: UpstreamFault], _ kind: ProviderKind, _ echo: Echo) {
        for (call, fault) in faults {
            var isLeaked = false
            for start in 0..<(Self.key.count - 5) {
                isLeaked = isLeaked || fault.message.contains(Self.key.dropFirst(start).prefix(6))
            }
            #expect(!isLeaked, "\(kind) \(call), \(echo.testDescription): \(fault.message)")
        }
    }

    @Test(arguments: kinds, echoes)
    func `A key that is echoed goes no further`(_ kind: ProviderKind, _ echo: Echo) async throws {
        try await FaultUpstream.run { _ in
            echo.steps
        } _: { upstream in
            let faults = try await Self.faults(kind, upstream.baseURL)
            Self.expectNoKey(faults, kind, echo)
            // Generations fail of each of these, and so do listings.
            #expect(faults["streamed"] != nil && faults["whole"] != nil && faults["list"] != nil, "\(faults)")
            // Counts do not look at the media type.
            let canCount = [.anthropic, .gemini, .vllm, .llamaCpp].contains(kind)
            if canCount, echo.testDescription != "a media type" { #expect(faults["count"] != nil) }
        }
    }

    @Test(arguments: kinds)
    func `A secret in a header of one's own goes no further either`(_ kind: ProviderKind) async throws {
        for echo in Self.echoes {
            try await FaultUpstream.run { _ in
                echo.steps
            } _: { upstream in
                let faults = try await Self.faults(kind, upstream.baseURL) {
                    $0.apiKey = Secret("another-key")
                    $0.extraHeaders = [
                        ("X-Proxy-Authorization", Secret("Bearer \(Self.key)")), ("X-Team", Secret("blue")),
                    ]
                }
                Self.expectNoKey(faults, kind, echo)
            }
        }
    }

    @Test(arguments: kinds)
    func `A key that is cut by shortening leaves no piece of itself`(_ kind: ProviderKind) async throws {
        for echo in Self.cuts {
            try await FaultUpstream.run { _ in
                echo.steps
            } _: { upstream in
                Self.expectNoKey(try await Self.faults(kind, upstream.baseURL), kind, echo)
            }
        }
    }

    @Test(arguments: kinds)
    func `A key that is echoed in mid-stream goes no further`(_ kind: ProviderKind) async throws {
        let line = Self.error("you sent \(Self.key)")
        let isOllama = kind == .ollama
        try await FaultUpstream.run { _ in
            let type = isOllama ? "application/x-ndjson" : "text/event-stream"
            let body = isOllama ? line + "\n" : "event: error\ndata: \(line)\n\n"
            return .whole(body, type: type)
        } _: { upstream in
            let configuration = Fixture.configuration(upstream.baseURL, kind: kind, key: Self.key)
            let provider = try ProviderAdapters.adapter(for: configuration, group: Fixture.group)
            let seen = await fault { _ = try await provider.start(Fixture.request()).collect() }
            #expect(seen?.message.contains("[redacted]") == true && seen?.message.contains(Self.key) == false)
        }
    }

    @Test func `A key and its beginning before a cut are taken out, and words that look like it are not`() {
        let secret = Secret("sk-abcdef")
        let cases = [
            ("a sk-abcdef b sk-abcdef", "a [redacted] b [redacted]"), ("a sk-abcde…", "a [redacted]…"),
            ("a sk-a… (its request id: 7)", "a [redacted]… (its request id: 7)"), ("a sk-ab", "a [redacted]"),
            ("a sk-…", "a sk-…"), ("a sk-abc b", "a sk-abc b"), ("ask-abz…", "ask-abz…"), ("", ""), ("…", "…"),
            ("sk-abcdefsk-abc…", "[redacted][redacted]…"),
        ]
        for (text, expected) in cases { #expect(secret.redact(text) == expected) }
        #expect(Secret("abc").redact("abc…") == "abc…")
    }
}
