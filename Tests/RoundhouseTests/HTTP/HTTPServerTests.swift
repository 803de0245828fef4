import Dispatch
import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Roundhouse

@Suite struct HTTPServerTests {
    private static let well = Readiness(.init(), .init(registered: 1, usable: 1))
    private static let ending = Readiness(.init(phase: .shuttingDown), .init(registered: 1, usable: 1))

    private static func routes(_ readiness: Readiness = Self.well, page: String = "up 1\n") -> [any HTTPRoutes] {
        [HealthRoutes { readiness }, MetricsRoutes(ScriptedMetrics(page))]
    }

    @Test func `Alive and ready are two questions`() async throws {
        try await HTTPPort.with(Self.routes()) { http in
            let alive = try await http.ask("/healthz")
            #expect(alive.status == 200 && alive.body == "ok\n")
            #expect(alive.headers["content-type"] == "text/plain; charset=utf-8")
            #expect(alive.headers["server"] == "roundhouse/test" && alive.headers["date"] != nil)
            let ready = try await http.ask("/readyz")
            #expect(ready.status == 200 && ready.body == "{\"checks\":[],\"ready\":true}\n")
            #expect(ready.headers["content-type"] == "application/json")
        }
        try await HTTPPort.with(Self.routes(Self.ending)) { http in
            #expect(try await http.ask("/healthz").status == 200)
            let ready = try await http.ask("/readyz")
            #expect(ready.status == 503)
            #expect(ready.body.contains("\"check\":\"server\"") && ready.body.contains("send new ones elsewhere"))
            #expect(!ready.body.contains("models"))
            let all = try await http.ask("/readyz?verbose")
            #expect(all.status == 503 && all.body.contains("\"check\":\"models\"") && all.body.contains("1 of 1"))
        }
    }

    @Test(arguments: ["/healthz", "/readyz", "/metrics", "/"])
    func `HEAD is GET without the body`(_ path: String) async throws {
        try await HTTPPort.with(Self.routes()) { http in
            let whole = try await http.ask(path)
            let connection = try http.connect()
            let head = try #require(try await connection.ask(path, method: "HEAD"))
            #expect(head.status == 200 && head.headers["content-length"] == whole.headers["content-length"])
            #expect(head.headers["content-type"] == whole.headers["content-type"])
            // Nothing of a body stands before the next answer.
            let next = try #require(try await connection.ask("/healthz"))
            #expect(next.status == 200 && next.body == "ok\n")
        }
    }

