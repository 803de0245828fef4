/// Something that happened, worth keeping: what `WatchEvents` and `ListEvents` tell.
public struct GatewayEvent: Sendable, Hashable {
    public var kind: Kind
    public var model: ModelID?
    public var provider: ProviderID?
    public var alias: String?
    /// Why, for people.
    public var reason: String
    /// Figures and names, by keys that are fixed for each kind: see docs/Lifecycle.md.
    public var attributes: [String: String]

    public init(
        _ kind: Kind,
        model: ModelID? = nil,
        provider: ProviderID? = nil,
        alias: String? = nil,
        reason: String = "",
        attributes: [String: String] = [:]
    ) {
        self.kind = kind
        self.model = model
        self.provider = provider ?? model?.provider
        self.alias = alias
        self.reason = reason
        self.attributes = attributes
    }

    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case initialized
        case modelLoading = "model-loading"
        case modelLoaded = "model-loaded"
        case modelLoadError = "model-load-error"
        case modelSwitched = "model-switched"
        case modelUnloaded = "model-unloaded"
        case modelEvicted = "model-evicted"
        case profilingStarted = "profiling-started"
        case profilingCompleted = "profiling-completed"
        case stateSaved = "state-saved"
        case stateRestored = "state-restored"
        case breakerOpened = "breaker-opened"
        case breakerClosed = "breaker-closed"
        case configChanged = "config-changed"
    }
}

/// Where events go. Takes the event into memory and returns; safe from any thread, and under a lock.
public protocol EventRecorder: Sendable {
    func record(_ event: GatewayEvent)
}
