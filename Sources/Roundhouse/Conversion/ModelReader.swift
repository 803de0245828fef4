internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

/// Reads registrations of models from their messages.
enum ModelReader {
    typealias Field = SettableField<Roundhouse_V1_Model, ModelDescription>

    /// Tokens; beyond what any model takes.
    static let mostTokens = 100_000_000
    static let longestIdleTTL = Duration.seconds(365 * 86_400)

    /// What `UpdateModel` can change, and `CreateModel` can set beside the id and a version.
    static let table = FieldTable(prefix: "model.", fields: Self.own + Self.pricing + Self.engine)

    private static let own: [Field] = [
        Field(
            "display_name", hasValue: { !$0.displayName.isEmpty },
            set: { message, model, reader in
                let name = reader.text(message.displayName, upTo: 256, "display_name")
                model.displayName = name.isEmpty ? model.id.name : name
            }),
        Field(
            "category", hasValue: { $0.category != .unspecified },
            set: { message, model, reader in
                model.category = reader.category(message.category) ?? model.category
            }),
        Field(
            "capabilities", hasValue: { !$0.capabilities.isEmpty },
            set: { message, model, reader in
                model.capabilities = reader.capabilities(message.capabilities)
            }),
        Field(
            "context_length", hasValue: { $0.contextLength != 0 },
            set: { message, model, reader in
                model.contextLength = reader.optional(message.contextLength, upTo: Self.mostTokens, "context_length")
            }),
        Field(
            "max_output_tokens", hasValue: { $0.maxOutputTokens != 0 },
            set: { message, model, reader in
                model.maxOutputTokens = reader.optional(
                    message.maxOutputTokens, upTo: Self.mostTokens, "max_output_tokens")
            }),
        Field(
            "priority", hasValue: { $0.priority != 0 },
            set: { message, model, reader in
                model.priority = reader.integer(message.priority, in: 0...1000, "priority")
            }),
        Field("quality_score", hasValue: \.hasQualityScore) { message, model, reader in
            model.qualityScore = message.hasQualityScore ? reader.share(message.qualityScore, "quality_score") : nil
        },
        Field("safety_score", hasValue: \.hasSafetyScore) { message, model, reader in
            model.safetyScore = message.hasSafetyScore ? reader.share(message.safetyScore, "safety_score") : nil
        },
        Field(
            "active_version", hasValue: { !$0.activeVersion.isEmpty },
            set: { message, model, reader in
                let known = model.versions.map(\.version)
                if known.contains(message.activeVersion) {
                    model.activeVersion = message.activeVersion
                } else {
                    let expected =
                        known.isEmpty ? "nothing: the model has no versions" : known.joined(separator: " or ")
                    reader.report("active_version", found: message.activeVersion, expected: expected)
                }
            }),
        Field("enabled", hasValue: \.enabled) { message, model, _ in model.isEnabled = message.enabled },
        Field("lazy", hasValue: \.lazy) { message, model, _ in model.isLazy = message.lazy },
        Field("pinned", hasValue: \.pinned) { message, model, _ in model.isPinned = message.pinned },
        Field("idle_ttl", hasValue: \.hasIdleTtl) { message, model, reader in
            model.idleTTL =
                message.hasIdleTtl ? reader.duration(message.idleTtl, in: .zero...Self.longestIdleTTL, "idle_ttl") : nil
        },
        Field(
            "tags", hasValue: { !$0.tags.isEmpty },
            set: { message, model, reader in
                model.tags = reader.tags(message.tags, "tags")
            }),
    ]

    private static let pricing: [Field] = [
        Field("prices", hasValue: \.hasPrices) { message, model, reader in
            model.prices = message.hasPrices ? reader.prices(message.prices) : nil
        },
        Self.price("input_nano_usd_per_million_tokens") { $0.input = $1.input },
        Self.price("output_nano_usd_per_million_tokens") { $0.output = $1.output },
        Self.price("cached_input_nano_usd_per_million_tokens") { $0.cachedInput = $1.cachedInput },
    ]

    private static let engine: [Field] = [
        Field("engine_settings", hasValue: \.hasEngineSettings) { message, model, reader in
            model.engineSettings = reader.engineSettings(message.engineSettings)
        },
        Self.engineSetting("context_length") { $0.contextLength = $1.contextLength },
        Self.engineSetting("threads") { $0.threads = $1.threads },
        Self.engineSetting("parallel") { $0.parallel = $1.parallel },
        Self.engineSetting("gpu_layers") { $0.gpuLayers = $1.gpuLayers },
    ]