    @Test func `The page of metrics has Prometheus' content type`() async throws {
        let page = "# HELP up Whether it is up.\n# TYPE up gauge\nup 1\n"
        try await HTTPPort.with(Self.routes(page: page)) { http in
            let answer = try await http.ask("/metrics")
            #expect(answer.status == 200 && answer.body == page)
            #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        }
    }

    @Test func `What there is stands at the root`() async throws {
        try await HTTPPort.with(Self.routes()) { http in
            let index = try await http.ask("/")
            #expect(index.status == 200)
            for path in ["/healthz", "/readyz", "/metrics"] { #expect(index.body.contains("GET \(path) ")) }
        }
    }

    @Test func `What is not there, and what is not meant, is told in JSON`() async throws {
        try await HTTPPort.with(Self.routes()) { http in
            let missing = try await http.ask("/metricz")
            #expect(missing.status == 404)
            #expect(
                missing.body
                    == #"{"error":{"code":404,"message":"nothing is at '/metricz'; GET / lists what there is"}}"# + "\n"
            )
            for method in ["POST", "DELETE", "OPTIONS"] {
                let answer = try await http.ask("/healthz", method: method)
                #expect(answer.status == 405 && answer.headers["allow"] == "GET, HEAD", "\(method)")
                #expect(answer.body.contains("\(method) is not answered here; use GET, HEAD"))
            }
        }
    }

    @Test func `A handler that fails is an error of the server, and its reason stays in the log`() async throws {
        struct Broken: HTTPRoutes {
            struct Secret: Error {}
            var routes: [HTTPRoute] { [.get("/broken", "breaks") { _, _ in throw Secret() }] }
        }
        try await HTTPPort.with([Broken()]) { http in
            let answer = try await http.ask("/broken")
            #expect(answer.status == 500 && answer.body.contains("fault of the server"))
            #expect(!answer.body.contains("Secret"))
        }
    }

    @Test func `One connection serves many requests, also when they come together`() async throws {
        try await HTTPPort.with(Self.routes()) { http in
            let connection = try http.connect()
            for _ in 0..<20 { #expect(try await connection.ask("/healthz")?.body == "ok\n") }
            try connection.send(String(repeating: "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", count: 3))
            let bytes = try await Self.bytes(of: connection, until: 3)
            #expect(bytes.components(of: "HTTP/1.1 200 OK") == 3)
        }
    }

    private static func bytes(of connection: RawConnection, until answers: Int) async throws -> String {
        var text = ""
        while text.components(of: "ok\n") < answers {
            let more = try #require(await connection.receive(within: .seconds(30)))
            try #require(!more.isEmpty)
            text += String(decoding: more, as: UTF8.self)
        }
        return text
    }

    @Test func `Connection: close closes after the answer`() async throws {
        try await HTTPPort.with(Self.routes()) { http in
            let connection = try http.connect()
            #expect(try await connection.ask("/healthz", headers: ["Connection: close"])?.status == 200)
            #expect(await connection.rest() == "")
        }
    }

    @Test func `Headers that never end are not waited for, nor is a client that says nothing`() async throws {
        try await HTTPPort.with(Self.routes(), idleTimeout: .seconds(2)) { http in
            let (slow, silent) = (try http.connect(), try http.connect())
            try slow.send("GET /healthz HTTP/1.1\r\n")
            // It keeps sending, so that it is not silence that ends it.
            for number in 0..<1000 {
                guard (try? slow.send("X-\(number): y\r\n")) != nil else { break }
                if await slow.receive(within: .milliseconds(20)) != nil { break }
                try #require(number < 999, "it is still open")
            }
            #expect(await silent.rest() == "")
            #expect(try await http.ask("/healthz").status == 200)
        }
    }

    @Test func `A head that is too large is refused, and so are bytes that are no HTTP`() async throws {
        try await HTTPPort.with(Self.routes()) { http in
            let large = try http.connect()
            try? large.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "y", count: 8192))\r\n\r\n")
            #expect(await large.rest()?.hasPrefix("HTTP/1.1 400 ") == true)
            let many = try http.connect()
            let fields = (0..<500).map { "X-\($0): y\r\n" }.joined()
            try? many.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\(fields)\r\n")
            #expect(await many.rest()?.hasPrefix("HTTP/1.1 400 ") == true)
            let junk = try http.connect()
            try junk.send("\u{16}\u{3}\u{1} no HTTP\r\n\r\n")
            #expect(await junk.rest() != nil)
            #expect(try await http.ask("/healthz").status == 200)
        }
    }

    @Test func `A body that nobody reads ends the connection, however long it says it is`() async throws {
        try await HTTPPort.with(Self.routes()) { http in
            for framing in ["Content-Length: 1000000000000", "Transfer-Encoding: chunked"] {
                for (method, path, status) in [
                    ("POST", "/healthz", "405"), ("POST", "/v1/x", "404"), ("GET", "/readyz", "200"),
                ] {
                    let connection = try http.connect()
                    try connection.send("\(method) \(path) HTTP/1.1\r\nHost: x\r\n\(framing)\r\n\r\n")
                    let answer = try #require(await connection.rest(), "\(method) \(path) \(framing) stays open")
                    #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
                    #expect(answer.lowercased().contains("connection: close"))
                }
            }
        }
    }

