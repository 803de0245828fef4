import GRPCCore
import Glibc
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// The HTTP port of the real process: probes, scrapes, and clients that mean no good.
    @Suite struct HTTPPort {
        private static let nowhere = "http://127.0.0.1:9/v1"

        @Test func `Alive, ready and figures, while a model can answer`() async throws {
            try await FaultUpstream.run {
                .answer(to: $0, ["safe"])
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    #expect(try await server.ask("/healthz").body == "ok\n")
                    #expect(try await server.ask("/readyz", method: "HEAD").status == 200)
                    let ready = try await server.ask("/readyz?verbose")
                    #expect(ready.status == 200 && ready.body.contains("1 of 1 can answer"), "\(ready)")
                    try await server.withClient { gateway in
                        _ = try await gateway.generation.generate(.asking())
                        let status = try await gateway.system.getSystemStatus(.init())
                        #expect(status.ports.map(\.protocol) == ["grpc", "http"])
                        #expect(status.ports.last?.port == server.httpPort.map { Int32($0) })
                    }
                    let isCounted = try await Processes.until(within: .seconds(10)) {
                        let page = try await server.ask("/metrics")
                        try #require(page.status == 200)
                        return page.body.contains("ai_model_requests_total{model=\"first/m\"")
                    }
                    #expect(isCounted)
                    #expect(await server.log.first(containing: "Serving HTTP") != nil)
                }
            }
        }

        @Test func `Without a model that can answer the server lives and is not ready`() async throws {
            try await RunningServer.with("local: { enabled: false }\n") { server in
                #expect(try await server.ask("/healthz").status == 200)
                let ready = try await server.ask("/readyz")
                #expect(ready.status == 503, "\(ready)")
                #expect(ready.body.contains("add a provider to the configuration"), "\(ready.body)")
                try await server.withClient { gateway in
                    #expect(try await gateway.system.getSystemStatus(.init()).state == .unhealthy)
                    // As soon as there is one, it is.
                    _ = try await gateway.registry.createProvider(
                        .with {
                            $0.provider.id = "lab"
                            $0.provider.kind = "custom"
                            $0.provider.baseURL = Self.nowhere
                        })
                    _ = try await gateway.registry.createModel(.with { $0.model.id = "lab/m" })
                }
                #expect(try await server.ask("/readyz").status == 200)
            }
        }

        @Test func `While it drains it lives and is not ready, then the port is closed`() async throws {
            let goOn = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + .event(Chunk.text("one ")) + [.wait(goOn)] + .event(Chunk.text("two"))
                    + .event(Chunk.finish) + .event(Chunk.usage(3, 2)) + .event("[DONE]") + .lastChunk
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    let kept = try RawConnection(port: try #require(server.httpPort))
                    #expect(try await kept.ask("/readyz")?.status == 200)
                    try await server.withClient { gateway in
                        let isAsked = Gate()
                        let answer = try await gateway.stream(.asking()) { message in
                            guard message.textDelta.text == "one " else { return }
                            server.terminate()
                            #expect(await server.log.first(containing: "Shutting down") != nil)
                            // On the connection that is there, and on one of its own.
                            for ready in [try await kept.ask("/readyz"), try await server.ask("/readyz")] {
                                #expect(ready?.status == 503 && ready?.body.contains("shutting down") == true)
                            }
                            #expect(try await server.ask("/healthz").status == 200)
                            isAsked.open()
                            goOn.open()
                        }
                        await isAsked.opened()
                        #expect(answer.isTruthful && answer.text == "one two")
                    }
                    // The connection that is kept open holds nothing up.
                    await server.end()
                    #expect(await kept.rest() == "")
                    #expect(throws: RawConnection.Failure.self) { try RawConnection(port: server.httpPort ?? 0) }
                }
            }
        }

        @Test func `Headers that never end are cut off`() async throws {
            try await RunningServer.with("local: { enabled: false }\nhttp: { idle_timeout: 500ms }\n") { server in
                let slow = try RawConnection(port: try #require(server.httpPort))
                try slow.send("GET /healthz HTTP/1.1\r\nHost: x\r\n")
                #expect(await slow.rest() != nil)
                #expect(try await server.ask("/healthz").status == 200)
            }
        }

        @Test func `A thousand connections that are opened and dropped leave nothing behind`() async throws {
            try await RunningServer.with("local: { enabled: false }\n") { server in
                let port = try #require(server.httpPort)
                #expect(try await server.ask("/healthz").status == 200)
                let before = try Processes.openFiles(of: server.pid)
                for number in 0..<1000 {
                    let connection = try RawConnection(port: port)
                    // Some say nothing, some begin, some ask and do not wait.
                    switch number % 3 {
                    case 0: break
                    case 1: try connection.send("GET /met")
                    default: try connection.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                    }
                }
                #expect(try await server.ask("/healthz").status == 200)
                let isGone = try await Processes.until(within: .seconds(20)) {
                    try Processes.openFiles(of: server.pid) <= before + 1
                }
                let now = try Processes.openFiles(of: server.pid)
                #expect(isGone, "\(before) before, \(now) now")
            }
        }

        @Test func `Without a file descriptor for a connection the port goes on, once there is one again`() async throws
        {
            try await RunningServer.with("local: { enabled: false }\n") { server in
                let port = try #require(server.httpPort)
                let limit = try Processes.openFiles(of: server.pid) + 16
                let limits = ["--pid", "\(server.pid)", "--nofile=\(limit):\(limit)"]
                try #require(try await Program.run("prlimit", limits).status.isSuccess)
                var open: [RawConnection] = []
                for _ in 0..<32 { open.append(try RawConnection(port: port)) }
                #expect(await server.log.first(containing: "An HTTP connection could not be accepted") != nil)
                open.removeAll()
                #expect(try await server.ask("/healthz").status == 200)
            }
        }

        @Test func `A port that is taken stops the start, and so does an address for all`() async throws {
            try await RunningServer.with("local: { enabled: false }\n") { server in
                let address = "127.0.0.1:\(try #require(server.httpPort))"
                let outcome = try await Self.serve(http: address)
                #expect(outcome.status == .exited(1), "\(outcome.text)")
                #expect(
                    outcome.errors.contains("http.address: \(address) cannot be opened: another program listens there"),
                    "\(outcome.text)")
                #expect(!outcome.output.contains("ready"))
            }
            let open = try await Self.serve(http: "0.0.0.0:0")
            #expect(open.status == .exited(78) && open.errors.contains("http.insecure: true"), "\(open.text)")
        }

        @Test func `Where it is off nothing listens`() async throws {
            try await RunningServer.with("local: { enabled: false }\n", http: "off") { server in
                #expect(server.httpPort == nil)
                try await server.withClient { gateway in
                    let status = try await gateway.system.getSystemStatus(.init())
                    #expect(status.ports.map(\.protocol) == ["grpc"])
                }
            }
        }

        private static func serve(http: String) async throws -> Program.Outcome {
            let directory = try TemporaryDirectory()
            let arguments = ["serve", "--grpc", "127.0.0.1:0", "--http", http, "--data-dir", directory.path]
            return try await Program.run("timeout", ["60", Program.path] + arguments)
        }
    }
}
