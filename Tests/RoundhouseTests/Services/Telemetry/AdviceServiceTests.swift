import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

@testable import Roundhouse
@testable import Telemetry

@Suite("TelemetryService: anomalies and recommendations")
struct AdviceServiceTests {
    private static let minute: Int64 = 60_000_000
    private static let now: Int64 = 100_000_000_000

    private static func anomaly(
        _ subject: MetricSubject, _ kind: Anomaly.Kind = .errorIncrease, from start: Int64, to end: Int64? = nil,
        observed: Double = 0.2, baseline: Double = 0.01, basis: RobustBaseline.Basis = .hourOfWeek
    ) -> Anomaly {
        Anomaly(
            subject: subject, kind: kind, startMicroseconds: start, endMicroseconds: end,
            evidence: .init(
                observed: observed, baseline: baseline, spread: 0.005, basis: basis, baselineHours: 9, requests: 300,
                failures: 36))
    }

    private static func recommendation(_ kind: Recommendation.Kind, _ model: ModelID) -> Recommendation {
        Recommendation(
            kind: kind, subject: .model(model), reason: "because", evidence: [.init("uses", 3)], gain: .freedBytes(7),
            action: .unload(model))
    }

    // MARK: - Anomalies

    @Test("Anomalies are told with everything that is known: those that last first, then the latest")
    func anomalies() async throws {
        try await ServiceBench.with { bench in
            let x = try modelID("cloud/x")
            bench.figures.edit { $0.now = Self.now }
            let (old, lasting, recent) = (
                Self.anomaly(.model(x), from: Self.now - 90 * Self.minute, to: Self.now - 60 * Self.minute),
                Self.anomaly(.system, .trafficSurge, from: Self.now - 80 * Self.minute, observed: 9, baseline: 3),
                Self.anomaly(.other, .latencySpike, from: Self.now - 40 * Self.minute, to: Self.now - 20 * Self.minute)
            )
            bench.figures.edit { $0.anomalies = [old, lasting, recent] }
            let answer = try await bench.telemetry.listAnomalies(.init())
            #expect(answer.anomalies.map(\.model) == ["system", "other", "cloud/x"] && answer.nextPageToken.isEmpty)
            let told = answer.anomalies[2]
            #expect(told.kind == .errorIncrease && told.unit == "part" && told.observed == 0.2 && told.baseline == 0.01)
            #expect(told.spread == 0.005 && told.baselineBasis == "hour-of-week" && told.baselineHourCount == 9)
            #expect(told.requestCount == 300 && told.failureCount == 36)
            #expect(told.endTime.seconds - told.startTime.seconds == 30 * 60)
            #expect(!answer.anomalies[0].hasEndTime && answer.anomalies[0].unit == "requests-per-second")
            #expect(answer.anomalies[1].unit == "microseconds" && answer.anomalies[1].kind == .latencySpike)
            let ofModel = try await bench.telemetry.listAnomalies(.with { $0.model = "cloud/x" })
            #expect(ofModel.anomalies.map(\.model) == ["cloud/x"] && ofModel.anomalies[0].startTime == told.startTime)
            let ofOther = try await bench.telemetry.listAnomalies(.with { $0.model = "other" })
            #expect(ofOther.anomalies.map(\.model) == ["other"])
            let inHour = try await bench.telemetry.listAnomalies(.with { $0.range = .oneHour })
            #expect(inHour.anomalies.map(\.model) == ["system", "other"], "the first was over by then")
        }
    }

