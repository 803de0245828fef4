import GRPCCore
import Glibc
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// What crowds and bad clients may cost the real process over HTTP: a bounded amount of memory, and nothing for others.
    @Suite struct HTTPAbuse {
        /// How much the process may grow by, whatever is done to it. A stream costs about 100 KiB, with its upstream.
        private static let room = 160 << 20

        private static let chat =
            #"{"model":"all","stream":true,"messages":[{"role":"user","content":"go on"}]}"#

        private static func request(_ path: String, _ headers: [String]) -> String {
            (["POST \(path) HTTP/1.1", "Host: test", "Content-Type: application/json"] + headers)
                .joined(separator: "\r\n") + "\r\n\r\n"
        }

        /// The memory that was ever resident stays within ``room`` of what it is now, and the port answers afterwards.
        private static func bounded(_ server: RunningServer, _ body: () async throws -> Void) async throws {
            #expect(try await server.ask("/healthz").status == 200)
            let before = try Processes.peakMemory(of: server.pid)
            try await body()
            #expect(try await server.ask("/healthz").status == 200)
            let after = try Processes.peakMemory(of: server.pid)
            #expect(after - before < Self.room, "\(before >> 20) MiB before, \(after >> 20) MiB at most")
        }

        @Test func `Ten thousand connections, opened and dropped in every way`() async throws {
            try await RunningServer.with("local: { enabled: false }\nhttp: { max_connections: 512 }\n") { server in
                let port = try #require(server.httpPort)
                let files = try Processes.openFiles(of: server.pid)
                try await Self.bounded(server) {
                    for number in 0..<10_000 {
                        let connection = try RawConnection(port: port)
                        switch number % 6 {
                        case 0: break
                        case 1: try connection.send("POST /v1/chat/compl")
                        case 2: try connection.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                        case 3: try connection.send(Self.request("/v1/chat/completions", ["Content-Length: 100"]) + "{")
                        case 4: try connection.send("\u{16}\u{3}\u{1}not HTTP at all\r\n\r\n")
                        default:
                            try connection.send(Self.request("/api/v1/content/generate", ["Content-Length: 2"]) + "{}")
                        }
                    }
                }
                let isGone = try await Processes.until(within: .seconds(20)) {
                    try Processes.openFiles(of: server.pid) <= files + 1
                }
                #expect(isGone, "of \(files) open files before")
            }
        }

        @Test func `Heads that drip and never end are closed, and others are served meanwhile`() async throws {
            let settings = "local: { enabled: false }\nhttp: { idle_timeout: 1s, max_connections: 400 }\n"
            try await RunningServer.with(settings) { server in
                let port = try #require(server.httpPort)
                try await Self.bounded(server) {
                    let slow = try (0..<300).map { _ in try RawConnection(port: port) }
                    // Each byte comes in time; the head as a whole does not.
                    let begin = ContinuousClock.now
                    var open = slow
                    while !open.isEmpty, begin.duration(to: .now) < .seconds(20) {
                        open = open.filter { connection in
                            (try? connection.send("GET /healthz HTTP/1.1\r\nX-Slow: a")) != nil
                        }
                        #expect(try await server.ask("/healthz").status == 200)
                        try await Task.sleep(for: .milliseconds(200))
                    }
                    #expect(open.isEmpty, "\(open.count) of 300 are open after 20 s")
                }
            }
        }

        @Test(arguments: ["/v1/chat/completions", "/v1/embeddings", "/api/v1/content/generate"])
        func `A body of a gigabyte is refused, declared or not`(_ path: String) async throws {
            try await RunningServer.with("local: { enabled: false }\n") { server in
                let port = try #require(server.httpPort)
                try await Self.bounded(server) {
                    let declared = try RawConnection(port: port)
                    try declared.send(Self.request(path, ["Content-Length: 1073741824"]))
                    let refusal = try #require(await declared.answer())
                    #expect(refusal.status == 413, "\(refusal)")
                    #expect(refusal.body.contains("http.max_body_bytes"), "\(refusal.body)")

                    let chunked = try RawConnection(port: port)
                    try chunked.send(Self.request(path, ["Transfer-Encoding: chunked"]))
                    let chunk = "100000\r\n" + String(repeating: " ", count: 1 << 20) + "\r\n"
                    var sent = 0
                    // It ends when the server has had enough and closes.
                    while sent < 1024, (try? chunked.send(chunk)) != nil { sent += 1 }
                    #expect(sent < 1024, "all of it was taken")
                }
            }
        }

        @Test func `A thousand streams that nobody reads hold their share and no more`() async throws {
            // Each says more than a client's share of the sockets between.
            let words = String(repeating: "on and on ", count: 100)
            var answer: [FaultUpstream.Step] = .streamHead()
            for _ in 0..<64 { answer += .event(Chunk.text(words)) }
            // It does not end, or its connection would be kept for the next request.
            let silence = Gate()
            answer += [.wait(silence)]
            let steps = answer
            try await FaultUpstream.run { _ in
                steps
            } _: { upstream in
                let settings = "http: { max_connections: 2000 }"
                try await RunningServer.with(providers(upstream.baseURL, settings: settings)) { server in
                    let port = try #require(server.httpPort)
                    let files = try Processes.openFiles(of: server.pid)
                    let before = try Processes.peakMemory(of: server.pid)
                    var streams: [RawConnection] = []
                    for _ in 0..<1000 {
                        let stream = try RawConnection(port: port)
                        try stream.send(
                            Self.request("/v1/chat/completions", ["Content-Length: \(Self.chat.utf8.count)"])
                                + Self.chat)
                        streams.append(stream)
                    }
                    // Others are served beside them, over both doors.
                    #expect(try await server.ask("/healthz").status == 200)
                    try await server.withClient { gateway in
                        let status = try await gateway.system.getSystemStatus(.init())
                        #expect(status.state != .unspecified)
                    }
                    let first = await streams[999].receive(within: .seconds(60))
                    #expect(first?.isEmpty == false, "the last one has not begun")
                    let peak = try Processes.peakMemory(of: server.pid)
                    // 384 KiB for a stream: two tasks' worth of a debug build, its buffers and its upstream's, and the text
                    // that a fresh attempt would be compared with. An optimised build takes 160.
                    #expect(peak - before < 384 << 20, "\(before >> 20) MiB before, \(peak >> 20) MiB at most")
                    streams.removeAll()
                    let isGone = try await Processes.until(within: .seconds(30)) {
                        try Processes.openFiles(of: server.pid) <= files + 8
                    }
                    #expect(isGone, "of \(files) open files before")
                    #expect(try await server.ask("/healthz").status == 200)
                    silence.open()
                }
            }
        }

        @Test func `A thousand half-open streams end with their clients`() async throws {
            let silence = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + .event(Chunk.text("one ")) + [.wait(silence)]
            } _: { upstream in
                let settings = "http: { max_connections: 2000 }"
                try await RunningServer.with(providers(upstream.baseURL, settings: settings)) { server in
                    let port = try #require(server.httpPort)
                    let files = try Processes.openFiles(of: server.pid)
                    try await Self.bounded(server) {
                        var streams: [RawConnection] = []
                        for _ in 0..<1000 {
                            let stream = try RawConnection(port: port)
                            try stream.send(
                                Self.request("/v1/chat/completions", ["Content-Length: \(Self.chat.utf8.count)"])
                                    + Self.chat)
                            streams.append(stream)
                        }
                        let last = await streams[999].receive(within: .seconds(60))
                        #expect(last?.isEmpty == false, "the last one has not begun")
                        streams.removeAll()
                        // Their upstreams' connections go with them.
                        let isGone = try await Processes.until(within: .seconds(30)) {
                            try Processes.openFiles(of: server.pid) <= files + 8
                        }
                        #expect(isGone, "of \(files) open files before")
                    }
                    silence.open()
                }
            }
        }
    }
}
