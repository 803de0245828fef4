import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// Who would be asked, who not, and why, with nothing sent.
    @Suite struct Explaining {
        /// Three models of different abilities, and an alias for the first two.
        private static func configuration(_ baseURL: String) -> String {
            """
            local: { enabled: false }
            providers:
              - id: cloud
                kind: custom
                base_url: '\(baseURL)'
                models:
                  - { name: plain, priority: 1, context_length: 4096, price_input: 1, price_output: 2 }
                  - { name: able, priority: 2, capabilities: [chat, streaming, tools, json_schema], context_length: 100000 }
                  - { name: free, priority: 3, price_input: 0, price_output: 0, tags: [eu] }
            aliases: { both: [cloud/able, cloud/plain] }
            """
        }

        private func withGateway(
            _ body: @escaping @Sendable (Gateway) async throws -> Void
        ) async throws {
            try await FaultUpstream.run { request in
                .answer(to: request, ["yes"])
            } _: { upstream in
                try await RunningServer.with(Self.configuration(upstream.baseURL)) { server in
                    try await server.withClient { try await body($0) }
                }
                #expect(upstream.requests.all.isEmpty, "nothing may be sent")
            }
        }

        private static func explain(
            _ gateway: Gateway, _ model: String, _ edit: (inout Roundhouse_V1_ExplainRouteRequest) -> Void = { _ in }
        ) async throws -> Roundhouse_V1_RouteDecision {
            let request = Roundhouse_V1_ExplainRouteRequest.with {
                $0.model = model
                $0.messages = [.saying("hi")]
                edit(&$0)
            }
            return try await gateway.generation.explainRoute(request).route
        }

        @Test func `All are candidates for auto by priority, an alias's in its order, a named model alone`()
            async throws
        {
            try await self.withGateway { gateway in
                let auto = try await Self.explain(gateway, "auto")
                #expect(auto.candidates.map(\.model) == ["cloud/plain", "cloud/able", "cloud/free"])
                #expect(auto.candidates.map(\.rank) == [1, 2, 3] && auto.rejected.isEmpty)
                #expect(auto.requested == "auto" && auto.strategy == "priority" && auto.estimatedInputTokens > 0)
                #expect(auto.candidates.allSatisfy { $0.availability == "available" && $0.breaker == "closed" })
                let alias = try await Self.explain(gateway, "both")
                #expect(alias.candidates.map(\.model) == ["cloud/able", "cloud/plain"])
                let named = try await Self.explain(gateway, "cloud/free")
                #expect(named.candidates.map(\.model) == ["cloud/free"])
            }
        }

        /// A requirement, who is left, and words of the reason of each who is not.
        struct Requirement: Sendable, CustomTestStringConvertible {
            let name: String
            let left: [String]
            let reasons: [String: String]
            let edit: @Sendable (inout Roundhouse_V1_ExplainRouteRequest) -> Void
            var testDescription: String { self.name }
        }

        private static let requirements = [
            Requirement(
                name: "tools", left: ["cloud/able"],
                reasons: ["cloud/plain": "lacks capability 'tools'", "cloud/free": "lacks capability 'tools'"]
            ) { $0.tools = [.with { $0.name = "weather" }] },
            Requirement(
                name: "a context", left: ["cloud/able"],
                reasons: [
                    "cloud/plain": "context length 4096 is below the 50000", "cloud/free": "context length not known",
                ]
            ) { $0.requirements.minContextLength = 50_000 },
            Requirement(
                name: "free", left: ["cloud/free"],
                reasons: ["cloud/plain": "is not free", "cloud/able": "price not known"]
            ) { $0.requirements.freeOnly = true },
            Requirement(
                name: "a tag", left: ["cloud/free"],
                reasons: ["cloud/plain": "lacks tag 'eu'", "cloud/able": "lacks tag 'eu'"]
            ) { $0.requirements.tags = ["eu"] },
            Requirement(
                name: "all at once", left: [],
                reasons: [
                    "cloud/plain": "lacks capability 'json_schema'", "cloud/able": "lacks tag 'eu'",
                    "cloud/free": "lacks capability 'json_schema'",
                ]
            ) {
                $0.requirements.capabilities = ["json_schema"]
                $0.requirements.tags = ["eu"]
            },
        ]

        @Test(arguments: requirements)
        func `Who lacks what is required is not asked, and the reason says what`(
            _ requirement: Requirement
        ) async throws {
            try await self.withGateway { gateway in
                let route = try await Self.explain(gateway, "auto", requirement.edit)
                #expect(route.candidates.map(\.model) == requirement.left)
                let rejected = Dictionary(uniqueKeysWithValues: route.rejected.map { ($0.model, $0.reasons) })
                #expect(rejected.keys.sorted() == requirement.reasons.keys.sorted())
                for (model, words) in requirement.reasons {
                    #expect(rejected[model]?.contains { $0.contains(words) } == true, "\(model): \(rejected)")
                }
                #expect(route.rejected.allSatisfy { $0.rank == 0 })
            }
        }

        @Test func `A named model that lacks a capability is INVALID_ARGUMENT with its name`() async throws {
            try await self.withGateway { gateway in
                let streamed = try #require(
                    try await gateway.stream(
                        .asking("hi", "cloud/plain") { $0.tools = [.with { $0.name = "weather" }] }
                    ).error)
                let whole = try await gateway.failure(
                    of: .asking("hi", "cloud/plain") { $0.tools = [.with { $0.name = "weather" }] })
                for error in [streamed, whole] {
                    #expect(error.code == .invalidArgument)
                    #expect(error.message.contains("cloud/plain") && error.message.contains("'tools'"), "\(error)")
                    #expect(try error.errorInfo().reason == "CAPABILITY_UNSUPPORTED")
                }
            }
        }

        @Test func `Started carries the decision when it is asked for`() async throws {
            try await FaultUpstream.run { request in
                .answer(to: request, ["yes"])
            } _: { upstream in
                try await RunningServer.with(Self.configuration(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        let told = try await gateway.stream(.asking("hi", "both") { $0.explain = true })
                        let route = try #require(told.messages.first?.started.route)
                        #expect(route.candidates.map(\.model) == ["cloud/able", "cloud/plain"])
                        let untold = try await gateway.stream(.asking("hi", "both"))
                        #expect(untold.messages.first?.started.hasRoute == false)
                        let whole = try await gateway.generation.generate(.asking("hi", "both") { $0.explain = true })
                        #expect(whole.route.candidates.map(\.model) == ["cloud/able", "cloud/plain"])
                    }
                }
            }
        }
    }
}
