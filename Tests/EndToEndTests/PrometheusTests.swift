import GRPCCore
import RoundhouseAPI
import Subprocess
import TestSupport
import Testing

extension EndToEnd {
    /// `/metrics`, and what Prometheus makes of it.
    @Suite struct PrometheusScrapes {
        @Test func `A real Prometheus scrapes a server and has its figures`() async throws {
            try await FaultUpstream.run { request in
                request.text.contains("fail")
                    ? .whole("no", status: "500 Internal Server Error", type: "text/plain")
                    : .answer(to: request, ["a", "b", "c"])
            } _: { upstream in
                try await RunningServer.with(providers(upstream.baseURL)) { server in
                    try await server.withClient { gateway in
                        for _ in 0..<7 { _ = try await gateway.stream(.asking()) }
                        for _ in 0..<4 { _ = try await gateway.generation.generate(.asking()) }
                        _ = try await gateway.failure(of: .asking("fail"))
                        let port = try #require(server.httpPort)
                        try await Prometheus.scraping(port: port) { try await Self.expectFigures($0, server) }
                    }
                }
            }
        }

        private static func expectFigures(_ prometheus: Prometheus, _ server: RunningServer) async throws {
            let model = #"model="first/m",provider="first""#
            try await prometheus.expect(#"up{job="roundhouse"}"#, 1)
            try await prometheus.expect(#"ai_model_requests_total{\#(model),outcome="success"}"#, 11)
            try await prometheus.expect(#"ai_model_requests_total{\#(model),outcome="failed"}"#, 1)
            try await prometheus.expect(#"sum(roundhouse_requests_total)"#, 12)
            try await prometheus.expect(#"ai_model_tokens_total{\#(model),type="input"}"#, 33)
            try await prometheus.expect(#"ai_model_tokens_total{\#(model),type="output"}"#, 33)
            try await prometheus.expect("ai_model_request_duration_seconds_count{\(model)}", 11)
            try await prometheus.expect("roundhouse_model_first_token_seconds_count{\(model)}", 7)
            try await prometheus.expect("roundhouse_model_inter_token_seconds_count{\(model)}", 7)
            // Of the failed one as well: nobody knows yet that it will fail.
            for (phase, count) in [("decode", 12.0), ("admit", 12), ("route", 11), ("connect", 11), ("encode", 11)] {
                let phase = #"phase="\#(phase)",side="gateway""#
                try await prometheus.expect("roundhouse_phase_seconds_count{\(phase)}", count)
            }
            try await prometheus.expect(#"roundhouse_phase_seconds_count{phase="first_byte",side="upstream"}"#, 11)
            // What is ours of twelve requests is far below a second each, and no clock went backwards.
            try await prometheus.expect(#"sum(roundhouse_phase_seconds_sum{side="gateway"}) < bool 12"#, 1)
            try await prometheus.expect(#"min(roundhouse_phase_seconds_sum) > bool 0"#, 1)
            try await prometheus.expect("roundhouse_requests_in_flight", 0)
            try await prometheus.expect(#"roundhouse_registered{kind="model"}"#, 1)
            try await prometheus.expect(#"roundhouse_events_total{kind="initialized"}"#, 1)
            try await prometheus.expect(#"time() - process_start_time_seconds{job="roundhouse"} < bool 600"#, 1)
            try await prometheus.expect(#"process_resident_memory_bytes{job="roundhouse"} > bool 1e7"#, 1)
            try await prometheus.expect(#"sum(process_open_fds) <= bool sum(process_max_fds)"#, 1)
            // None of the alerts fires or is about to, but for those that look at the machine.
            let alerts = try await prometheus.query(
                #"ALERTS{alertname!~"Roundhouse(DiskLow|MemoryLow|RecordsWait|LoadQueue)"}"#)
            #expect(alerts == [])
        }

        @Test func `The page of a real server is what promtool wants`() async throws {
            try await RunningServer.with("local: { enabled: false }") { server in
                let answer = try await server.ask("/metrics")
                let directory = try TemporaryDirectory()
                let file = try directory.write(answer.body, to: "page")
                let outcome = try await Program.run(
                    "/bin/sh", ["-c", "'\(try Prometheus.tool("promtool"))' check metrics <'\(file)'"])
                #expect(outcome.status.isSuccess && outcome.output.isEmpty && outcome.errors.isEmpty, "\(outcome.text)")
                #expect(answer.body.contains("\nai_cache_hit_rate 0\n"))
            }
        }
    }
}
