import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

private typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

/// Waits for a watch's next message; nil expects its end.
private func expectNext(
    _ expected: Status?,
    of messages: inout RPCAsyncSequence<Grpc_Health_V1_HealthCheckResponse, any Error>.AsyncIterator,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let message = try await messages.next(isolation: #isolation)
    #expect(message?.status == expected, sourceLocation: sourceLocation)
}

@Suite struct StandardHealthServiceTests {
    private let registry = HealthRegistry(statuses: ["": .serving, "local/small": .notServing])

    private func withClient<Result: Sendable>(
        over carrier: Carrier = .inProcess,
        registry: HealthRegistry? = nil,
        _ body: (any Grpc_Health_V1_Health.ClientProtocol) async throws -> Result
    ) async throws -> Result {
        try await carrier.serve([StandardHealthService(registry: registry ?? self.registry)]) { client in
            try await body(client.health)
        }
    }

    @Test(arguments: [("", Status.serving), ("local/small", .notServing)])
    private func `Check tells the status of the server and of a model`(name: String, expected: Status) async throws {
        let response = try await withClient { try await $0.check(.with { $0.service = name }) }
        #expect(response.status == expected)
    }

    @Test(arguments: Carrier.allCases)
    func `Check of a name that is not known is NOT_FOUND and names it`(carrier: Carrier) async throws {
        let error = await #expect(throws: RPCError.self) {
            _ = try await withClient(over: carrier) { try await $0.check(.with { $0.service = "local/none" }) }
        }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("local/none") == true)
    }

    @Test(arguments: Carrier.allCases)
    func `List tells everything`(carrier: Carrier) async throws {
        let statuses = try await withClient(over: carrier) { try await $0.list(.init()) }.statuses.mapValues(\.status)
        #expect(statuses == ["": .serving, "local/small": .notServing])
    }

    @Test(arguments: Carrier.allCases)
    func `Watch tells the status now, every change, and not what is no change`(carrier: Carrier) async throws {
        try await withClient(over: carrier) { client in
            try await client.watch(.with { $0.service = "local/small" }) { response in
                var messages = response.messages.makeAsyncIterator()
                try await expectNext(.notServing, of: &messages)
                registry.set(.notServing, for: "local/small")
                registry.set(.serving, for: "")
                registry.set(.serving, for: "local/small")
                try await expectNext(.serving, of: &messages)
                registry.set(nil, for: "local/small")
                try await expectNext(.serviceUnknown, of: &messages)
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `Watch of a name that is not known stays open until it is`(carrier: Carrier) async throws {
        try await withClient(over: carrier) { client in
            try await client.watch(.with { $0.service = "late" }) { response in
                var messages = response.messages.makeAsyncIterator()
                try await expectNext(.serviceUnknown, of: &messages)
                registry.set(.serving, for: "late")
                try await expectNext(.serving, of: &messages)
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `Shutdown tells every watcher for good, and ended watches say UNAVAILABLE`(carrier: Carrier) async throws {
        try await withClient(over: carrier) { client in
            let error = await #expect(throws: RPCError.self) {
                try await client.watch(.init()) { response in
                    var messages = response.messages.makeAsyncIterator()
                    try await expectNext(.serving, of: &messages)
                    registry.shutdown()
                    registry.set(.serving, for: "")
                    try await expectNext(.notServing, of: &messages)
                    registry.endWatches()
                    try await expectNext(nil, of: &messages)
                }
            }
            #expect(error?.code == .unavailable)
            #expect(registry.all.values.allSatisfy { $0 == .notServing })
        }
    }

    @Test func `A graceful shutdown of the server does not wait for a watcher`() async throws {
        try await Carrier.inProcess.serve([StandardHealthService(registry: registry)]) { client in
            try await client.health.watch(.init()) { response in
                var messages = response.messages.makeAsyncIterator()
                try await expectNext(.serving, of: &messages)
                client.beginServerShutdown()
                try await expectNext(nil, of: &messages)
            }
        }
    }

    @Test(arguments: Carrier.allCases)
    func `More watches than allowed are refused, and one that ends makes room`(carrier: Carrier) async throws {
        let registry = HealthRegistry(maximumWatches: 1)
        try await withClient(over: carrier, registry: registry) { client in
            try await client.watch(.init()) { response in
                var messages = response.messages.makeAsyncIterator()
                try await expectNext(.serving, of: &messages)
                let error = await #expect(throws: RPCError.self) {
                    try await client.watch(.init()) { for try await _ in $0.messages {} }
                }
                #expect(error?.code == .resourceExhausted)
            }
        }
        let first = try #require(registry.watch("a"))
        #expect(registry.watch("b") == nil)
        first.stop()
        #expect(registry.watch("b") != nil)
    }
}

@Suite struct HealthRegistryTests {
    @Test func `A watcher that sleeps through changes gets the newest one`() async throws {
        let registry = HealthRegistry(statuses: ["m": .notServing])
        let watch = try #require(registry.watch("m"))
        var statuses = watch.makeAsyncIterator()
        #expect(await statuses.next() == .notServing)
        for _ in 0..<1000 {
            registry.set(.notServing, for: "m")
            registry.set(.serving, for: "m")
        }
        #expect(await statuses.next() == .serving)
        watch.stop()
        #expect(await statuses.next() == nil)
    }

    @Test func `Watchers that race with changes all end on the last one`() async throws {
        let registry = HealthRegistry(statuses: ["m": .notServing])
        await withTaskGroup(of: HealthRegistry.Status?.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var last: HealthRegistry.Status?
                    guard let watch = registry.watch("m") else { return nil }
                    for await status in watch { last = status }
                    return last
                }
            }
            for step in 0..<500 { registry.set(step.isMultiple(of: 2) ? .serving : .notServing, for: "m") }
            registry.set(.serving, for: "m")
            registry.endWatches()
            for await last in group { #expect(last == .serving) }
        }
    }
}
