import FoundationEssentials
import Inference
import ModelLifecycle
import Routing
import Telemetry
import Testing

@testable import Roundhouse

extension FinishedRequest {
    static func answered(_ model: ModelID, after seconds: Double = 1, at time: Int64 = monday) -> FinishedRequest {
        FinishedRequest(
            model: model, endedAtMicroseconds: time, outcome: .success, latency: Int64(seconds * 1e6),
            firstToken: Int64(seconds * 2e5), queue: 30_000, inputTokens: 100, outputTokens: 20, cachedInputTokens: 40,
            reasoningTokens: 5, costNanoUSD: 2_500_000, cache: .miss)
    }

    static func failed(_ model: ModelID, _ outcome: OutcomeClass = .failed, at time: Int64 = monday) -> FinishedRequest
    {
        FinishedRequest(
            model: model, endedAtMicroseconds: time, outcome: outcome, latency: 1_000,
            failedAttempts: [.init(model: model, outcome: outcome)])
    }
}

extension MetricsReading {
    /// One in which every family has something to show, and names hold what has to be escaped.
    static func rich() throws -> MetricsReading {
        let recorder = TelemetryRecorder()
        let models = try ["openai/gpt-4o", "local/small", #"odd/na"me\with"#].map(modelID)
        for (number, model) in models.enumerated() {
            for place in 0..<20 { recorder.record(.answered(model, after: Double(place + 1) * 0.03)) }
            for outcome in OutcomeClass.allCases.dropFirst().prefix(number * 3) {
                recorder.record(.failed(model, outcome))
            }
            for field: MetricCounts.Field in [.loads, .reloads, .evictions] {
                recorder.record(field, of: model, at: monday)
            }
        }
        recorder.record(.answered(try modelID("openai/invented")))
        var series = ModelSeries()
        var reading = MetricsReading()
        reading.version = "1.2.3"
        reading.system = ModelCounters(recorder.lifetime(of: .system))
        reading.cacheHitRate = 0.25
        reading.models = series.read(
            recorder, ModelNames(models: models, providers: models.map(\.provider)), health: { _ in 97.5 },
            live: { LiveFigures(breaker: $0 == models[0] ? .open : .closed, inFlight: 3) })
        reading.providers = [.init(name: "openai", live: LiveFigures(breaker: .halfOpen, inFlight: 4))]
        reading.requestsInFlight = 7
        let phases = PhaseFigures()
        for phase in RequestPhase.allCases {
            phases.add(.microseconds(30), to: phase)
            reading.phases[phase] = phases.reading(of: phase)
        }
        reading.instances = try InstanceState.allCases.map { state in
            LoadedModel(
                key: InstanceKey(model: try modelID("local/small"), version: ""), state: state, engine: "llama.cpp")
        }
        reading.devices = [
            DeviceMemory(
                device: .cpu, totalBytes: 100 << 30, freeBytes: 60 << 30, quotaBytes: 80 << 30, predictedBytes: 1,
                actualBytes: 2, releasingBytes: 3)
        ]
        reading.events = [.breakerOpened: 2]
        reading.eventLog = (1, 2)
        reading.requestLog = (10, 3, 4)
        reading.losses = (5, 6)
        reading.storage = (4096, 1 << 40)
        reading.transport = TransportReading(connections: 1, connectionsAccepted: 2, connectionsRefused: 3)
        reading.registered = (3, 3, 1)
        reading.process = ProcessReading(
            cpuSeconds: 1.5, residentBytes: 1 << 25, virtualBytes: 1 << 30, openFiles: 20, mostFiles: 1024,
            startSeconds: 1_767_571_200.25)
        return reading
    }
}

/// A page taken apart.
struct ParsedPage {
    struct Family {
        var name: String
        var type: String
        var help: String
        var samples: [Sample] = []
    }

    struct Sample {
        var name: String
        /// In order.
        var labels: [(name: String, value: String)]
        var value: Double
    }

    var families: [Family] = []

    init(_ bytes: [UInt8]) throws {
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3)
            if line.hasPrefix("# HELP ") {
                self.families.append(Family(name: String(words[2]), type: "", help: String(words[3])))
            } else if line.hasPrefix("# TYPE ") {
                try #require(self.families.last?.name == String(words[2]))
                self.families[self.families.count - 1].type = String(words[3])
            } else {
                self.families[self.families.count - 1].samples.append(try Self.sample(line))
            }
        }
    }

    func family(_ name: String) throws -> Family { try #require(self.families.first { $0.name == name }, "\(name)") }

    /// The value of the only sample with these labels among others.
    func value(_ name: String, _ labels: [String: String] = [:]) throws -> Double {
        let family = try #require(
            self.families.first { name.hasPrefix($0.name) && $0.samples.contains { $0.name == name } })
        let found = family.samples.filter { sample in
            sample.name == name && labels.allSatisfy { name, value in sample.labels.contains { $0 == (name, value) } }
        }
        try #require(found.count == 1, "\(name) \(labels): \(found.count)")
        return found[0].value
    }

    private static func sample(_ line: Substring) throws -> Sample {
        let space = try #require(line.lastIndex(of: " "))
        let value = try #require(Double(line[line.index(after: space)...]), "\(line)")
        let head = line[..<space]
        guard let brace = head.firstIndex(of: "{") else { return Sample(name: String(head), labels: [], value: value) }
        var labels: [(String, String)] = []
        var rest = head[head.index(after: brace)...].dropLast()
        while let equals = rest.firstIndex(of: "=") {
            let name = String(rest[..<equals])
            rest = rest[rest.index(equals, offsetBy: 2)...]
            var text = ""
            while let character = rest.popFirst(), character != "\"" {
                text.append(character == "\\" ? (rest.popFirst().map { $0 == "n" ? "\n" : $0 } ?? " ") : character)
            }
            labels.append((name, text))
            rest = rest.drop { $0 == "," }
        }
        return Sample(name: String(head[..<brace]), labels: labels, value: value)
    }
}
