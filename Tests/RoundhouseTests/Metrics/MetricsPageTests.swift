import FoundationEssentials
import Inference
import Telemetry
import Testing

@testable import Roundhouse

@Suite("The page of metrics")
struct MetricsPageTests {
    @Test("Has every family once, in the order of the catalogue, with the labels that it says")
    func families() throws {
        let page = try ParsedPage(MetricsPage.bytes(try .rich()))
        #expect(page.families.map(\.name) == MetricFamily.all.map(\.name.description))
        for (found, family) in zip(page.families, MetricFamily.all) {
            #expect(found.type == family.type.rawValue && !found.help.isEmpty)
            #expect(!found.samples.isEmpty, "\(found.name) has nothing to show")
            for sample in found.samples {
                #expect(sample.labels.map(\.name).filter { $0 != "le" } == family.labels, "\(sample.name)")
                #expect(sample.name == found.name || family.type == .histogram)
            }
            let series = found.samples.map { "\($0.name)\($0.labels)" }
            #expect(Set(series).count == series.count, "\(found.name) has a series twice")
        }
    }

    @Test("Names follow Prometheus' guidelines")
    func names() {
        for family in MetricFamily.all {
            let name = family.name.description
            #expect(name.hasSuffix("_total") == (family.type == .counter), "\(name)")
            if family.type == .histogram { #expect(name.hasSuffix("_seconds"), "\(name)") }
            #expect(["ai_", "roundhouse_", "process_"].contains { name.hasPrefix($0) }, "\(name)")
            #expect(family.help.description.hasSuffix("."), "\(name)")
        }
        let six = [
            "ai_model_requests_total", "ai_model_request_duration_seconds", "ai_model_tokens_total",
            "ai_model_cost_total", "ai_cache_hit_rate", "ai_model_health_score",
        ]
        #expect(MetricFamily.all.map(\.name.description).filter { $0.hasPrefix("ai_") } == six)
    }

    @Test("Figures come out as they went in")
    func figures() throws {
        let page = try ParsedPage(MetricsPage.bytes(try .rich()))
        let model = ["model": "openai/gpt-4o", "provider": "openai"]
        #expect(try page.value("ai_model_requests_total", model.merging(["outcome": "success"]) { $1 }) == 20)
        #expect(try page.value("ai_model_request_duration_seconds_count", model) == 20)
        #expect(try page.value("ai_model_request_duration_seconds_bucket", model.merging(["le": "0.25"]) { $1 }) == 8)
        #expect(abs(try page.value("ai_model_request_duration_seconds_sum", model) - 6.3) < 0.001)
        for (type, tokens) in [("input", 2000.0), ("output", 400), ("cached_input", 800), ("reasoning", 100)] {
            #expect(try page.value("ai_model_tokens_total", model.merging(["type": type]) { $1 }) == tokens)
        }
        #expect(abs(try page.value("ai_model_cost_total", model) - 0.05) < 1e-9)
        #expect(try page.value("ai_model_health_score", model) == 97.5)
        #expect(try page.value("ai_cache_hit_rate") == 0.25)
        #expect(try page.value("roundhouse_model_breaker_state", model) == 2)
        #expect(try page.value("roundhouse_provider_breaker_state", ["provider": "openai"]) == 1)
        let other = ["model": "other", "provider": "openai", "outcome": "success"]
        #expect(try page.value("ai_model_requests_total", other) == 1)
        let odd = try page.value("ai_model_requests_total", ["model": #"odd/na"me\with"#, "outcome": "rate_limited"])
        #expect(odd == 1)
        #expect(try page.value("roundhouse_requests_total", ["outcome": "success"]) == 61)
        #expect(try page.value("roundhouse_cache_lookups_total", ["result": "miss"]) == 61)
        let first = ["phase": "first_byte", "side": "upstream"]
        #expect(try page.value("roundhouse_phase_seconds_count", first) == 1)
        #expect(try page.value("roundhouse_phase_seconds_bucket", first.merging(["le": "2.5e-05"]) { $1 }) == 0)
        #expect(try page.value("roundhouse_phase_seconds_bucket", first.merging(["le": "5e-05"]) { $1 }) == 1)
        #expect(abs(try page.value("roundhouse_phase_seconds_sum", first) - 30e-6) < 1e-12)
        let held = ["device": "cpu", "stage": "actual"]
        #expect(try page.value("roundhouse_memory_held_bytes", held) == 2)
        #expect(try page.value("roundhouse_events_dropped_total") == 1)
        #expect(try page.value("roundhouse_request_records_dropped_total") == 3)
        #expect(try page.value("process_start_time_seconds") == 1_767_571_200.25)
    }

    @Test("Is what Prometheus' own checker wants, and so is the page of a server without anything")
    func promtool() throws {
        for reading in [try MetricsReading.rich(), MetricsReading()] {
            let (status, text) = try Promtool.run("check metrics", input: MetricsPage.bytes(reading))
            #expect(status == 0 && text.isEmpty, "\(text)")
        }
        // That it can fail: a counter without its ending.
        let bad = Array("# HELP x_seconds_count h\n# TYPE x_seconds_count gauge\nx_seconds_count 1\n".utf8)
        #expect(try Promtool.run("check metrics", input: bad).status != 0)
    }

    @Test("docs/Metrics.md has a row for each family, and no other")
    func documentation() throws {
        let text = try String(contentsOfFile: Promtool.root + "/docs/Metrics.md", encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
            .map { $0.split(separator: "|").map { $0.split(separator: " ").joined(separator: " ") } }
            .filter { $0.count >= 4 && ["counter", "gauge", "histogram"].contains($0[1]) }
        #expect(rows.map { $0[0] } == MetricFamily.all.map { "`\($0.name)`" })
        for (row, family) in zip(rows, MetricFamily.all) {
            #expect(row[1] == family.type.rawValue, "\(family.name)")
            #expect(row[2] == family.labels.map { "`\($0)`" }.joined(separator: ", "), "\(family.name)")
            #expect(row[3].hasPrefix(family.help.description), "\(family.name): \(row[3])")
            if let convention = family.convention { #expect(row.last == "`\(convention)`", "\(family.name)") }
        }
    }
}
