import GRPCCore
import GRPCProtobuf
import Inference
import Logging
import ModelLifecycle
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("LifecycleService: events")
struct EventServiceTests {
    private func fill(_ bench: ServiceBench) throws {
        let (a, b) = (try modelID("local/a"), try modelID("local/b"))
        let events: [GatewayEvent] = [
            GatewayEvent(.modelLoading, model: a), GatewayEvent(.modelLoaded, model: a, attributes: ["load_ms": "5"]),
            GatewayEvent(.modelSwitched, model: b, alias: "default", reason: "better"),
            GatewayEvent(.modelLoaded, model: b), GatewayEvent(.stateSaved),
        ]
        bench.feed.add(
            events.enumerated().map { index, event in
                StoredEvent(sequence: Int64(index + 1), atMicroseconds: 1_500_000, event: event)
            })
    }

    @Test("Kept events come newest first, page by page, each once", arguments: [1, 2, 4, 5, 100])
    func lists(size: Int32) async throws {
        try await ServiceBench.with { bench in
            try fill(bench)
            var seen: [Int64] = []
            var token = ""
            repeat {
                let page = try await bench.lifecycle.listEvents(
                    .with {
                        $0.pageSize = size
                        $0.pageToken = token
                    })
                seen += page.events.map(\.sequence)
                token = page.nextPageToken
            } while !token.isEmpty
            #expect(seen == [5, 4, 3, 2, 1])
        }
    }

    @Test("An event has what happened, to whom and when")
    func tells() async throws {
        try await ServiceBench.with { bench in
            try fill(bench)
            let events = try await bench.lifecycle.listEvents(.init()).events
            #expect(events[2].type == .modelSwitched && events[2].model == "local/b" && events[2].provider == "local")
            #expect(
                events[2].alias == "default" && events[2].reason == "better" && events[2].eventTime.nanos == 500_000_000
            )
            #expect(events[3].attributes == ["load_ms": "5"])
        }
    }

    @Test(
        "A filter leaves the rest out",
        arguments: [
            (Roundhouse_V1_ListEventsRequest.with { $0.types = [.modelLoaded, .stateSaved] }, [Int64(5), 4, 2]),
            (.with { $0.model = "local/a" }, [2, 1]), (.with { $0.alias = "default" }, [3]),
            (.with { $0.provider = "local" }, [4, 3, 2, 1]),
            (
                .with {
                    $0.types = [.modelLoaded]
                    $0.model = "local/b"
                }, [4]
            ),
        ])
    func filters(request: Roundhouse_V1_ListEventsRequest, sequences: [Int64]) async throws {
        try await ServiceBench.with { bench in
            try fill(bench)
            #expect(try await bench.lifecycle.listEvents(request).events.map(\.sequence) == sequences)
        }
    }

    @Test("Every kind of event has a type of its own")
    func kinds() {
        let types = GatewayEvent.Kind.allCases.map { Roundhouse_V1_EventType($0) }
        #expect(Set(types).count == types.count)
        #expect(Set(types) == Set(Roundhouse_V1_EventType.allCases.filter { $0 != .unspecified }))
        #expect(types.map { GatewayEvent.Kind($0) } == GatewayEvent.Kind.allCases)
    }

    @Test("What no filter can be names its field, in both calls")
    func namesFields() async throws {
        try await ServiceBench.with { bench in
            let list = try await refusal {
                try await bench.lifecycle.listEvents(
                    .with {
                        $0.types = [.modelLoaded, .unspecified]
                        $0.model = "default"
                        $0.provider = "No"
                        $0.alias = "a b"
                        $0.pageToken = "x"
                    })
            }
            #expect(list.code == .invalidArgument)
            #expect(list.fields == ["types[1]", "model", "provider", "alias", "page_token"])
            let watch = try await refusal {
                try await bench.lifecycle.watchEvents(
                    .with {
                        $0.afterSequence = -1
                        $0.types = [.UNRECOGNIZED(99)]
                    }
                ) { response in for try await _ in response.messages {} }
            }
            #expect(watch.fields == ["types[0]", "after_sequence"])
            #expect(bench.feed.watches.isEmpty)
        }
    }

    @Test("A watch goes on after a sequence; its end is told with what to do", arguments: [nil, 0, 3] as [Int64?])
    func watches(after: Int64?) async throws {
        try await ServiceBench.with { bench in
            try fill(bench)
            let (messages, error) = try await bench.lifecycle.watchEvents(
                .with {
                    if let after { $0.afterSequence = after }
                    $0.model = "local/b"
                }
            ) { response in
                var messages: [Roundhouse_V1_WatchEventsResponse] = []
                do {
                    for try await message in response.messages { messages.append(message) }
                    return (messages, nil as RPCError?)
                } catch let error as RPCError {
                    return (messages, error)
                }
            }
            let events = messages.map(\.event.sequence).filter { $0 > 0 }
            #expect(events == (after == nil ? [] : after == 0 ? [3, 4] : [4]))
            #expect(messages.last?.heartbeat.sequence == 5)
            #expect(bench.feed.watches.map(\.after) == [after])
            #expect(try bench.feed.watches.map(\.filter.model) == [modelID("local/b")])
            // The log ended: the server stops.
            #expect(error?.code == .unavailable)
            #expect(try error?.errorInfo().reason == "SHUTTING_DOWN")
        }
    }

    @Test(
        "A watch that cannot go on says where to begin",
        arguments: [
            (
                EventWatchError.lagged(lastSequence: 42), RPCError.Code.resourceExhausted, "WATCH_LAGGED",
                "last_sequence", "42"
            ),
            (.expired(firstKept: 17), .outOfRange, "EVENTS_EXPIRED", "first_kept", "17"),
            (.invalid(after: 99, lastSequence: 5), .outOfRange, "EVENTS_UNKNOWN", "last_sequence", "5"),
        ])
    func tellsLag(
        error: EventWatchError,
        code: RPCError.Code,
        reason: String,
        key: String,
        value: String
    ) async throws {
        try await ServiceBench.with { bench in
            bench.feed.fail(with: error)
            let refusal = try await refusal {
                try await bench.lifecycle.watchEvents(.init()) { response in
                    for try await _ in response.messages {}
                }
            }
            #expect(refusal.code == code && refusal.reason == reason && refusal.metadata[key] == value)
        }
    }
}