    @Test(
        "The sentence of an anomaly says what happened to whom, for how long, and what is usual",
        arguments: [
            (
                .model("cloud/x"), .latencySpike, 25, true, 2_500_000, 810_000, .hourOfWeek,
                "For 25 minutes, the median latency of cloud/x was up to 2.5 s, 3.1 times the 810 ms that are usual at that "
                    + "hour of the week."
            ),
            (
                .system, .latencySpike, 180, false, 300_000_000, 60_000_000, .recentPast,
                "For 3 hours now, the median latency of all requests has been up to 5 minutes, 5 times the 60 s that are "
                    + "usual in the day before."
            ),
            (
                .model("cloud/x"), .errorIncrease, 10, true, 0.234, 0.01, .hourOfDay,
                "For 10 minutes, up to 23 % of the attempts at cloud/x failed (36 of 300 in all), where 1 % is usual at "
                    + "that hour of the day."
            ),
            (
                .system, .errorIncrease, 10, false, 0.06, 0, .hourOfDay,
                "For 10 minutes now, up to 6 % of all requests have failed (36 of 300 in all), where there are usually none "
                    + "at that hour of the day."
            ),
            (
                .model("cloud/x"), .trafficSurge, 30, true, 9.21, 3, .hourOfWeek,
                "For 30 minutes, up to 9.2 requests a second reached cloud/x, 3.1 times the 3 that are usual at that hour "
                    + "of the week."
            ),
            (
                .system, .trafficSurge, 30, false, 0.5, 0.1, .hourOfWeek,
                "For 30 minutes now, up to 30 requests a minute have reached the gateway, 5 times the 6 that are usual at "
                    + "that hour of the week."
            ),
        ] as [(Subject, Anomaly.Kind, Int64, Bool, Double, Double, RobustBaseline.Basis, String)])
    func sentences(
        subject: Subject, kind: Anomaly.Kind, minutes: Int64, isOver: Bool, observed: Double, baseline: Double,
        basis: RobustBaseline.Basis, sentence: String
    ) throws {
        let end = Self.now + minutes * Self.minute
        let anomaly = Self.anomaly(
            try subject.metric, kind, from: Self.now, to: isOver ? end : nil, observed: observed, baseline: baseline,
            basis: basis)
        #expect(anomaly.sentence(now: isOver ? .max : end) == sentence)
    }

    enum Subject: Sendable {
        case system
        case model(String)

        var metric: MetricSubject {
            get throws {
                switch self {
                case .system: .system
                case .model(let name): .model(try modelID(name))
                }
            }
        }
    }

    @Test("Sentences stay sentences whatever the figures are", arguments: 0..<200)
    func anySentence(seed: Int) throws {
        var generator = SplitMix(UInt64(seed))
        let extremes: [Double] = [0, -1, 1e-12, 0.5, 1e9, 1e300, .infinity, .nan]
        let anomaly = Self.anomaly(
            .system, Anomaly.Kind.allCases.randomElement(using: &generator) ?? .latencySpike,
            from: [0, Int64.min, Int64.max, Self.now].randomElement(using: &generator) ?? 0,
            to: [nil, 0, Int64.max, Int64.min].randomElement(using: &generator) ?? nil,
            observed: extremes.randomElement(using: &generator) ?? 0,
            baseline: extremes.randomElement(using: &generator) ?? 0)
        let sentence = anomaly.sentence(now: Self.now)
        #expect(sentence.hasPrefix("For ") && sentence.hasSuffix(".") && !sentence.contains("  "))
    }

    // MARK: - Pages

    @Test("Pages have every entry once, whatever their size", arguments: [1, 3, 7, 100])
    func pages(size: Int32) async throws {
        try await ServiceBench.with { bench in
            let models = try (0..<20).map { try modelID("cloud/m\($0)") }
            bench.figures.edit { values in
                values.now = Self.now
                values.anomalies = models.enumerated().map { place, model in
                    Self.anomaly(
                        .model(model), from: Self.now - Int64(place % 4 + 1) * Self.minute,
                        to: place % 3 == 0 ? nil : Self.now)
                }
                values.recommendations = Recommendation.Kind.allCases.flatMap { kind in
                    models.prefix(4).map { Self.recommendation(kind, $0) }
                }.shuffled()
            }
            var anomalies: [Roundhouse_V1_Anomaly] = []
            var token = ""
            repeat {
                let asked = token
                let page = try await bench.telemetry.listAnomalies(
                    .with { ($0.pageSize, $0.pageToken) = (size, asked) })
                #expect(page.anomalies.count <= Int(size) && !page.anomalies.isEmpty)
                anomalies += page.anomalies
                token = page.nextPageToken
            } while !token.isEmpty
            #expect(Set(anomalies.map(\.model)).count == 20 && anomalies.count == 20)
            let isOrdered = zip(anomalies, anomalies.dropFirst()).allSatisfy { first, second in
                first.hasEndTime == second.hasEndTime
                    ? first.startTime.seconds >= second.startTime.seconds : !first.hasEndTime
            }
            #expect(isOrdered)
            var ids: [String] = []
            repeat {
                let asked = token
                let page = try await bench.telemetry.listRecommendations(
                    .with { ($0.pageSize, $0.pageToken) = (size, asked) })
                ids += page.recommendations.map(\.id)
                token = page.nextPageToken
            } while !token.isEmpty
            let expected = Recommendation.Kind.allCases.flatMap { kind in
                models.prefix(4).map { "\(kind.rawValue):\($0)" }
            }
            #expect(ids == expected)
        }
    }

