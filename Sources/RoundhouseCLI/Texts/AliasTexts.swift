internal import RoundhouseAPI

/// Aliases, as people read them.
enum AliasTexts {
    static func table(_ aliases: [Roundhouse_V1_Alias]) -> Table {
        var table = Table([
            .init(title: "ALIAS"), .init(title: "ACTIVE MODEL"), .init(title: "MODE", canBeSpared: true),
            .init(title: "TARGETS", canShrink: true), .init(title: "CHANGED", canBeSpared: true), .init(title: "ETAG"),
        ])
        for alias in aliases {
            table.add([
                alias.name, alias.activeModel, Self.name(alias.mode), Self.targets(alias.targets, alias.mode),
                alias.hasUpdateTime ? Figures.time(alias.updateTime) : "-", alias.etag,
            ])
        }
        return table
    }

    static func page(_ alias: Roundhouse_V1_Alias) -> Page {
        var page = Page()
        page.add("alias", alias.name)
        page.add("active model", alias.activeModel)
        page.add("targets", Self.targets(alias.targets, alias.mode))
        page.add("mode", Self.name(alias.mode))
        page.add("source", ModelTexts.name(alias.source))
        page.add("made", alias.hasCreateTime ? Figures.time(alias.createTime) : "")
        page.add("changed", alias.hasUpdateTime ? Figures.time(alias.updateTime) : "")
        page.add("etag", alias.etag)
        return page
    }

    /// What it led to before, newest first.
    static func history(_ alias: Roundhouse_V1_Alias) -> Table {
        var table = Table([
            .init(title: "REVISION"), .init(title: "REPLACED", canBeSpared: true),
            .init(title: "TARGETS", canShrink: true),
            .init(title: "REASON", canShrink: true),
        ])
        for revision in alias.history {
            table.add([
                revision.etag, revision.hasReplaceTime ? Figures.time(revision.replaceTime) : "-",
                Self.targets(revision.targets, revision.mode), revision.reason,
            ])
        }
        return table
    }

    /// "local/small, then openai/gpt-4o", or "local/small 9, openai/gpt-4o 1".
    static func targets(_ targets: [Roundhouse_V1_AliasTarget], _ mode: Roundhouse_V1_AliasMode) -> String {
        mode == .weighted
            ? targets.map { "\($0.model) \($0.weight)" }.joined(separator: ", ")
            : targets.map(\.model).joined(separator: ", then ")
    }

    private static func name(_ mode: Roundhouse_V1_AliasMode) -> String {
        switch mode {
        case .ordered: "ordered"
        case .weighted: "weighted"
        case .unspecified: ""
        case .UNRECOGNIZED(let number): "mode \(number)"
        }
    }
}
