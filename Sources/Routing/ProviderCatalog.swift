public import Inference
private import Synchronization

/// The adapters of the registry's providers, which come and go while requests run.
///
/// Readers take one in nanoseconds; a request that has taken one keeps it, whatever happens to the catalog.
public final class ProviderCatalog: Sendable {
    private let providers: Mutex<[ProviderID: any Provider]>

    public init(_ providers: [ProviderID: any Provider] = [:]) {
        self.providers = Mutex(providers)
    }

    /// The adapter of a provider; `nil` when there is none.
    public subscript(id: ProviderID) -> (any Provider)? {
        self.providers.withLock { $0[id] }
    }

    /// Puts an adapter in the place of the one that is there, if any; `nil` takes it out.
    public func set(_ provider: (any Provider)?, for id: ProviderID) {
        self.providers.withLock { $0[id] = provider }
    }

    /// Whether a request for a model sent now has a chance.
    public func availability(of model: ModelID) -> ProviderAvailability {
        self[model.provider]?.availability(of: model.name)
            ?? .unavailable(reason: "provider '\(model.provider)' is not running")
    }

    /// Requests for a model that wait for a free place at its provider.
    public func waitingCount(of model: ModelID) -> Int { self[model.provider]?.waitingCount(of: model.name) ?? 0 }
}
