import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// Vectors of an upstream that speaks OpenAI's embeddings.
    @Suite struct Embedding {
        /// A token costs 20 nano-USD.
        private static func configuration(_ baseURLs: String...) -> String {
            var yaml = "local: { enabled: false }\nproviders:\n"
            for (name, url) in zip(["first", "second"], baseURLs) {
                yaml += """
                      - id: \(name)
                        kind: custom
                        base_url: '\(url)'
                        models: [{ name: e, category: embedding, capabilities: [embeddings], price_input: 0.02, price_output: 0 }]

                    """
            }
            let targets = ["first", "second"].prefix(baseURLs.count).map { "\($0)/e" }.joined(separator: ", ")
            return yaml + "aliases: { all: [\(targets)] }\n"
        }

        /// The second vector comes first.
        private static let answer: [FaultUpstream.Step] = .whole(
            #"{"object":"list","data":[{"object":"embedding","index":1,"embedding":[0,2]},"#
                + #"{"object":"embedding","index":0,"embedding":[3,4]}],"#
                + #""usage":{"prompt_tokens":5,"total_tokens":5}}"#)

        private static func request(
            _ model: String = "all", _ edit: (inout Roundhouse_V1_EmbedRequest) -> Void = { _ in }
        ) -> Roundhouse_V1_EmbedRequest {
            .with {
                $0.model = model
                $0.inputs = ["one", "two"]
                edit(&$0)
            }
        }

        @Test func `Its phases are counted, from its bytes to those of its answer`() async throws {
            try await FaultUpstream.run { _ in
                Self.answer
            } _: { upstream in
                try await RunningServer.with(Self.configuration(upstream.baseURL)) { server in
                    _ = try await server.withClient { try await $0.generation.embed(Self.request()) }
                    let ours = ["decode", "admit", "route", "connect", "encode"].map { ($0, "gateway") }
                    for (phase, side) in ours + [("first_byte", "upstream")] {
                        let line = "roundhouse_phase_seconds_count{phase=\"\(phase)\",side=\"\(side)\"} 1"
                        // The answer is there a moment before its last phase is counted.
                        let isCounted = try await Processes.until(within: .seconds(10)) {
                            try await server.ask("/metrics").body.split(separator: "\n").contains { $0 == line }
                        }
                        #expect(isCounted, "\(phase)")
                    }
                }
            }
        }

        @Test(arguments: ["all", "first/e", "auto", ""])
        func `Vectors come in the order of the texts, with their usage and cost`(_ model: String) async throws {
            try await FaultUpstream.run { _ in
                Self.answer
            } _: { upstream in
                try await RunningServer.with(Self.configuration(upstream.baseURL)) { server in
                    let response = try await server.withClient { try await $0.generation.embed(Self.request(model)) }
                    #expect(response.embeddings.map(\.values) == [[3, 4], [0, 2]])
                    #expect(response.model == "first/e" && !response.requestID.isEmpty)
                    #expect(response.usage.inputTokens == 5 && response.usage.outputTokens == 0)
                    #expect(!response.usage.estimated)
                    #expect(response.cost.nanoUsd == 100 && !response.cost.estimated)
                    #expect(response.attempts.map(\.model) == ["first/e"])
                }
                let sent = try #require(upstream.requests.all.first)
                #expect(upstream.requests.all.count == 1 && sent.path == "/v1/embeddings")
                #expect(sent.text.contains(#""model":"e""#) && sent.text.contains(#"["one","two"]"#), "\(sent.text)")
                #expect(!sent.text.contains("dimensions"))
            }
        }

        @Test func `Dimensions are the upstream's to cut, and the length of 1 is ours to make`() async throws {
            try await FaultUpstream.run { _ in
                Self.answer
            } _: { upstream in
                try await RunningServer.with(Self.configuration(upstream.baseURL)) { server in
                    let request = Self.request {
                        $0.dimensions = 2
                        $0.normalize = true
                    }
                    let response = try await server.withClient { try await $0.generation.embed(request) }
                    #expect(response.embeddings.map(\.values) == [[0.6, 0.8], [0, 1]])
                }
                #expect(upstream.requests.all.first?.text.contains(#""dimensions":2"#) == true)
            }
        }

        @Test func `A provider that fails is passed over, and one that returns too little is one`() async throws {
            let broken: [[FaultUpstream.Step]] = [
                .whole("it broke", status: "500 Internal Server Error", type: "text/plain"),
                .whole(#"{"data":[{"index":0,"embedding":[3,4]}],"usage":{"prompt_tokens":5}}"#),
            ]
            for (steps, fault) in zip(broken, ["server_error", "malformed"]) {
                try await FaultUpstream.run { _ in
                    steps
                } _: { first in
                    try await FaultUpstream.run { _ in
                        Self.answer
                    } _: { second in
                        let configuration = Self.configuration(first.baseURL, second.baseURL)
                        try await RunningServer.with(configuration) { server in
                            let response = try await server.withClient { try await $0.generation.embed(Self.request()) }
                            #expect(response.model == "second/e" && response.embeddings.count == 2)
                            #expect(response.attempts.map(\.fault) == [fault, ""], "\(response.attempts)")
                        }
                    }
                }
            }
        }

        @Test func `A model that makes text is none for it, and nothing is sent`() async throws {
            try await FaultUpstream.run { _ in
                Self.answer
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        let client = gateway.generation
                        let error = try await #require(throws: RPCError.self) {
                            try await client.embed(Self.request("first/m"))
                        }
                        #expect(error.code == .invalidArgument, "\(error)")
                        #expect(error.message.contains("first/m") && error.message.contains("embedding"), "\(error)")
                    }
                }
                #expect(upstream.requests.all.isEmpty)
            }
        }
    }
}