    @Test("Nothing said means the last week of evidence")
    func defaultRange() async throws {
        try await ServiceBench.with { bench in
            _ = try await bench.telemetry.listRecommendations(.init())
            _ = try await bench.telemetry.listRecommendations(.with { $0.range = .thirtyDays })
            #expect(bench.figures.current.asked == [.week, .month])
        }
    }

    @Test("Wrong fields are named; tokens are for their own question only")
    func refusals() async throws {
        try await ServiceBench.with { bench in
            let (x, y) = (try modelID("cloud/x"), try modelID("cloud/y"))
            bench.figures.edit {
                $0.now = Self.now
                $0.anomalies = [
                    Self.anomaly(.model(x), from: Self.now - 1), Self.anomaly(.model(y), from: Self.now - 2),
                ]
                $0.recommendations = [Self.recommendation(.load, x), Self.recommendation(.load, y)]
            }
            let anomalies = try await bench.telemetry.listAnomalies(.with { $0.pageSize = 1 }).nextPageToken
            let advice = try await bench.telemetry.listRecommendations(.with { $0.pageSize = 1 }).nextPageToken
            #expect(!anomalies.isEmpty && !advice.isEmpty)
            for token in ["1", "next", advice, String(repeating: "A", count: 5000), "MSAx"] {
                let refusal = try await refusal {
                    try await bench.telemetry.listAnomalies(.with { $0.pageToken = token })
                }
                #expect(refusal.code == .invalidArgument && refusal.fields == ["page_token"], "\(token.prefix(9))")
            }
            let otherRange = try await refusal {
                try await bench.telemetry.listAnomalies(
                    .with { ($0.pageToken, $0.range) = (anomalies, .oneHour) })
            }
            #expect(otherRange.fields == ["page_token"] && otherRange.message.contains("another question"))
            let otherModel = try await refusal {
                try await bench.telemetry.listAnomalies(.with { ($0.pageToken, $0.model) = (anomalies, "cloud/x") })
            }
            #expect(otherModel.fields == ["page_token"])
            let exchanged = try await refusal {
                try await bench.telemetry.listRecommendations(.with { $0.pageToken = anomalies })
            }
            #expect(exchanged.fields == ["page_token"])
            let size = try await refusal { try await bench.telemetry.listAnomalies(.with { $0.pageSize = -1 }) }
            #expect(size.fields == ["page_size"])
            let model = try await refusal { try await bench.telemetry.listAnomalies(.with { $0.model = "nonsense" }) }
            #expect(model.code == .invalidArgument && model.fields == ["model"] && model.message.contains("'system'"))
            let range = try await refusal {
                try await bench.telemetry.listRecommendations(.with { $0.range = .UNRECOGNIZED(77) })
            }
            #expect(range.fields == ["range"])
            let unknown = try await refusal {
                try await bench.telemetry.listAnomalies(.with { $0.model = "cloud/never" })
            }
            #expect(unknown.code == .notFound && unknown.metadata["model"] == "cloud/never")
        }
    }

    // MARK: - Recommendations

