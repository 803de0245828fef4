import GRPCCore
import Inference
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("Fields of models")
struct ModelFieldTests {
    /// What makes a field different from what a new model has, and a reading of it.
    struct Example: Sendable {
        let path: String
        let set: @Sendable (inout Roundhouse_V1_Model) -> Void
        let isSet: @Sendable (Roundhouse_V1_Model) -> Bool

        init(
            _ path: String,
            _ set: @escaping @Sendable (inout Roundhouse_V1_Model) -> Void,
            isSet: @escaping @Sendable (Roundhouse_V1_Model) -> Bool
        ) {
            (self.path, self.set, self.isSet) = (path, set, isSet)
        }
    }

    static let examples: [Example] = [
        Example("display_name") {
            $0.displayName = "Ada"
        } isSet: {
            $0.displayName == "Ada"
        },
        Example("category") {
            $0.category = .voice
        } isSet: {
            $0.category == .voice
        },
        Example("capabilities") {
            $0.capabilities = [.tools, .vision]
        } isSet: {
            $0.capabilities == [.tools, .vision]
        },
        Example("context_length") {
            $0.contextLength = 8192
        } isSet: {
            $0.contextLength == 8192
        },
        Example("max_output_tokens") {
            $0.maxOutputTokens = 512
        } isSet: {
            $0.maxOutputTokens == 512
        },
        Example("priority") {
            $0.priority = 77
        } isSet: {
            $0.priority == 77
        },
        Example("quality_score") {
            $0.qualityScore = 0.25
        } isSet: {
            $0.qualityScore == 0.25
        },
        Example("safety_score") {
            $0.safetyScore = 0
        } isSet: {
            $0.hasSafetyScore && $0.safetyScore == 0
        },
        Example("active_version") {
            $0.activeVersion = "1"
        } isSet: {
            $0.activeVersion == "1"
        },
        Example("enabled") {
            $0.enabled = true
        } isSet: {
            $0.enabled
        },
        Example("lazy") {
            $0.lazy = true
        } isSet: {
            $0.lazy
        },
        Example("pinned") {
            $0.pinned = true
        } isSet: {
            $0.pinned
        },
        Example("idle_ttl") {
            $0.idleTtl = .with { $0.seconds = 90 }
        } isSet: {
            $0.idleTtl.seconds == 90
        },
        Example("tags") {
            $0.tags = ["b", "a", "b"]
        } isSet: {
            $0.tags == ["a", "b"]
        },
        Example("prices") {
            $0.prices = .with {
                $0.inputNanoUsdPerMillionTokens = 3
                $0.cachedInputNanoUsdPerMillionTokens = 1
            }
        } isSet: {
            $0.prices.inputNanoUsdPerMillionTokens == 3 && $0.prices.cachedInputNanoUsdPerMillionTokens == 1
                && $0.prices.outputNanoUsdPerMillionTokens == 0
        },
        Example("prices.input_nano_usd_per_million_tokens") {
            $0.prices.inputNanoUsdPerMillionTokens = 5
        } isSet: {
            $0.prices.inputNanoUsdPerMillionTokens == 5
        },
        Example("prices.output_nano_usd_per_million_tokens") {
            $0.prices.outputNanoUsdPerMillionTokens = 6
        } isSet: {
            $0.prices.outputNanoUsdPerMillionTokens == 6
        },
        Example("prices.cached_input_nano_usd_per_million_tokens") {
            $0.prices.cachedInputNanoUsdPerMillionTokens = 0
        } isSet: {
            $0.prices.hasCachedInputNanoUsdPerMillionTokens
        },
        Example("engine_settings") {
            $0.engineSettings.threads = 3
        } isSet: {
            $0.engineSettings.threads == 3
        },
        Example("engine_settings.context_length") {
            $0.engineSettings.contextLength = 1024
        } isSet: {
            $0.engineSettings.contextLength == 1024
        },
        Example("engine_settings.threads") {
            $0.engineSettings.threads = 2
        } isSet: {
            $0.engineSettings.threads == 2
        },
        Example("engine_settings.parallel") {
            $0.engineSettings.parallel = 4
        } isSet: {
            $0.engineSettings.parallel == 4
        },
        Example("engine_settings.gpu_layers") {
            $0.engineSettings.gpuLayers = 9
        } isSet: {
            $0.engineSettings.gpuLayers == 9
        },
    ]

