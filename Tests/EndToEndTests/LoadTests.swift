import GRPCCore
import GRPCTransport
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

extension EndToEnd {
    /// Many at once, and one who does not keep up.
    @Suite struct Load {
        private static let streams = 500
        private static let tokens = 64
        /// The budget is 120 MiB for a release build; a debug build is fatter and is held to less.
        private static let memory = 200 << 20

        @Test func `500 streams of 64 tokens lose nothing, beside a client that never reads`() async throws {
            let endless = Array("data: \(Chunk.text(String(repeating: "x", count: 1000)))\n\n".utf8)
            let flood = Array("\(String(endless.count, radix: 16))\r\n".utf8) + endless + Array("\r\n".utf8)
            try await FaultUpstream.run { request in
                request.text.contains("without end")
                    ? .streamHead() + [.flood(flood, times: nil)] : Self.paced(request.text)
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { lazy in
                        try await self.whileNotReading(lazy) {
                            let taken = try await server.withClient { try await Self.run(Self.streams, through: $0) }
                            let memory = try Processes.peakMemory(of: server.pid)
                            print("end to end: \(Self.streams) streams in \(taken), memory \(memory >> 20) MiB at most")
                            #expect(memory < Self.memory)
                        }
                    }
                    // What was not read was not fetched either: sockets and windows hold some megabytes at most.
                    #expect(upstream.bytesSent.value < 64 << 20)
                    #expect(upstream.requests.all.count == Self.streams + 1)
                }
            }
        }

        /// Runs `body` while a stream without end is open and nobody reads it.
        private func whileNotReading(_ gateway: Gateway, _ body: () async throws -> Void) async throws {
            try await withThrowingTaskGroup { group in
                let isOpen = Gate()
                let enough = Gate()
                group.addTask {
                    try await gateway.generation.streamGenerate(.asking("without end")) { response in
                        _ = try response.accepted.get()
                        isOpen.open()
                        await enough.opened()
                    }
                }
                await isOpen.opened()
                try await body()
                enough.open()
                try await group.waitForAll()
            }
        }

        /// Opens so many streams at once and checks each word of each.
        private static func run(_ count: Int, through gateway: Gateway) async throws -> Duration {
            let clock = ContinuousClock()
            return try await clock.measure {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<count {
                        group.addTask {
                            let answer = try await gateway.stream(.asking("stream \(number)."))
                            try #require(answer.error == nil, "stream \(number)")
                            #expect(answer.text == Self.words(number).joined(), "stream \(number)")
                            #expect(answer.isTruthful && answer.completed?.usage.outputTokens == Int64(Self.tokens))
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }

        /// Tokens one by one, a few milliseconds apart, which tell whose and the how manieth they are.
        private static func paced(_ request: String) -> [FaultUpstream.Step] {
            let number = request.split(separator: "stream ").last?.split(separator: ".").first.flatMap { Int($0) } ?? -1
            var steps: [FaultUpstream.Step] = .streamHead()
            for word in Self.words(number) { steps += .event(Chunk.text(word)) + [.delay(.milliseconds(5))] }
            return steps + .event(Chunk.finish) + .event(Chunk.usage(3, Self.tokens)) + .event("[DONE]") + .lastChunk
        }

        private static func words(_ number: Int) -> [String] {
            (0..<Self.tokens).map { "\(number):\($0) " }
        }

        @Test func `A client that reads nothing for too long is cut off, and so is its upstream`() async throws {
            let flood = Array("data: \(Chunk.text(String(repeating: "x", count: 1000)))\n\n".utf8)
            try await FaultUpstream.run { _ in
                [.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"), .flood(flood, times: nil)]
            } _: { upstream in
                let configuration = providers(upstream.baseURL, settings: "grpc: { slow_consumer_timeout: 300ms }")
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        try await gateway.generation.streamGenerate(.asking()) { response in
                            #expect(await server.log.first(containing: "its client took nothing") != nil)
                            _ = await upstream.closures.element(0)
                            let error = await #expect(throws: RPCError.self) {
                                for try await _ in response.messages {}
                            }
                            #expect(error?.code == .resourceExhausted)
                        }
                    }
                }
            }
        }
    }
}