    @Test("A recommendation is told with its reason, its evidence and its gain")
    func whole() throws {
        let cloud = try #require(ProviderID("cloud"))
        let recommendation = Recommendation(
            kind: .addKey, subject: .provider(cloud), reason: "its key is at its limit",
            evidence: [.init("refused", 12), .init("success", 0.5, .part), .init("idle", Int64(60), .microseconds)],
            gain: .sparedFailures(12), action: .addKey(cloud))
        let message = Roundhouse_V1_Recommendation(recommendation)
        let expected = try Roundhouse_V1_Recommendation(
            jsonString: """
                {"id": "add-key:cloud", "kind": "RECOMMENDATION_KIND_ADD_KEY", "provider": "cloud",
                 "reason": "its key is at its limit",
                 "evidence": [{"name": "refused", "value": 12, "unit": "count"},
                   {"name": "success", "value": 0.5, "unit": "part"},
                   {"name": "idle", "value": 60, "unit": "microseconds"}],
                 "sparedFailureCount": "12", "action": {"instruction": "providers[id=cloud].api_keys: one more"}}
                """)
        #expect(message == expected)
        var share = recommendation
        (share.kind, share.subject, share.gain) = (.raiseMemoryShare, .memory, .sparedMicroseconds(1_500_000))
        share.action = .setMemoryShare(0.7)
        let memory = Roundhouse_V1_Recommendation(share)
        #expect(memory.id == "raise-memory-share" && memory.model.isEmpty && memory.provider.isEmpty)
        #expect(memory.sparedTime.seconds == 1 && memory.sparedTime.nanos == 500_000_000)
        #expect(memory.action.instruction == "lifecycle.memory_share: 0.7" && memory.action.method.isEmpty)
        for kind in Recommendation.Kind.allCases {
            let name = "\(Roundhouse_V1_RecommendationKind(kind))".lowercased()
            #expect(name == kind.rawValue.replacing("-", with: ""))
        }
    }

    @Test("Every action that is a call is one of the server's, with a request that does what it says")
    func calls() async throws {
        try await ServiceBench.with { bench in
            let (a, b, x) = (try modelID("local/a"), try modelID("local/b"), try modelID("cloud/x"))
            try bench.setLoaded("local/a")
            try await bench.follow(.unload(a))
            #expect(bench.loading.unloads.count == 1)
            try await bench.follow(.load(b))
            #expect(bench.loading.loads == [.load(b, version: nil, warms: true)])
            try await bench.follow(.pin(b))
            #expect(try bench.registered("local/b").isPinned)
            try await bench.follow(.setLazy(b, true))
            #expect(try bench.registered("local/b").isLazy)
            try await bench.follow(.setLazy(b, false))
            #expect(try !bench.registered("local/b").isLazy)
            try await bench.follow(.disable(x))
            #expect(try !bench.registered("cloud/x").isEnabled)
            try await bench.follow(.switchAlias("default", to: b))
            #expect(bench.base.snapshot.alias("default")?.activeModel == b)
        }
    }

    @Test("What only people can do is told them; nothing is called")
    func instructions() throws {
        let (x, y) = (try modelID("cloud/x"), try modelID("cloud/y"))
        let actions: [RecommendedAction] = [.setMemoryShare(0.5), .replace(x, with: y), .addKey(x.provider)]
        for action in actions {
            let message = Roundhouse_V1_RecommendedAction(action)
            #expect(message.method.isEmpty && message.requestJson.isEmpty && message.instruction == action.call)
        }
    }
}

extension ServiceBench {
    /// Does what an action says, as a client would that knows nothing but what it was told.
    fileprivate func follow(_ action: RecommendedAction) async throws {
        let message = Roundhouse_V1_RecommendedAction(action)
        let call = "\(message.method) \(message.requestJson)"
        #expect(action.isCall && message.instruction.hasPrefix("roundhouse models "), "\(call)")
        let json = message.requestJson
        switch message.method {
        case "roundhouse.v1.LifecycleService/UnloadModel":
            _ = try await self.lifecycle.unloadModel(try .init(jsonString: json))
        case "roundhouse.v1.LifecycleService/LoadModel":
            try await self.lifecycle.loadModel(try .init(jsonString: json)) { response in
                for try await _ in response.messages {}
            }
        case "roundhouse.v1.LifecycleService/PinModel":
            _ = try await self.lifecycle.pinModel(try .init(jsonString: json))
        case "roundhouse.v1.RegistryService/UpdateModel":
            _ = try await self.registry.updateModel(try .init(jsonString: json))
        case "roundhouse.v1.RegistryService/DisableModel":
            _ = try await self.registry.disableModel(try .init(jsonString: json))
        case "roundhouse.v1.RegistryService/SwitchModel":
            _ = try await self.registry.switchModel(try .init(jsonString: json))
        default: Issue.record("\(call) is no call of ours")
        }
    }
}

/// The same numbers for the same seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