    /// Fields that the server makes, and those that are settled when a model is made.
    static let output = [
        "id", "provider", "name", "aliases", "state", "state_reason", "size_bytes", "engine", "versions", "source",
        "create_time", "update_time", "etag", "loaded", "can_load", "missing", "profile", "state_time",
    ]

    private func freshModel() throws -> ModelDescription {
        var model = ModelDescription(id: try modelID("local/a"))
        model.versions = ["1", "2"].map { ModelVersion(version: $0, path: "/\($0)") }
        model.activeVersion = "2"
        model.isEnabled = false
        return model
    }

    private func shown(_ model: ModelDescription) -> Roundhouse_V1_Model {
        Roundhouse_V1_Model(model, aliases: [], standing: ModelStanding(state: .ready, reason: ""))
    }

    @Test("Each settable field has an example, and all fields together are those of the message")
    func tableIsComplete() throws {
        #expect(Self.examples.map(\.path).sorted() == ModelReader.table.fields.map(\.path).sorted())
        let files = try Google_Protobuf_FileDescriptorSet(serializedBytes: DescriptorSet.serializedBytes).file
        let file = try #require(files.first { $0.name == "roundhouse/v1/registry.proto" })
        let message = try #require(file.messageType.first { $0.name == "Model" })
        let settable = ModelReader.table.fields.map(\.path).filter { !$0.contains(".") }
        #expect(message.field.map(\.name).sorted() == (settable + Self.output).sorted())
    }

    @Test("What a mask names is set, nothing else, and comes back", arguments: examples.indices)
    func setsByMask(index: Int) throws {
        let example = Self.examples[index]
        var message = Roundhouse_V1_Model()
        for other in Self.examples { other.set(&message) }
        example.set(&message)
        let fresh = try self.freshModel()
        var model = fresh
        try ModelReader.table.changes(by: message, mask: .with { $0.paths = [example.path] }).apply(to: &model)
        #expect(example.isSet(self.shown(model)))
        #expect(!example.isSet(self.shown(fresh)), "the example must differ from a new model")
        // All other fields: as they were.
        let top = example.path.prefix { $0 != "." }
        for other in Self.examples where !other.path.hasPrefix(top) {
            #expect(!other.isSet(self.shown(model)), "\(other.path) was set by the mask \(example.path)")
        }
    }

    @Test("Without a mask, what has a value is set; with *, everything, and what has none is cleared")
    func impliedAndFullMasks() throws {
        var message = Roundhouse_V1_Model()
        for example in Self.examples where !example.path.contains(".") { example.set(&message) }
        var model = try self.freshModel()
        try ModelReader.table.changes(by: message, mask: .init()).apply(to: &model)
        for example in Self.examples where !example.path.contains(".") {
            #expect(example.isSet(self.shown(model)), "\(example.path)")
        }
        var cleared = Roundhouse_V1_Model()
        cleared.activeVersion = "2"
        cleared.category = .text
        try ModelReader.table.changes(by: cleared, mask: .with { $0.paths = ["*"] }).apply(to: &model)
        let shown = self.shown(model)
        #expect(!shown.hasPrices && !shown.hasIdleTtl && !shown.hasQualityScore && !shown.hasEngineSettings)
        #expect(!shown.enabled && !shown.lazy && !shown.pinned && shown.tags.isEmpty && shown.contextLength == 0)
        #expect(shown.displayName == "a" && shown.activeVersion == "2")
    }

