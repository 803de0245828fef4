import Inference
import Providers
import Synchronization
import TestSupport
import Testing

/// Files over real sockets, from servers that keep their word and servers that do not.
@Suite(.timeLimit(.minutes(1))) struct DownloadTests {
    /// 100,000 bytes, none where its neighbour could pass for it.
    static let file = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 / 251) }
    static let tag = #""v1""#

    static func downloader(_ adjust: (inout HTTPDownloader.Settings) -> Void = { _ in }) -> HTTPDownloader {
        var settings = HTTPDownloader.Settings()
        adjust(&settings)
        return HTTPDownloader(settings, group: Fixture.group)
    }

    static func head(_ status: String, _ fields: [String]) -> FaultUpstream.Step {
        .send("HTTP/1.1 \(status)\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    }

    /// A server of files as it should be.
    static func serve(_ request: FaultUpstream.Request, tag: String = Self.tag) -> [FaultUpstream.Step] {
        let file = Self.file
        if let range = request.headers["range"], request.headers["if-range"] == tag,
            let start = Int(range.dropFirst("bytes=".count).dropLast())
        {
            guard start < file.count else {
                return [
                    Self.head(
                        "416 Range Not Satisfiable",
                        ["content-range: bytes */\(file.count)", "content-length: 0"])
                ]
            }
            return [
                Self.head(
                    "206 Partial Content",
                    [
                        "content-length: \(file.count - start)", "etag: \(tag)",
                        "content-range: bytes \(start)-\(file.count - 1)/\(file.count)",
                    ]), .send(Array(file[start...])),
            ]
        }
        return [Self.head("200 OK", ["content-length: \(file.count)", "etag: \(tag)"]), .send(file)]
    }

    static func collect(_ download: Download) async throws(UpstreamFault) -> [UInt8] {
        var bytes: [UInt8] = []
        while let portion = try await download.chunks.next() { bytes += portion }
        return bytes
    }

    // MARK: - Whole files and parts of them

    @Test func `A file comes whole, with its size and what tells it from others`() async throws {
        try await FaultUpstream.run { request in
            Self.serve(request)
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL + "/a%20file.gguf?download=true")
            #expect(download.totalBytes == 100_000 && download.resumedFrom == 0 && download.validator == Self.tag)
            let bytes = try await Self.collect(download)
            #expect(bytes == Self.file)
            let request = try #require(upstream.requests.all.first)
            #expect(request.method == "GET" && request.path == "/v1/a%20file.gguf?download=true")
            #expect(request.headers["range"] == nil && request.headers["content-length"] == nil)
            #expect(request.headers["accept-encoding"] == "identity" && request.headers["authorization"] == nil)
        }
    }

    @Test func `It is an asynchronous sequence`() async throws {
        try await FaultUpstream.run { request in
            Self.serve(request)
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL)
            var bytes: [UInt8] = []
            for try await portion in download.chunks { bytes += portion }
            #expect(bytes == Self.file)
        }
    }

    @Test(arguments: [1, 4096, 99_999])
    func `A download goes on where it stopped`(_ offset: Int) async throws {
        try await FaultUpstream.run { request in
            Self.serve(request)
        } _: { upstream in
            let download = try await Self.downloader().open(
                upstream.baseURL, from: Int64(offset), validator: Self.tag)
            #expect(download.totalBytes == 100_000 && download.resumedFrom == Int64(offset))
            #expect(download.validator == Self.tag)
            let bytes = try await Self.collect(download)
            #expect(bytes == Array(Self.file[offset...]))
            #expect(upstream.requests.all.first?.headers["range"] == "bytes=\(offset)-")
        }
    }

    @Test func `A file that changed begins anew`() async throws {
        try await FaultUpstream.run { request in
            Self.serve(request, tag: #""v2""#)
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL, from: 4096, validator: Self.tag)
            #expect(download.resumedFrom == 0 && download.validator == #""v2""#)
            let bytes = try await Self.collect(download)
            #expect(bytes == Self.file)
        }
    }

    @Test func `A server that knows no ranges begins anew`() async throws {
        try await FaultUpstream.run { _ in
            [Self.head("200 OK", ["content-length: \(Self.file.count)"]), .send(Self.file)]
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL, from: 4096, validator: Self.tag)
            #expect(download.resumedFrom == 0 && download.validator == nil)
            let bytes = try await Self.collect(download)
            #expect(bytes == Self.file)
        }
    }

    @Test(arguments: [nil, "", #"W/"v1""#, "\"v1\"\r\nx: y"] as [String?])
    func `Without a strong validator nothing is joined to what is there`(_ validator: String?) async throws {
        try await FaultUpstream.run { request in
            Self.serve(request)
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL, from: 4096, validator: validator)
            #expect(download.resumedFrom == 0)
            #expect(upstream.requests.all.first?.headers["range"] == nil)
        }
    }

    @Test func `A date is a validator where there is no strong tag`() async throws {
        let date = "Wed, 31 Dec 2025 12:00:00 GMT"
        try await FaultUpstream.run { request in
            let isResumed = request.headers["if-range"] == date
            return isResumed
                ? [
                    Self.head(
                        "206 Partial Content",
                        ["content-range: bytes 2-3/4", "content-length: 2", "last-modified: \(date)"]), .send("cd"),
                ]
                : [
                    Self.head("200 OK", [#"etag: W/"weak""#, "last-modified: \(date)", "content-length: 4"]),
                    .send("abcd"),
                ]
        } _: { upstream in
            let first = try await Self.downloader().open(upstream.baseURL)
            #expect(first.validator == date)
            let second = try await Self.downloader().open(upstream.baseURL, from: 2, validator: first.validator)
            #expect(second.resumedFrom == 2)
            let rest = try await Self.collect(second)
            #expect(String(decoding: rest, as: UTF8.self) == "cd")
        }
    }

    @Test func `A file that was there already needs nothing more`() async throws {
        try await FaultUpstream.run { request in
            Self.serve(request)
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL, from: 100_000, validator: Self.tag)
            #expect(download.totalBytes == 100_000 && download.resumedFrom == 100_000)
            let bytes = try await Self.collect(download)
            #expect(bytes.isEmpty)
        }
    }

    @Test func `More than there is of a file begins anew`() async throws {
        try await FaultUpstream.run { request in
            Self.serve(request)
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL, from: 100_001, validator: Self.tag)
            #expect(download.resumedFrom == 0 && upstream.requests.all.count == 2)
            let bytes = try await Self.collect(download)
            #expect(bytes == Self.file)
        }
    }

    @Test func `A chunked file of unknown size comes whole`() async throws {
        try await FaultUpstream.run { _ in
            .streamHead() + .chunk("one ") + .chunk("two") + .lastChunk
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL)
            #expect(download.totalBytes == nil)
            let bytes = try await Self.collect(download)
            #expect(String(decoding: bytes, as: UTF8.self) == "one two")
        }
    }

    @Test func `An empty file is a file`() async throws {
        try await FaultUpstream.run { _ in
            [Self.head("200 OK", ["content-length: 0"])]
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL)
            #expect(download.totalBytes == 0)
            let bytes = try await Self.collect(download)
            #expect(bytes.isEmpty)
        }
    }

    // MARK: - Servers that lie

    static let lies: [([FaultUpstream.Step], UpstreamFault.Kind, String)] = [
        ([Self.head("200 OK", ["content-length: 10"]), .send("12345"), .close], .truncated, "5 bytes before the end"),
        ([Self.head("200 OK", ["transfer-encoding: chunked"])] + .chunk("abc") + [.close], .truncated, "in the middle"),
        (
            [
                Self.head("206 Partial Content", ["content-range: bytes 0-9/10", "content-length: 10"]),
                .send("0123456789"),
            ],
            .malformed, "expected the bytes from 4 to the end, got: bytes 0-9/10"
        ),
        (
            [Self.head("206 Partial Content", ["content-range: bytes 4-8/10", "content-length: 5"]), .send("45678")],
            .malformed, "got: bytes 4-8/10"
        ),
        ([Self.head("206 Partial Content", ["content-length: 6"]), .send("456789")], .malformed, "got: nothing"),
        (
            [
                Self.head("206 Partial Content", ["content-range: bytes 4-9/10", "content-length: 7"]),
                .send("4567890"),
            ],
            .malformed, "content-length and content-range differ"
        ),
        (
            [
                Self.head("206 Partial Content", ["content-range: bytes 4-9/10", "transfer-encoding: chunked"])
            ] + .chunk("456") + .lastChunk, .truncated, "3 bytes before the end"
        ),
        (
            [
                Self.head("206 Partial Content", ["content-range: bytes 4-9/10", "transfer-encoding: chunked"])
            ] + .chunk("45678901") + .lastChunk, .malformed, "longer than the server said"
        ),
        (
            [
                Self.head("206 Partial Content", ["content-range: bytes 4-9/10", "content-length: 6", #"etag: "v2""#]),
                .send("456789"),
            ], .malformed, "another file"
        ),
        (
            [Self.head("200 OK", ["content-length: 3", "content-encoding: gzip"]), .send("xyz")], .malformed,
            "content-encoding: expected none, got: gzip"
        ),
        ([Self.head("204 No Content", [])], .malformed, "HTTP 204"),
        (.whole(#"{"error":"no such file"}"#, status: "404 Not Found"), .modelNotFound, "no such file"),
        (.whole("gated", status: "401 Unauthorized"), .authenticationFailed, "HTTP 401"),
        (
            .whole("slow down", status: "429 Too Many", headers: ["retry-after: 3"]),
            .rateLimited(retryAfter: .seconds(3)), ""
        ),
        ([.close], .unreachable, "before it answered"),
    ]

    @Test(arguments: Self.lies.indices)
    func `What is not the file is never taken for it`(_ place: Int) async throws {
        let (steps, kind, words) = Self.lies[place]
        try await FaultUpstream.run { _ in
            steps
        } _: { upstream in
            let seen = await fault {
                let download = try await Self.downloader().open(upstream.baseURL, from: 4, validator: Self.tag)
                _ = try await Self.collect(download)
            }
            #expect(seen?.kind == kind, "\(seen.map { "\($0)" } ?? "no fault")")
            #expect(seen?.message.contains(words) == true, "\(seen?.message ?? "")")
            #expect(seen?.message.hasPrefix("http://127.0.0.1:\(upstream.port): ") == true, "\(seen?.message ?? "")")
        }
    }

    @Test func `What came before a cut is handed over first`() async throws {
        try await FaultUpstream.run { _ in
            [Self.head("200 OK", ["content-length: 10"]), .send("12345"), .close]
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL)
            let first = try await download.chunks.next()
            #expect(first == Array("12345".utf8))
            let seen = await fault { _ = try await download.chunks.next() }
            #expect(seen?.kind == .truncated)
        }
    }

    @Test func `Silence has a limit, before the answer and within it`() async throws {
        for steps in [[], [Self.head("200 OK", ["content-length: 10"]), .send("1")]] as [[FaultUpstream.Step]] {
            try await FaultUpstream.run { _ in
                steps + [.wait(Gate())]
            } _: { upstream in
                let seen = await fault {
                    let download = try await Self.downloader { $0.idle = .milliseconds(500) }.open(upstream.baseURL)
                    _ = try await Self.collect(download)
                }
                #expect(seen?.kind == .timedOut(steps.isEmpty ? .firstToken : .idle))
            }
        }
    }

    @Test func `A consumer that does not read stops the server, and letting go closes the connection`() async throws {
        try await FaultUpstream.run { _ in
            [
                Self.head("200 OK", ["content-length: 1000000000"]),
                .flood(Array(repeating: 7, count: 65_536), times: nil),
            ]
        } _: { upstream in
            var download: Download? = try await Self.downloader().open(upstream.baseURL)
            // Until the sockets between us are full: what is sent then stays what it is.
            var sent = -1
            while sent != upstream.bytesSent.value {
                sent = upstream.bytesSent.value
                try await Task.sleep(for: .milliseconds(200))
            }
            #expect(sent < 32 << 20)
            let portion = try await download?.chunks.next()
            #expect(portion?.first == 7)
            #expect(upstream.closures.all.isEmpty)
            download = nil
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }

    @Test func `Cancelling ends it`() async throws {
        try await FaultUpstream.run { _ in
            [Self.head("200 OK", ["content-length: 10"]), .send("1"), .wait(Gate())]
        } _: { upstream in
            let download = try await Self.downloader().open(upstream.baseURL)
            let reading = Task { await fault { _ = try await Self.collect(download) } }
            reading.cancel()
            #expect(await reading.value?.kind == .cancelled)
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }

    // MARK: - Redirects

    @Test(arguments: [301, 302, 303, 307, 308])
    func `A redirect is followed, relative or not, with the range`(_ status: Int) async throws {
        try await FaultUpstream.run { request in
            switch request.path {
            case "/v1/models/a.gguf":
                .whole(
                    "moved", status: "\(status) Moved", type: "text/html", headers: ["location: ../cdn/b.gguf?sig=1#x"])
            case "/v1/cdn/b.gguf?sig=1":
                .whole(
                    "", status: "\(status) Moved",
                    headers: [
                        "location: http://127.0.0.1:\(request.headers["host"]?.split(separator: ":").last ?? "")/c"
                    ])
            default: Self.serve(request)
            }
        } _: { upstream in
            let download = try await Self.downloader().open(
                upstream.baseURL + "/models/a.gguf", from: 10, validator: Self.tag)
            #expect(download.resumedFrom == 10)
            let bytes = try await Self.collect(download)
            #expect(bytes == Array(Self.file[10...]))
            #expect(upstream.requests.all.map(\.path) == ["/v1/models/a.gguf", "/v1/cdn/b.gguf?sig=1", "/c"])
        }
    }

    @Test func `Five redirects are followed, six are not`() async throws {
        for (count, isFollowed) in [(5, true), (6, false)] {
            try await FaultUpstream.run { request in
                let number = Int(request.path.split(separator: "/").last ?? "") ?? 0
                return number < count
                    ? .whole("", status: "302 Found", headers: ["location: /\(number + 1)"]) : Self.serve(request)
            } _: { upstream in
                let seen = await fault {
                    let download = try await Self.downloader().open("http://127.0.0.1:\(upstream.port)/0")
                    _ = try await Self.collect(download)
                }
                #expect((seen == nil) == isFollowed)
                if !isFollowed { #expect(seen?.message.contains("more than 5 redirects") == true) }
            }
        }
    }

    @Test func `A key goes to its own server and to no other`() async throws {
        try await FaultUpstream.run { request in
            Self.serve(request)
        } _: { other in
            try await FaultUpstream.run { request in
                switch request.path {
                case "/v1": .whole("", status: "302 Found", headers: ["location: /second"])
                default: .whole("", status: "302 Found", headers: ["location: \(other.baseURL)"])
                }
            } _: { upstream in
                let downloader = Self.downloader {
                    $0.keys = ["http://127.0.0.1:\(upstream.port)": Secret("hf_secret")]
                }
                let download = try await downloader.open(upstream.baseURL)
                _ = try await Self.collect(download)
                #expect(
                    upstream.requests.all.map { $0.headers["authorization"] } == [
                        "Bearer hf_secret", "Bearer hf_secret",
                    ])
                #expect(other.requests.all.map { $0.headers["authorization"] } == [nil])
            }
        }
    }

    @Test func `A server that echoes the key does not get it into a message`() async throws {
        try await FaultUpstream.run { request in
            .whole("no: \(request.headers["authorization"] ?? "")", status: "403 Forbidden")
        } _: { upstream in
            let downloader = Self.downloader { $0.keys = [upstream.baseURL: Secret("hf_secret")] }
            let seen = await fault { _ = try await downloader.open(upstream.baseURL) }
            #expect(seen?.kind == .authenticationFailed)
            #expect(seen?.message.contains("[redacted]") == true && seen?.message.contains("hf_secret") == false)
        }
    }

    @Test(
        arguments: [
            (nil, "location: missing"), ("ftp://example.com/x", "http:// or https://"), ("file:///etc/passwd", "http"),
            ("http://example.com/x", "expected https"), ("http://us er@x/", "ASCII"), ("//user@h/", "user name"),
        ] as [(String?, String)])
    func `A redirect to where nobody should go is refused`(_ location: String?, _ words: String) async throws {
        try await FaultUpstream.run { _ in
            .whole("", status: "302 Found", headers: location.map { ["location: \($0)"] } ?? [])
        } _: { upstream in
            let seen = await fault { _ = try await Self.downloader().open(upstream.baseURL) }
            #expect(seen?.message.contains(words) == true, "\(seen?.message ?? "no fault")")
            #expect(upstream.requests.all.count == 1)
        }
    }

    @Test(
        arguments: [
            "ftp://example.com/a", "http://example.com/a", "example.com/a", "https:///a", "https://h:0/a", "",
            "https://user:password@h/a", "https://h/ a",
        ])
    func `A URL that cannot be used is refused before anything is sent`(_ url: String) async {
        let seen = await fault { _ = try await Self.downloader().open(url) }
        #expect(seen?.kind == .invalidRequest)
        #expect(seen?.message.hasPrefix("url: expected ") == true, "\(seen?.message ?? "no fault")")
        #expect(seen?.message.contains("password") == false)
    }
}

/// RFC 3986 §5.4 in small.
struct HTTPTargetTests {
    @Test(
        arguments: [
            ("/g", "/g"), ("g", "/b/c/g"), ("./g", "/b/c/g"), ("g/", "/b/c/g/"), ("?y", "/b/c/d?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d?q"), ("g#s", "/b/c/g"), ("", "/b/c/d?q"), (".", "/b/c/"), ("./", "/b/c/"), ("..", "/b/"),
            ("../g", "/b/g"), ("../..", "/"), ("../../g", "/g"), ("../../../g", "/g"), ("/./g", "/g"), ("/../g", "/g"),
            ("g.", "/b/c/g."), (".g", "/b/c/.g"), ("./g/.", "/b/c/g/"), ("g/../h", "/b/c/h"),
            ("g?y/../x", "/b/c/g?y/../x"),
            ("g?a=http://x", "/b/c/g?a=http://x"),
        ])
    func `A reference leads where the standard says`(_ reference: String, _ path: String) throws {
        let target = try HTTPTarget("https://a/b/c/d?q").following(reference)
        #expect(target.path == path)
        #expect(target.origin.description == "https://a:443")
    }

    @Test func `Another server may be named with its scheme or without`() throws {
        let target = try HTTPTarget("https://a/b")
        #expect(try target.following("//c:8443/d").origin.description == "https://c:8443")
        #expect(try target.following("HTTP://c?x").path == "/?x")
        #expect(try HTTPTarget("https://a").path == "/")
        #expect(throws: HTTPOrigin.InvalidURL.self) { try target.following("javascript:alert(1)") }
    }
}
