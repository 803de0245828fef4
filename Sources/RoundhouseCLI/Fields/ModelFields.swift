internal import RoundhouseAPI
internal import SwiftProtobuf

/// What `models create` and `models update` can set.
enum ModelFields {
    typealias Field = EditableField<Roundhouse_V1_Model>

    static let all: [Field] = [
        .text("display_name", \.displayName),
        Self.capabilities,
        Self.category,
        .number("context_length", \.contextLength),
        .number("max_output_tokens", \.maxOutputTokens),
        .number("priority", \.priority),
        Self.price("price_input", "input_nano_usd_per_million_tokens", \.inputNanoUsdPerMillionTokens),
        Self.price("price_output", "output_nano_usd_per_million_tokens", \.outputNanoUsdPerMillionTokens),
        Self.price(
            "price_cached_input",
            "cached_input_nano_usd_per_million_tokens",
            \.cachedInputNanoUsdPerMillionTokens
        ) { $0.clearCachedInputNanoUsdPerMillionTokens() },
        Self.prices,
        Self.score("quality_score", \.qualityScore) { $0.clearQualityScore() },
        Self.score("safety_score", \.safetyScore) { $0.clearSafetyScore() },
        .flag("enabled", \.enabled),
        .flag("lazy", \.lazy),
        .flag("pinned", \.pinned),
        .words("tags", \.tags),
        .text("active_version", \.activeVersion),
        Self.idleTTL,
        .number(
            "engine_settings.context_length",
            \Roundhouse_V1_Model.engineSettings.contextLength
        ),
        .number("engine_settings.threads", \Roundhouse_V1_Model.engineSettings.threads),
        .number("engine_settings.parallel", \Roundhouse_V1_Model.engineSettings.parallel),
        .number("engine_settings.gpu_layers", \Roundhouse_V1_Model.engineSettings.gpuLayers),
    ]

    /// For `--help`.
    static let help =
        "Fields: " + Self.all.map(\.name).joined(separator: ", ")
        + ". Prices are in USD for a million tokens; idle_ttl is a duration or 'never'; lists are separated by "
        + "commas; an empty value unsets."

    private static let capabilities: Field = {
        let known = Roundhouse_V1_Capability.allCases.filter { $0 != .unspecified }
        let names = known.map(Self.word)
        return Field(
            name: "capabilities",
            path: "capabilities",
            expected: "a list of \(names.joined(separator: ", "))"
        ) { model, text in
            let words = text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false)
            let found = words.compactMap { word in known.first { Self.word($0) == String(word).trimmed } }
            guard found.count == words.count else { return false }
            model.capabilities = found
            return true
        }
    }()

    /// As in filters: "json_schema".
    private static func word(_ capability: Roundhouse_V1_Capability) -> String {
        String(ModelTexts.name(capability).map { $0 == " " ? "_" : $0 })
    }

    private static let category: Field = {
        let known = Roundhouse_V1_ModelCategory.allCases.filter { $0 != .unspecified }
        let names = known.map(ModelTexts.name).joined(separator: ", ")
        return Field(name: "category", path: "category", expected: "one of \(names)") { model, text in
            guard let category = known.first(where: { ModelTexts.name($0) == text }) else { return false }
            model.category = category
            return true
        }
    }()

    private static func price(
        _ name: String,
        _ field: String,
        _ path: any WritableKeyPath<Roundhouse_V1_Prices, Int64> & Sendable,
        clear: (@Sendable (inout Roundhouse_V1_Prices) -> Void)? = nil
    ) -> Field {
        Field(
            name: name,
            path: "prices.\(field)",
            expected: "USD for a million tokens, such as 0.15"
        ) { model, text in
            if text.isEmpty, let clear {
                clear(&model.prices)
                return true
            }
            guard let nanos = text.isEmpty ? 0 : Prices.nanos(text) else { return false }
            model.prices[keyPath: path] = nanos
            return true
        }
    }

    private static let prices = Field(
        name: "prices",
        path: "prices",
        expected: "nothing, which makes the prices unknown"
    ) { model, text in
        model.clearPrices()
        return text.isEmpty
    }

    private static func score(
        _ name: String,
        _ path: any WritableKeyPath<Roundhouse_V1_Model, Double> & Sendable,
        clear: @escaping @Sendable (inout Roundhouse_V1_Model) -> Void
    ) -> Field {
        Field(name: name, path: name, expected: "a number from 0 to 1") { model, text in
            if text.isEmpty {
                clear(&model)
                return true
            }
            guard let value = Double(text), (0...1).contains(value) else { return false }
            model[keyPath: path] = value
            return true
        }
    }

    private static let idleTTL = Field(
        name: "idle_ttl",
        path: "idle_ttl",
        expected: "\(DurationArgument.form), or 'never'"
    ) { model, text in
        if text.isEmpty {
            model.clearIdleTtl()
            return true
        }
        guard let duration = text == "never" ? .zero : DurationArgument.parse(text) else { return false }
        model.idleTtl = .init(rounding: duration)
        return true
    }
}
