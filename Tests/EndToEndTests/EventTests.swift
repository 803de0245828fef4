import GRPCCore
import GRPCProtobuf
import GRPCTransport
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// What is told of everything that happens, with changes of an alias as events.
    @Suite struct Events {
        private static let configuration = """
            local: { enabled: false }
            providers: [{ id: cloud, kind: custom, base_url: 'http://127.0.0.1:9', models: [{ name: a }, { name: b }] }]
            aliases: { app: [cloud/a], other: [cloud/b] }
            """

        @Test func `A watch goes on across a restart without a gap and without anything twice`() async throws {
            let directory = try TemporaryDirectory()
            let first = try await RunningServer.with(Self.configuration, in: directory) { server in
                try await server.withClient { gateway in
                    for _ in 0..<10 { try await gateway.changeAlias() }
                    return try await gateway.watched(after: 0, until: 5)
                }
            }
            #expect(first.map(\.sequence) == [1, 2, 3, 4, 5])
            try await RunningServer.with(Self.configuration, in: directory) { server in
                try await server.withClient { gateway in
                    try await gateway.changeAlias()
                    let all = try await gateway.events()
                    let last = try #require(all.last?.sequence)
                    let rest = try await gateway.watched(after: 5, until: last)
                    #expect(first + rest == all)
                    #expect(all.map(\.sequence) == Array(1...last))
                    #expect(all.filter { $0.type == .stateRestored }.count == 2)
                    #expect(all.contains { $0.type == .stateSaved })
                }
            }
        }

        @Test func `Filters hold for watches and lists, and pages have no gap`() async throws {
            try await RunningServer.with(Self.configuration) { server in
                try await server.withClient { gateway in
                    for _ in 0..<7 {
                        try await gateway.changeAlias("app")
                        try await gateway.changeAlias("other")
                    }
                    var pages: [[Roundhouse_V1_Event]] = []
                    var token = ""
                    repeat {
                        let asked = token
                        let page = try await gateway.lifecycle.listEvents(
                            .with {
                                $0.alias = "app"
                                $0.pageSize = 3
                                $0.pageToken = asked
                            })
                        pages.append(page.events)
                        token = page.nextPageToken
                    } while !token.isEmpty
                    let found = pages.flatMap { $0 }
                    #expect(found.count == 7 && pages.map(\.count) == [3, 3, 1], "\(pages.map(\.count))")
                    #expect(found.allSatisfy { $0.alias == "app" })
                    #expect(zip(found, found.dropFirst()).allSatisfy { $0.sequence > $1.sequence }, "newest first")
                    let watched = try await gateway.watched(after: 0, until: found[0].sequence) { $0.alias = "app" }
                    #expect(watched == found.reversed())
                    for (token, size) in [("nonsense", 3), ("-1", 3), ("", -1)] as [(String, Int32)] {
                        let error = try await #require(throws: RPCError.self) {
                            try await gateway.lifecycle.listEvents(
                                .with {
                                    $0.pageSize = size
                                    $0.pageToken = token
                                })
                        }
                        #expect(error.code == .invalidArgument, "\(error)")
                    }
                }
            }
        }

        @Test func `A watch after what is not yet is OUT_OF_RANGE`() async throws {
            try await RunningServer.with(Self.configuration) { server in
                try await server.withClient { gateway in
                    let unknown = try await #require(throws: RPCError.self) {
                        _ = try await gateway.watched(after: 1_000_000, until: 1_000_001)
                    }
                    let reason = try unknown.errorInfo().reason
                    #expect(unknown.code == .outOfRange && reason == "EVENTS_UNKNOWN", "\(unknown)")
                    let negative = try await #require(throws: RPCError.self) {
                        _ = try await gateway.watched(after: -1, until: 1)
                    }
                    #expect(negative.code == .invalidArgument, "\(negative)")
                }
            }
        }

        @Test func `SIGTERM ends with a watcher open, at once`() async throws {
            try await RunningServer.with(Self.configuration) { server in
                try await server.withClient { gateway in
                    let begin = ContinuousClock.now
                    let error = try await #require(throws: RPCError.self) {
                        try await gateway.lifecycle.watchEvents(.init()) { response in
                            for try await message in response.messages {
                                if case .heartbeat = message.update { server.terminate() }
                            }
                        }
                    }
                    #expect(error.code == .unavailable, "\(error)")
                    await server.end()
                    #expect(begin.duration(to: .now) < .seconds(5))
                }
            }
        }
    }
}

extension Gateway {
    /// One more event: the alias's target gets another weight.
    fileprivate func changeAlias(_ name: String = "app", reason: String = "again") async throws {
        _ = try await self.registry.updateAlias(
            .with {
                $0.alias.name = name
                $0.alias.targets = [
                    .with {
                        $0.model = "cloud/a"
                        $0.weight = .random(in: 1...1000)
                    }
                ]
                $0.reason = reason
            })
    }

    /// What a watch says after a sequence, up to another.
    fileprivate func watched(
        after sequence: Int64,
        until last: Int64,
        _ edit: (inout Roundhouse_V1_WatchEventsRequest) -> Void = { _ in }
    ) async throws -> [Roundhouse_V1_Event] {
        var request = Roundhouse_V1_WatchEventsRequest()
        request.afterSequence = sequence
        edit(&request)
        return try await self.lifecycle.watchEvents(request) { response in
            var events: [Roundhouse_V1_Event] = []
            for try await message in response.messages {
                guard case .event(let event) = message.update else { continue }
                events.append(event)
                if event.sequence >= last { break }
            }
            return events
        }
    }
}