    @Test(
        "A mask with a field that cannot be set is refused with what can be",
        arguments: output + ["prices.x", "", "Lazy"])
    func refusesOthers(path: String) throws {
        let error = #expect(throws: ServiceError.self) {
            try ModelReader.table.changes(by: .init(), mask: .with { $0.paths = ["lazy", path] })
        }
        let violation = try #require(error?.status.violations.first)
        #expect(error?.status.code == .invalidArgument)
        #expect(violation.field == "update_mask")
        #expect(violation.description.contains("'\(path)'"))
        #expect(!violation.description.contains("'lazy'"))
        #expect(violation.description.contains("display_name") && violation.description.contains("idle_ttl"))
    }

    static let wrong: [(field: String, set: @Sendable (inout Roundhouse_V1_Model) -> Void)] = [
        ("context_length", { $0.contextLength = -1 }),
        ("max_output_tokens", { $0.maxOutputTokens = .max }),
        ("priority", { $0.priority = 1001 }),
        ("quality_score", { $0.qualityScore = 1.1 }),
        ("safety_score", { $0.safetyScore = .nan }),
        ("active_version", { $0.activeVersion = "3" }),
        ("category", { $0.category = .UNRECOGNIZED(99) }),
        ("capabilities[1]", { $0.capabilities = [.chat, .UNRECOGNIZED(99)] }),
        ("prices.output_nano_usd_per_million_tokens", { $0.prices.outputNanoUsdPerMillionTokens = -1 }),
        ("idle_ttl", { $0.idleTtl.seconds = -1 }),
        ("idle_ttl", { $0.idleTtl.seconds = .max }),
        ("idle_ttl", { $0.idleTtl.nanos = 1_000_000_000 }),
        ("engine_settings.threads", { $0.engineSettings.threads = -4 }),
        ("engine_settings.parallel", { $0.engineSettings.parallel = 65 }),
        ("display_name", { $0.displayName = "a\u{1B}[31m" }),
        ("tags[0]", { $0.tags = [String(repeating: "x", count: 64)] }),
        ("tags", { $0.tags = (0..<65).map { "t\($0)" } }),
    ]

    @Test("A value out of range names its field", arguments: wrong.indices)
    func namesFields(index: Int) throws {
        let (field, set) = Self.wrong[index]
        var message = Roundhouse_V1_Model()
        set(&message)
        let changes = try ModelReader.table.changes(by: message, mask: .init())
        var model = try self.freshModel()
        let error = #expect(throws: RegistryEditError.self) { try changes.apply(to: &model) }
        guard case .invalid(let problems) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(problems.map(\.field) == ["model.\(field)"])
        #expect(problems.allSatisfy { !$0.expected.isEmpty })
    }

    @Test("Durations keep what protobuf can say, and refuse the rest")
    func durations() {
        for (seconds, nanos) in [(Int64(0), Int32(0)), (5, 1), (-5, -1), (315_576_000_000, 999_999_999)] {
            let message = Google_Protobuf_Duration.with { ($0.seconds, $0.nanos) = (seconds, nanos) }
            let duration: Duration? = Swift.Duration(message)
            #expect(duration.map { Google_Protobuf_Duration($0) } == message)
        }
        for (seconds, nanos) in [(Int64(1), Int32(-1)), (-1, 1), (0, 1_000_000_000), (315_576_000_001, 0), (.min, 0)] {
            let message = Google_Protobuf_Duration.with { ($0.seconds, $0.nanos) = (seconds, nanos) }
            let duration: Duration? = Swift.Duration(message)
            #expect(duration == nil)
        }
    }

    @Test(
        "Times before 1970 have nanoseconds that count forwards",
        arguments: [
            (Int64(0), Int64(0), Int32(0)), (1_500_000, 1, 500_000_000), (-1, -1, 999_999_000), (-1_000_000, -1, 0),
        ])
    func timestamps(microseconds: Int64, seconds: Int64, nanos: Int32) {
        let time = Google_Protobuf_Timestamp(microseconds: microseconds)
        #expect(time.seconds == seconds)
        #expect(time.nanos == nanos)
    }
}
