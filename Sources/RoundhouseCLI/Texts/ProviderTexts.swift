internal import RoundhouseAPI

/// Providers, as people read them.
enum ProviderTexts {
    static func table(_ providers: [Roundhouse_V1_Provider]) -> Table {
        let hasRemarks = providers.contains { !$0.enabled }
        var table = Table(
            [
                .init(title: "PROVIDER"), .init(title: "KIND"), .init(title: "MODELS", alignment: .right),
                .init(title: "CREDENTIALS"), .init(title: "ADDRESS", canShrink: true),
            ] + (hasRemarks ? [.init(title: "REMARK")] : [])
        )
        for provider in providers {
            table.add([
                provider.id, provider.kind, provider.acceptsAnyModel ? "any" : "\(provider.modelCount)",
                provider.hasCredentials_p ? "yes" : "no", provider.baseURL, provider.enabled ? "" : "disabled",
            ])
        }
        return table
    }

    static func page(_ provider: Roundhouse_V1_Provider) -> Page {
        var page = Page()
        page.add("id", provider.id)
        page.add("kind", provider.kind)
        page.add("address", provider.baseURL)
        page.add("state", provider.enabled ? "enabled" : "disabled")
        page.add("models", provider.acceptsAnyModel ? "any name is passed on" : "\(provider.modelCount)")
        page.add("credentials", Self.credentials(provider))
        page.add("insecure", provider.allowInsecure ? "http to other machines is allowed" : "")
        page.add("priority", provider.hasPriority ? "\(provider.priority)" : "")
        page.add("source", ModelTexts.name(provider.source))
        page.add("registered", provider.hasCreateTime ? Figures.time(provider.createTime) : "")
        page.add("changed", provider.hasUpdateTime ? Figures.time(provider.updateTime) : "")
        page.add("etag", provider.etag)
        return page
    }

    static func page(_ filter: Roundhouse_V1_OpenRouterFilter) -> Page {
        let limit = filter.hasMaxPriceNanoUsd
        var page = Page()
        page.add("free models only", filter.showFreeOnly ? "yes" : "no")
        page.add("free models first", filter.preferFreeModels ? "yes" : "no")
        page.add("highest price", limit ? "\(Prices.usd(filter.maxPriceNanoUsd)) USD for a million tokens" : "none")
        return page
    }

    private static func credentials(_ provider: Roundhouse_V1_Provider) -> String {
        let places = [
            provider.apiKeyEnvironment.isEmpty ? "" : "the server's variable \(provider.apiKeyEnvironment)",
            provider.apiKeyFile.isEmpty ? "" : "the server's file \(provider.apiKeyFile)",
        ].filter { !$0.isEmpty }
        let from = places.isEmpty ? "" : ", from \(places.joined(separator: " or "))"
        return (provider.hasCredentials_p ? "there" : "none") + from
    }
}