    /// One of the prices, the others unchanged.
    private static func price(
        _ name: String,
        copy: @escaping @Sendable (_ to: inout ModelPrices, _ from: ModelPrices) -> Void
    ) -> Field {
        Field("prices.\(name)") { message, model, reader in
            var prices = model.prices ?? .free
            copy(&prices, reader.prices(message.prices, only: name))
            model.prices = prices
        }
    }

    /// One of the engine's settings, the others unchanged.
    private static func engineSetting(
        _ name: String,
        copy: @escaping @Sendable (_ to: inout EngineSettings, _ from: EngineSettings) -> Void
    ) -> Field {
        Field("engine_settings.\(name)") { message, model, reader in
            copy(&model.engineSettings, reader.engineSettings(message.engineSettings, only: name))
        }
    }
}

extension FieldReader {
    mutating func category(_ category: Roundhouse_V1_ModelCategory) -> ModelCategory? {
        if let category = Inference.ModelCategory(category) { return category }
        self.report(
            "category", found: "\(category.rawValue)",
            expected: "MODEL_CATEGORY_TEXT, _IMAGE, _VOICE, _VIDEO or _EMBEDDING")
        return nil
    }

    mutating func capabilities(_ capabilities: [Roundhouse_V1_Capability]) -> Set<Capability> {
        var read: Set<Capability> = []
        for (index, message) in capabilities.enumerated() {
            if let capability = Inference.Capability(message) {
                read.insert(capability)
            } else {
                self.report(
                    "capabilities[\(index)]", found: "\(message.rawValue)",
                    expected: "a value of Capability, such as CAPABILITY_CHAT")
            }
        }
        return read
    }

    /// - Parameter only: the one field that is looked at; `nil` looks at all.
    mutating func prices(_ message: Roundhouse_V1_Prices, only: String? = nil) -> ModelPrices {
        var prices = ModelPrices.free
        let fields: [(name: String, value: Int64?)] = [
            ("input_nano_usd_per_million_tokens", message.inputNanoUsdPerMillionTokens),
            ("output_nano_usd_per_million_tokens", message.outputNanoUsdPerMillionTokens),
            (
                "cached_input_nano_usd_per_million_tokens",
                message.hasCachedInputNanoUsdPerMillionTokens ? message.cachedInputNanoUsdPerMillionTokens : nil
            ),
        ]
        for field in fields where only == nil || field.name == only {
            if let value = field.value, value < 0 {
                self.report("prices.\(field.name)", found: "\(value)", expected: "0 or more")
            }
        }
        (prices.input, prices.output) = (fields[0].value ?? 0, fields[1].value ?? 0)
        prices.cachedInput = fields[2].value
        return prices
    }

    /// - Parameter only: the one field that is looked at; `nil` looks at all.
    mutating func engineSettings(_ message: Roundhouse_V1_EngineSettings, only: String? = nil) -> EngineSettings {
        func isWanted(_ name: String) -> Bool { only == nil || only == name }
        var settings = EngineSettings()
        let path = "engine_settings."
        if isWanted("context_length") {
            settings.contextLength = self.optional(
                message.contextLength, upTo: ModelReader.mostTokens, path + "context_length")
        }
        if isWanted("threads") { settings.threads = self.optional(message.threads, upTo: 1024, path + "threads") }
        if isWanted("parallel") { settings.parallel = self.optional(message.parallel, upTo: 64, path + "parallel") }
        if isWanted("gpu_layers") {
            settings.gpuLayers = self.optional(message.gpuLayers, upTo: 10_000, path + "gpu_layers")
        }
        return settings
    }
}

extension Inference.ModelCategory {
    init?(_ message: Roundhouse_V1_ModelCategory) {
        switch message {
        case .text: self = .text
        case .image: self = .image
        case .voice: self = .voice
        case .video: self = .video
        case .embedding: self = .embedding
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }
}

extension Inference.Capability {
    init?(_ message: Roundhouse_V1_Capability) {
        switch message {
        case .chat: self = .chat
        case .streaming: self = .streaming
        case .tools: self = .tools
        case .jsonSchema: self = .jsonSchema
        case .vision: self = .vision
        case .reasoning: self = .reasoning
        case .embeddings: self = .embeddings
        case .completion: self = .completion
        case .prefill: self = .prefill
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }
}
