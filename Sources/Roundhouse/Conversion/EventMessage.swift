internal import Inference
internal import ModelLifecycle
internal import RoundhouseAPI
internal import SwiftProtobuf

extension Roundhouse_V1_Event {
    init(_ stored: StoredEvent) {
        self.init()
        self.sequence = stored.sequence
        self.eventTime = .init(microseconds: stored.atMicroseconds)
        self.type = .init(stored.event.kind)
        self.model = stored.event.model?.description ?? ""
        self.provider = stored.event.provider?.rawValue ?? ""
        self.alias = stored.event.alias ?? ""
        self.reason = stored.event.reason
        self.attributes = stored.event.attributes
    }
}

extension Roundhouse_V1_EventType {
    init(_ kind: GatewayEvent.Kind) {
        switch kind {
        case .initialized: self = .initialized
        case .modelLoading: self = .modelLoading
        case .modelLoaded: self = .modelLoaded
        case .modelLoadError: self = .modelLoadError
        case .modelSwitched: self = .modelSwitched
        case .modelUnloaded: self = .modelUnloaded
        case .modelEvicted: self = .modelEvicted
        case .profilingStarted: self = .profilingStarted
        case .profilingCompleted: self = .profilingCompleted
        case .stateSaved: self = .stateSaved
        case .stateRestored: self = .stateRestored
        case .breakerOpened: self = .breakerOpened
        case .breakerClosed: self = .breakerClosed
        case .configChanged: self = .configChanged
        }
    }
}

extension GatewayEvent.Kind {
    init?(_ type: Roundhouse_V1_EventType) {
        guard let kind = Self.allCases.first(where: { Roundhouse_V1_EventType($0) == type }) else { return nil }
        self = kind
    }
}

/// The filter fields that `WatchEvents` and `ListEvents` share.
protocol EventFilterMessage {
    var types: [Roundhouse_V1_EventType] { get }
    var model: String { get }
    var alias: String { get }
    var provider: String { get }
}

extension Roundhouse_V1_WatchEventsRequest: EventFilterMessage {}
extension Roundhouse_V1_ListEventsRequest: EventFilterMessage {}

extension FieldReader {
    mutating func eventFilter(_ message: some EventFilterMessage) -> EventFilter {
        var filter = EventFilter()
        for (index, type) in message.types.enumerated() {
            if let kind = GatewayEvent.Kind(type) {
                filter.kinds.insert(kind)
            } else {
                self.report(
                    "types[\(index)]", found: "\(type.rawValue)",
                    expected: "a value of EventType, such as EVENT_TYPE_MODEL_LOADED")
            }
        }
        if !message.model.isEmpty { filter.model = self.modelID(message.model, "model") }
        if !message.provider.isEmpty { filter.provider = self.providerID(message.provider, "provider") }
        if !message.alias.isEmpty { filter.alias = self.aliasName(message.alias, "alias") }
        return filter
    }
}
