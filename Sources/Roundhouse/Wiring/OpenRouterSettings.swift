internal import FoundationEssentials
internal import Inference
internal import ModelRegistry
internal import Persistence
internal import Synchronization

/// What of OpenRouter's models is used now.
///
/// What the API set is kept over restarts, before what the configuration and the variables say.
final class OpenRouterSettings: Sendable {
    private struct State {
        var filter: OpenRouterFilter
        var apply: (@Sendable (OpenRouterFilter) -> Void)?
    }

    private let state: Mutex<State>
    private let save: @Sendable (OpenRouterFilter) async throws -> Void

    /// - Parameter save: keeps a filter; on disk when it returns.
    init(_ filter: OpenRouterFilter, save: @escaping @Sendable (OpenRouterFilter) async throws -> Void = { _ in }) {
        self.state = Mutex(State(filter: filter))
        self.save = save
    }

    /// With what the store keeps, or else what is configured.
    static func restore(
        _ configured: RoundhouseConfiguration.OpenRouter, from store: Store
    ) async throws -> OpenRouterSettings {
        let stored = try await store.setting(Self.name).flatMap { text in
            try? JSONDecoder().decode(Stored.self, from: Data(text.utf8))
        }
        return OpenRouterSettings(stored?.filter ?? OpenRouterFilter(configured)) { filter in
            let text = String(decoding: try JSONEncoder().encode(Stored(filter)), as: UTF8.self)
            try await store.set(text, for: Self.name)
        }
    }

    private static let name = "openrouter_filter"

    var filter: OpenRouterFilter { self.state.withLock { $0.filter } }

    /// Sets what has every change take effect; called at once with what is in force.
    func onChange(_ apply: @escaping @Sendable (OpenRouterFilter) -> Void) {
        let filter = self.state.withLock { state in
            state.apply = apply
            return state.filter
        }
        apply(filter)
    }

    /// Keeps a filter and puts it into force.
    func update(_ filter: OpenRouterFilter) async throws {
        try await self.save(filter)
        let apply = self.state.withLock { state in
            state.filter = filter
            return state.apply
        }
        apply?(filter)
    }

    private struct Stored: Codable {
        var showFreeOnly: Bool
        var preferFreeModels: Bool
        var maxPricePerMillionTokens: Int64?

        init(_ filter: OpenRouterFilter) {
            self.showFreeOnly = filter.showFreeOnly
            self.preferFreeModels = filter.preferFreeModels
            self.maxPricePerMillionTokens = filter.maxPricePerMillionTokens
        }

        var filter: OpenRouterFilter {
            OpenRouterFilter(
                showFreeOnly: self.showFreeOnly, preferFreeModels: self.preferFreeModels,
                maxPricePerMillionTokens: self.maxPricePerMillionTokens)
        }
    }
}

extension OpenRouterFilter {
    init(_ configured: RoundhouseConfiguration.OpenRouter) {
        self.init(
            showFreeOnly: configured.showFreeOnly,
            preferFreeModels: configured.preferFreeModels,
            maxPricePerMillionTokens: configured.maxPrice
        )
    }
}

extension RegistrySnapshot {
    /// The providers that the filter is about.
    var openRouterProviders: Set<ProviderID> {
        Set(self.providers.filter { $0.kind == OpenRouterFilter.providerKind }.map(\.id))
    }
}
