internal import Inference
internal import ModelRegistry
internal import Providers

/// The upstreams of the configuration, as they are registered.
struct ConfiguredProviders {
    private(set) var descriptions: [ProviderDescription] = []
    private(set) var models: [ModelDescription] = []

    /// - Throws: ``StartError`` for a model name that is none.
    init(_ providers: [RoundhouseConfiguration.Provider]) throws(StartError) {
        for provider in providers {
            self.descriptions.append(
                ProviderDescription(
                    id: provider.id,
                    kind: provider.kind.rawValue,
                    baseURL: provider.baseURL,
                    hasCredentials: provider.hasCredentials,
                    allowsInsecure: provider.allowInsecure,
                    acceptsAnyModel: provider.models.isEmpty,
                    priority: provider.priority
                )
            )
            for model in provider.models {
                self.models.append(try Self.description(of: model, in: provider))
            }
        }
    }

    /// Takes any name for models of some providers.
    mutating func passOn(_ providers: Set<ProviderID>) {
        for index in self.descriptions.indices where providers.contains(self.descriptions[index].id) {
            self.descriptions[index].acceptsAnyModel = true
        }
    }

    /// How to reach a provider.
    static func adapter(
        _ provider: RoundhouseConfiguration.Provider,
        userAgent: String
    ) -> EndpointConfiguration {
        var adapter = EndpointConfiguration(
            id: provider.id,
            kind: ProviderKind(rawValue: provider.kind.rawValue) ?? .custom,
            baseURL: provider.baseURL,
            apiKey: provider.apiKey.map { Secret($0.expose()) }
        )
        adapter.keys = Self.keys(of: provider)
        adapter.apiVersion = provider.apiVersion
        adapter.extraHeaders = provider.headers.map { ($0.name, Secret($0.value.expose())) }
        adapter.caFile = provider.caFile
        adapter.allowInsecure = provider.allowInsecure
        adapter.isStreamingAllowed = provider.streaming
        adapter.limits.connections = provider.maxConnections
        adapter.limits.concurrentRequests = provider.maxConcurrentRequests ?? provider.maxConnections
        adapter.limits.waitingRequests = provider.maxQueue
        adapter.httpVersions =
            switch provider.httpVersion {
            case .auto: .automatic
            case .http1: .http1Only
            }
        adapter.timeouts.queue = provider.timeouts.queue
        adapter.timeouts.connect = provider.timeouts.connect
        adapter.timeouts.firstToken = provider.timeouts.firstToken
        adapter.timeouts.idle = provider.timeouts.idle
        adapter.timeouts.total = provider.timeouts.total
        adapter.userAgent = userAgent
        return adapter
    }

    /// `nil`: the one key of the configuration, or none.
    private static func keys(of provider: RoundhouseConfiguration.Provider) -> KeyRing? {
        if let command = provider.apiKeyCommand {
            return KeyRing([
                .command(command.prefix { !$0.isWhitespace }.description) { try await KeyCommand.run(command) }
            ])
        }
        if let file = provider.apiKeyFile { return KeyRing([.file(file)]) }
        return provider.apiKeys.isEmpty ? nil : KeyRing(keys: provider.apiKeys.map { Secret($0.expose()) })
    }

    static func description(
        of model: RoundhouseConfiguration.Model,
        in provider: RoundhouseConfiguration.Provider
    ) throws(StartError) -> ModelDescription {
        guard let id = ModelID(provider: provider.id, name: model.name) else {
            throw StartError("provider '\(provider.id)': '\(model.name)' is not a model name")
        }
        // What the configuration says of a model counts before what is known of it.
        let known = ModelCatalog.entry(kind: provider.kind.rawValue, name: model.name)
        return ModelDescription(
            id: id,
            displayName: model.displayName,
            category: model.category ?? model.capabilities.flatMap { ModelCategory(of: Set($0)) } ?? known?.category
                ?? .text,
            capabilities: model.capabilities.map { Set($0) } ?? known?.capabilities ?? provider.kind.usualCapabilities,
            contextLength: model.contextLength ?? known?.contextLength,
            maxOutputTokens: model.maxOutputTokens ?? known?.maxOutputTokens,
            prices: model.prices ?? known?.prices,
            qualityScore: model.qualityScore,
            safetyScore: model.safetyScore,
            priority: model.priority ?? provider.priority,
            // The runtimes of managed providers have the names of their kinds.
            engine: provider.isManaged ? provider.kind.rawValue : nil,
            isEnabled: model.enabled,
            tags: model.tags.sorted()
        )
    }
}
