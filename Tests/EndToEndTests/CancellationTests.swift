import GRPCCore
import GRPCTransport
import Inference
import Persistence
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import SystemPackage
import TestSupport
import Testing

extension EndToEnd {
    /// Who leaves is not generated for. The budget is 50 ms; a busy machine gets a second.
    @Suite struct Cancellation {
        private static let bound = Duration.seconds(1)

        @Test func `A cancelled stream closes the upstream's socket`() async throws {
            let left = Signal<ContinuousClock.Instant>()
            try await self.expectClosure(after: "cancelling", left) { gateway, server in
                await withTaskGroup { group in
                    let hasToken = Gate()
                    group.addTask {
                        _ = try? await gateway.stream(.asking()) { message in
                            if !message.textDelta.text.isEmpty { hasToken.open() }
                        }
                    }
                    await hasToken.opened()
                    left.send(.now)
                    group.cancelAll()
                }
            }
        }

        @Test func `A request that is cancelled before the first token closes it, too`() async throws {
            let left = Signal<ContinuousClock.Instant>()
            try await self.expectClosure(after: "cancelling early", left, tokens: 0) { gateway, upstream in
                await withTaskGroup { group in
                    group.addTask { _ = try? await gateway.generation.generate(.asking()) }
                    _ = await upstream.requests.element(0)
                    left.send(.now)
                    group.cancelAll()
                }
            }
        }

        @Test func `A deadline closes the upstream's socket`() async throws {
            let left = Signal<ContinuousClock.Instant>()
            try await self.expectClosure(after: "the deadline", left) { gateway, _ in
                var options = CallOptions.defaults
                options.timeout = .milliseconds(600)
                left.send(.now + .milliseconds(600))
                let error = try await #require(throws: RPCError.self) {
                    try await gateway.stream(.asking(), options: options)
                }
                #expect(error.code == .deadlineExceeded)
            }
        }

        @Test func `A client that is killed closes the upstream's socket`() async throws {
            try await self.withUpstream { upstream, server, _ in
                let arguments = ["chat", "hi", "--model", "all", "--address", "\(server.address)"]
                let killed = try await Subprocess.run(
                    .path(FilePath(Program.path)),
                    arguments: Arguments(arguments),
                    environment: Program.environment(),
                    input: .none,
                    output: .sequence,
                    error: .discarded
                ) { execution in
                    for try await _ in execution.standardOutput { break }  // the first token
                    try execution.send(signal: .kill)
                    return ContinuousClock.now
                }
                let closure = await upstream.closures.element(0)
                Self.expect(closure, soonAfter: killed.takeClosureResult(), "killing the client")
            }
        }

        private typealias Leave = @Sendable (Gateway, FaultUpstream) async throws -> Void

        /// Lets a client leave an answer that would never end, and checks the socket and the record.
        private func expectClosure(
            after what: String,
            _ left: Signal<ContinuousClock.Instant>,
            tokens: Int = 1,
            _ leave: @escaping Leave
        ) async throws {
            let directory = try TemporaryDirectory()
            try await self.withUpstream(in: directory, tokens: tokens) { upstream, _, gateway in
                try await leave(gateway, upstream)
                let closure = await upstream.closures.element(0)
                Self.expect(closure, soonAfter: await left.value(), what)
            }
            let store = try Store(path: directory.database)
            let record = try #require(try await store.recentRequests(limit: 1).first)
            // This client cancels by its own timer, too: whichever of the two the server hears first is recorded.
            let statuses: Set = what.contains("deadline") ? ["DEADLINE_EXCEEDED", "CANCELLED"] : ["CANCELLED"]
            #expect(statuses.contains(record.status))
            #expect(record.finishReason == nil)
            // What was produced is counted, also when nobody waited for the rest.
            #expect((record.usage?.outputTokens ?? 0) >= tokens)
            try store.close()
        }

        private func withUpstream(
            in directory: TemporaryDirectory? = nil,
            tokens: Int = 1,
            _ body: @escaping @Sendable (FaultUpstream, RunningServer, Gateway) async throws -> Void
        ) async throws {
            let never = Gate()
            try await FaultUpstream.run { _ in
                .streamHead() + (tokens > 0 ? .event(Chunk.text("one")) : []) + [.wait(never)]
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL), in: directory) { server in
                    try await server.withClient { try await body(upstream, server, $0) }
                }
            }
        }

        private static func expect(
            _ closure: FaultUpstream.Closure,
            soonAfter left: ContinuousClock.Instant,
            _ what: String
        ) {
            let delay = left.duration(to: closure.time)
            print("end to end: the upstream's socket closed \(delay) after \(what)")
            #expect(delay < Self.bound)
        }
    }
}
