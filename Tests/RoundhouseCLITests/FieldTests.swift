import ArgumentParser
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

struct FieldTests {
    @Test(
        "durations are read with their units, the largest first",
        arguments: [
            ("30s", Duration.seconds(30)), ("5m", .seconds(300)), ("1h30m", .seconds(5400)), ("2d", .seconds(172_800)),
            ("250ms", .milliseconds(250)), ("1.5s", .milliseconds(1500)), ("45", .seconds(45)), ("0", .zero),
            ("0.05", .milliseconds(50)), ("1m30s", .seconds(90)), ("10min", .seconds(600)),
        ]
    )
    func durations(text: String, duration: Duration) {
        #expect(DurationArgument(argument: text)?.duration == duration)
    }

    @Test(
        "what is no duration is refused",
        arguments: [
            "", "s", "5x", "-5s", "5 s", "30s1m", "1s1s", "1h30", "nan", "inf", "1e3s", "99999999d", "5s ", "٣s",
            "1..5s",
        ]
    )
    func noDurations(text: String) {
        #expect(DurationArgument(argument: text) == nil)
    }

    @Test(
        "prices are exact in both directions",
        arguments: [
            ("0.15", 150_000_000, "0.15"), ("2.5", 2_500_000_000, "2.50"), ("0", 0, "0.00"),
            ("0.000075", 75_000, "0.000075"), ("0.000000001", 1, "0.000000001"),
            ("1000000", 1_000_000_000_000_000, "1000000.00"),
        ] as [(String, Int64, String)]
    )
    func prices(text: String, nanos: Int64, shown: String) {
        #expect(Prices.nanos(text) == nanos)
        #expect(Prices.usd(nanos) == shown)
    }

    @Test(
        "what is no price is refused",
        arguments: ["", ".5", "1.", "-1", "1,5", "1e3", "0.0000000001", "1000001", "x", "1.2.3", "٣"]
    )
    func noPrices(text: String) {
        #expect(Prices.nanos(text) == nil)
    }

    @Test("every settable field of a model reaches the message under its path")
    func modelFields() throws {
        let edits = try FieldEdits(
            [
                "display_name=A = B", "capabilities=chat, json_schema", "category=embedding", "context_length=8192",
                "max_output_tokens=512", "priority=7", "price_input=0.15", "price_output=0.6",
                "price_cached_input=0.075", "quality_score=0.9", "safety_score=1", "enabled=false", "lazy=true",
                "pinned=true", "tags=a, b", "active_version=v2", "idle_ttl=10m", "engine_settings.context_length=4096",
                "engine_settings.threads=4", "engine_settings.parallel=2", "engine_settings.gpu_layers=99",
            ],
            fields: ModelFields.all,
            probe: .init()
        )
        var model = Roundhouse_V1_Model.with { $0.enabled = true }
        edits.apply(to: &model)
        let expected = Roundhouse_V1_Model.with {
            $0.displayName = "A = B"
            $0.capabilities = [.chat, .jsonSchema]
            $0.category = .embedding
            $0.contextLength = 8192
            $0.maxOutputTokens = 512
            $0.priority = 7
            $0.prices.inputNanoUsdPerMillionTokens = 150_000_000
            $0.prices.outputNanoUsdPerMillionTokens = 600_000_000
            $0.prices.cachedInputNanoUsdPerMillionTokens = 75_000_000
            $0.qualityScore = 0.9
            $0.safetyScore = 1
            $0.lazy = true
            $0.pinned = true
            $0.tags = ["a", "b"]
            $0.activeVersion = "v2"
            $0.idleTtl = .with { $0.seconds = 600 }
            $0.engineSettings = .with {
                $0.contextLength = 4096
                $0.threads = 4
                $0.parallel = 2
                $0.gpuLayers = 99
            }
        }
        #expect(model == expected)
        // All but `prices`, which only unsets.
        #expect(edits.paths.count == ModelFields.all.count - 1)
        #expect(edits.paths.contains("prices.input_nano_usd_per_million_tokens"))
        #expect(edits.paths.contains("engine_settings.gpu_layers"))
    }

    @Test(
        "the path in the mask is that of the field that is set",
        arguments: zip(
            ModelFields.all.map(\.path),
            [
                "display_name=a", "capabilities=chat", "category=text", "context_length=1", "max_output_tokens=1",
                "priority=1", "price_input=1", "price_output=1", "price_cached_input=1", "prices=", "quality_score=1",
                "safety_score=1", "enabled=true", "lazy=true", "pinned=true", "tags=a", "active_version=a",
                "idle_ttl=1s", "engine_settings.context_length=1", "engine_settings.threads=1",
                "engine_settings.parallel=1", "engine_settings.gpu_layers=1",
            ]
        )
    )
    func paths(path: String, text: String) throws {
        let edits = try FieldEdits([text], fields: ModelFields.all, probe: .init())
        #expect(edits.paths == [path])
        var model = Roundhouse_V1_Model()
        edits.apply(to: &model)
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        let json = try model.jsonString(options: options)
        let names = text.hasSuffix("=") ? [] : path.split(separator: ".")
        #expect(names.allSatisfy { json.contains("\"\($0)\":") }, "\(json)")
    }

    @Test("an empty value unsets, and 'never' is zero")
    func unset() throws {
        var model = Roundhouse_V1_Model.with {
            $0.idleTtl = .with { $0.seconds = 5 }
            $0.qualityScore = 0.5
            $0.tags = ["a"]
            $0.prices.inputNanoUsdPerMillionTokens = 5
        }
        try FieldEdits(["idle_ttl=", "quality_score=", "tags=", "prices="], fields: ModelFields.all, probe: .init())
            .apply(to: &model)
        #expect(model == .init())
        try FieldEdits(["idle_ttl=never"], fields: ModelFields.all, probe: .init()).apply(to: &model)
        #expect(model.hasIdleTtl && model.idleTtl == .init())
    }

    @Test(
        "what cannot be set is refused with what was expected, before anything is sent",
        arguments: [
            ("colour=red", "knows no field 'colour'; there are display_name, "), ("lazy", "must be field=value"),
            ("lazy=yes", "'yes' was found, true or false was expected"),
            ("price_input=cheap", "USD for a million tokens, such as 0.15 was expected"),
            ("priority=1.5", "a whole number was expected"), ("quality_score=1.1", "a number from 0 to 1 was expected"),
            ("quality_score=nan", "a number from 0 to 1 was expected"),
            ("capabilities=chat,fly", "a list of chat, streaming, tools, json_schema"),
            ("category=smell", "one of text, image, voice, video, embedding was expected"),
            ("idle_ttl=soon", "a duration such as 30s, 5m or 1h30m, or 'never' was expected"),
            ("tags=a,,b", "words separated by commas was expected"), ("prices=1", "nothing, which makes"),
            ("engine_settings.threads=99999999999", "a whole number was expected"),
        ]
    )
    func refused(text: String, message: String) {
        let error = #expect(throws: FieldEditError.self) {
            try FieldEdits([text], fields: ModelFields.all, probe: .init())
        }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test("a field that is named twice is refused")
    func twice() {
        #expect(throws: FieldEditError(message: "--set names 'lazy' twice")) {
            try FieldEdits(["lazy=true", "lazy=false"], fields: ModelFields.all, probe: .init())
        }
    }
}
