internal import RoundhouseAPI

/// Models, as people read them.
enum ModelTexts {
    static func table(_ models: [Roundhouse_V1_Model]) -> Table {
        let hasPrices = models.contains(where: \.hasPrices)
        let hasRemarks = models.contains { !Self.remark($0).isEmpty }
        var table = Table(
            [
                .init(title: "MODEL"), .init(title: "STATE"), .init(title: "CONTEXT", alignment: .right),
                .init(title: "SIZE", alignment: .right, canBeSpared: true),
            ]
                // USD for a million tokens of the prompt, and of the answer.
                + (hasPrices
                    ? [.init(title: "USD/M IN", alignment: .right), .init(title: "USD/M OUT", alignment: .right)] : [])
                + [
                    .init(title: "ALIASES", canShrink: true),
                    .init(title: "CAPABILITIES", canShrink: true, canBeSpared: true),
                ]
                + (hasRemarks ? [.init(title: "REMARK", canShrink: true)] : [])
        )
        for model in models {
            let prices =
                model.hasPrices
                ? [
                    Prices.usd(model.prices.inputNanoUsdPerMillionTokens),
                    Prices.usd(model.prices.outputNanoUsdPerMillionTokens),
                ] : ["-", "-"]
            table.add(
                [
                    model.id, StateTexts.name(model.state), model.contextLength > 0 ? "\(model.contextLength)" : "-",
                    model.sizeBytes > 0 ? Figures.bytes(model.sizeBytes) : "-",
                ] + (hasPrices ? prices : [])
                    + [model.aliases.joined(separator: ", "), Self.names(model.capabilities), Self.remark(model)]
            )
        }
        return table
    }

    /// What is out of the ordinary with a model, and why it is in its state.
    private static func remark(_ model: Roundhouse_V1_Model) -> String {
        var marks: [String] = []
        if !model.enabled { marks.append("disabled") }
        if model.missing { marks.append("missing") }
        if model.lazy { marks.append("lazy") }
        if model.pinned { marks.append("pinned") }
        if !model.stateReason.isEmpty { marks.append(model.stateReason) }
        return marks.joined(separator: "; ")
    }

    static func page(_ model: Roundhouse_V1_Model) -> Page {
        var page = Page()
        page.add("id", model.id)
        page.add("name", model.displayName)
        page.add("provider", model.provider)
        page.add("upstream's name", model.name)
        page.add(
            "state",
            StateTexts.name(model.state) + (model.hasStateTime ? " since \(Figures.time(model.stateTime))" : ""))
        page.add("reason", model.stateReason)
        page.add("marks", Self.marks(model))
        page.add("aliases", model.aliases.joined(separator: ", "))
        page.add("category", Self.name(model.category))
        page.add("capabilities", Self.names(model.capabilities))
        page.add("context", model.contextLength > 0 ? Figures.count(model.contextLength, "token") : "not known")
        page.add("longest answer", model.maxOutputTokens > 0 ? Figures.count(model.maxOutputTokens, "token") : "")
        page.add("price", model.hasPrices ? Prices.text(model.prices) : "")
        page.add("quality", model.hasQualityScore ? Figures.fixed(model.qualityScore, digits: 2) : "")
        page.add("safety", model.hasSafetyScore ? Figures.fixed(model.safetyScore, digits: 2) : "")
        page.add("priority", "\(model.priority)")
        page.add("size", model.sizeBytes > 0 ? Figures.bytes(model.sizeBytes) : "")
        page.add("engine", model.engine)
        page.add("engine settings", model.hasEngineSettings ? Self.text(model.engineSettings) : "")
        page.add("idle", model.hasIdleTtl ? Self.idle(Duration(model.idleTtl)) : "")
        page.add("tags", model.tags.joined(separator: ", "))
        page.add("source", Self.name(model.source))
        page.add("registered", model.hasCreateTime ? Figures.time(model.createTime) : "")
        page.add("changed", model.hasUpdateTime ? Figures.time(model.updateTime) : "")
        page.add("etag", model.etag)
        return page
    }

    static func versions(_ model: Roundhouse_V1_Model) -> Table {
        var table = Table([
            .init(title: "VERSION"), .init(title: "ACTIVE"), .init(title: "SIZE", alignment: .right),
            .init(title: "ADDED", canBeSpared: true), .init(title: "SHA-256", canShrink: true, canBeSpared: true),
            .init(title: "FILE", canShrink: true),
        ])
        for version in model.versions {
            table.add([
                version.version, version.version == model.activeVersion ? "yes" : "no",
                version.sizeBytes > 0 ? Figures.bytes(version.sizeBytes) : "-",
                version.hasCreateTime ? Figures.time(version.createTime) : "-",
                version.sha256.isEmpty ? "-" : version.sha256, version.path,
            ])
        }
        return table
    }

    private static func marks(_ model: Roundhouse_V1_Model) -> String {
        var marks = [model.enabled ? "enabled" : "disabled"]
        if model.lazy { marks.append("lazy") }
        if model.pinned { marks.append("pinned") }
        if model.loaded { marks.append("loaded") }
        if model.canLoad && !model.loaded { marks.append("can be loaded") }
        if model.missing { marks.append("missing: the last discovery did not find it") }
        return marks.joined(separator: ", ")
    }

    private static func text(_ settings: Roundhouse_V1_EngineSettings) -> String {
        let parts = [
            (settings.contextLength, "tokens of context"), (settings.threads, "threads"),
            (settings.parallel, "requests at a time"), (settings.gpuLayers, "layers on the GPU"),
        ]
        return parts.filter { $0.0 != 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }

    private static func idle(_ duration: Duration) -> String {
        duration == .zero ? "never unloaded" : "unloaded after \(Figures.duration(duration))"
    }

    static func name(_ category: Roundhouse_V1_ModelCategory) -> String {
        switch category {
        case .text: "text"
        case .image: "image"
        case .voice: "voice"
        case .video: "video"
        case .embedding: "embedding"
        case .unspecified: ""
        case .UNRECOGNIZED(let number): "category \(number)"
        }
    }

    static func name(_ source: Roundhouse_V1_Source) -> String {
        switch source {
        case .config: "the configuration file"
        case .discovered: "discovered"
        case .api: "registered by a call"
        case .unspecified: ""
        case .UNRECOGNIZED(let number): "source \(number)"
        }
    }

    static func name(_ capability: Roundhouse_V1_Capability) -> String {
        switch capability {
        case .chat: "chat"
        case .streaming: "streaming"
        case .tools: "tools"
        case .jsonSchema: "json schema"
        case .vision: "vision"
        case .reasoning: "reasoning"
        case .embeddings: "embeddings"
        case .completion: "completion"
        case .prefill: "prefill"
        case .unspecified: "unknown"
        case .UNRECOGNIZED(let number): "capability \(number)"
        }
    }

    static func names(_ capabilities: [Roundhouse_V1_Capability]) -> String {
        capabilities.map(Self.name).joined(separator: ", ")
    }
}