    @Test func `A route that reads its body keeps the connection`() async throws {
        struct Echo: HTTPRoutes {
            var routes: [HTTPRoute] {
                [
                    .post("/echo/{word}", "echoes") { request, context in
                        let limits = BodyLimits(bytes: 64, time: .seconds(30))
                        let body = String(buffer: try await request.wholeBody(context, within: limits))
                        return .text("\(context.parameter("word") ?? ""): \(body)")
                    }
                ]
            }
        }
        try await HTTPPort.with([Echo()]) { http in
            let connection = try http.connect()
            for word in ["one", "two"] {
                let answer = try #require(try await connection.ask("/echo/\(word)", method: "POST", body: "hello"))
                #expect(answer.status == 200 && answer.body == "\(word): hello")
            }
            let large = try #require(
                try await http.connect().ask("/echo/x", method: "POST", body: String(repeating: "x", count: 65)))
            #expect(large.status == 413, "\(large)")
            #expect(try await http.ask("/echo/x").headers["allow"] == "POST")
        }
    }

    @Test func `A client that does not take its answer loses the connection`() async throws {
        // More than the system's buffers hold, and no more than is read in the time while other suites run beside this one.
        let page = String(repeating: "up 1\n", count: 5 << 18)
        try await HTTPPort.with(Self.routes(page: page), idleTimeout: .seconds(6)) { http in
            let connection = try http.connect()
            try connection.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await connection.receive(within: .seconds(30)) != nil)
            // Others that say nothing are closed after the same time, which tells that it is over; and to be sure, again.
            for _ in 0..<2 { #expect(try await http.connect().rest() == "") }
            #expect(try #require(await connection.rest()).utf8.count < page.utf8.count)
            // One that does gets all of it.
            #expect(try await http.ask("/metrics").body.utf8.count == page.utf8.count)
        }
    }

    @Test func `More connections than may be open wait for their turn`() async throws {
        try await HTTPPort.with(Self.routes(), maxConnections: 2) { http in
            var open = [try http.connect(), try http.connect()]
            for connection in open { #expect(try await connection.ask("/healthz")?.status == 200) }
            let third = try http.connect()
            try third.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await third.receive(within: .milliseconds(200)) == nil)
            open.removeLast()
            #expect(await third.answer()?.status == 200)
        }
    }

    @Test func `A port that is taken is an error that names the key and the address`() async throws {
        try await HTTPPort.with(Self.routes()) { http in
            let second = HTTPServer(
                HTTPServer.Settings(
                    name: "x", address: .tcp(host: "127.0.0.1", port: http.port), maxConnections: 1,
                    maxHeaderBytes: 4096, idleTimeout: .seconds(1)),
                routes: [], logger: .init(label: "x"))
            await withDiscardingTaskGroup { group in
                group.addTask { await second.run() }
                let error = await #expect(throws: StartError.self) { try await second.boundAddress() }
                #expect(
                    error?.description
                        == "http.address: 127.0.0.1:\(http.port) cannot be opened: another program listens there; "
                        + "set another one, or 'off' for none (--http)")
            }
        }
    }

    @Test func `A request that is being answered is waited for before the port closes`() async throws {
        let (begun, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let metrics = ScriptedMetrics("late 1\n") {
            begun.signal()
            goOn.wait()
        }
        let answer = try await HTTPPort.with([MetricsRoutes(metrics)]) { http in
            let connection = try http.connect()
            try connection.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            await Self.wait(for: begun)
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(50)) { goOn.signal() }
            return connection
        }.answer()
        #expect(answer?.body == "late 1\n")
    }

    @Test func `A server that ends begins no new work, and tells so; probes are answered`() async throws {
        struct Work: HTTPRoutes {
            var routes: [HTTPRoute] { [.post("/v1/work", "works") { _, _ in .text("done\n") }] }
        }
        let end = DrainLimit()
        try await HTTPPort.with(Self.routes() + [Work()], end: end) { http in
            #expect(try await http.ask("/v1/work", method: "POST").status == 200)
            end.begin(within: .seconds(60))
            let refused = try await http.ask("/v1/work", method: "POST", body: "{}")
            #expect(refused.status == 503 && refused.headers["retry-after"] == "1", "\(refused)")
            #expect(refused.body.contains("shutting down") && refused.body.contains(#""type":"#), "\(refused)")
            #expect(try await http.ask("/healthz").status == 200)
        }
    }

    @Test func `What a handler fails of is in the log, and not in the answer`() async throws {
        struct Broken: HTTPRoutes {
            struct Burst: Error {}
            var routes: [HTTPRoute] { [.get("/broken", "fails") { _, _ in throw Burst() }] }
        }
        let lines = LogLines()
        let answer = try await HTTPPort.with([Broken()], logger: lines.logger) { try await $0.ask("/broken") }
        #expect(answer.status == 500 && !answer.body.contains("Burst"), "\(answer)")
        let failures = lines.all.filter { $0.message == "An HTTP request failed" }
        #expect(failures.count == 1 && failures[0].metadata["error"] == "Burst()", "\(lines.all)")
        #expect(!lines.all.contains { $0.message.contains("child channel") }, "an orderly end is no error")
    }

    @Test func `Scrapes that come while a page is made share the next one`() async throws {
        let (begun, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let isFirst = Atomic(true)
        let metrics = ScriptedMetrics("up 1\n") {
            guard isFirst.exchange(false, ordering: .relaxed) else { return }
            begun.signal()
            goOn.wait()
        }
        let pages = MetricsPages(metrics)
        await withTaskGroup(of: String.self) { group in
            group.addTask { String(buffer: await pages.next()) }
            await Self.wait(for: begun)
            for _ in 0..<50 { group.addTask { String(buffer: await pages.next()) } }
            while pages.waiting < 50 { await Task.yield() }
            goOn.signal()
            for await page in group { #expect(page == "up 1\n") }
        }
        #expect(metrics.renderings == 2)
    }

    /// Waits on a thread that may.
    private static func wait(for semaphore: DispatchSemaphore) async {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "waits").async {
                semaphore.wait()
                continuation.resume()
            }
        }
    }
}

extension String {
    /// How often `part` is in it.
    fileprivate func components(of part: String) -> Int {
        self.split(separator: part, omittingEmptySubsequences: false).count - 1
    }
}
