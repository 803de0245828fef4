internal import RoundhouseAPI

/// Models, as people read them.
enum ModelTexts {
    static func table(_ models: [Roundhouse_V1_Model]) -> Table {
        let hasRemarks = models.contains { !$0.stateReason.isEmpty }
        var table = Table(
            [
                .init(title: "MODEL"), .init(title: "STATE"), .init(title: "CONTEXT", alignment: .right),
                .init(title: "SIZE", alignment: .right), .init(title: "ALIASES", canShrink: true),
                .init(title: "CAPABILITIES", canShrink: true),
            ] + (hasRemarks ? [.init(title: "REMARK", canShrink: true)] : [])
        )
        for model in models {
            table.add([
                model.id, Self.name(model.state), Self.known(model.contextLength),
                model.sizeBytes > 0 ? Figures.bytes(model.sizeBytes) : "-",
                model.aliases.joined(separator: ", "), Self.names(model.capabilities), model.stateReason,
            ])
        }
        return table
    }

    static func page(_ model: Roundhouse_V1_Model) -> Page {
        var page = Page()
        page.add("id", model.id)
        page.add("name", model.displayName)
        page.add("provider", model.provider)
        page.add("upstream's name", model.name)
        page.add("state", Self.name(model.state))
        page.add("reason", model.stateReason)
        page.add("aliases", model.aliases.joined(separator: ", "))
        page.add("capabilities", Self.names(model.capabilities))
        page.add("context", model.contextLength > 0 ? Figures.count(model.contextLength, "token") : "not known")
        page.add("longest answer", model.maxOutputTokens > 0 ? Figures.count(model.maxOutputTokens, "token") : "")
        page.add("priority", "\(model.priority)")
        page.add("size", model.sizeBytes > 0 ? Figures.bytes(model.sizeBytes) : "")
        return page
    }

    static func name(_ state: Roundhouse_V1_ModelState) -> String {
        switch state {
        case .ready: "ready"
        case .loading: "loading"
        case .unloaded: "unloaded"
        case .failed: "failed"
        case .queued: "queued"
        case .warming: "warming"
        case .draining: "draining"
        case .unloading: "unloading"
        case .unspecified: "unknown"
        case .UNRECOGNIZED(let number): "state \(number)"
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

    private static func names(_ capabilities: [Roundhouse_V1_Capability]) -> String {
        capabilities.map(Self.name).joined(separator: ", ")
    }

    private static func known(_ number: Int64) -> String {
        number > 0 ? "\(number)" : "-"
    }
}
