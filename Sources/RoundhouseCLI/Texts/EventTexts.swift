internal import RoundhouseAPI
internal import SwiftProtobuf

/// Events, as people read them and name them.
enum EventTexts {
    /// Every type that this program knows.
    private static let types: [Roundhouse_V1_EventType] = Roundhouse_V1_EventType.allCases.filter { $0 != .unspecified }

    static let typeNames = Self.types.map(Self.name)

    /// "model-loaded": the enum's own name without its prefix, in words.
    static func name(_ type: Roundhouse_V1_EventType) -> String {
        switch type {
        case .initialized: "initialized"
        case .modelLoading: "model-loading"
        case .modelLoaded: "model-loaded"
        case .modelLoadError: "model-load-error"
        case .modelSwitched: "model-switched"
        case .modelUnloaded: "model-unloaded"
        case .modelEvicted: "model-evicted"
        case .profilingStarted: "profiling-started"
        case .profilingCompleted: "profiling-completed"
        case .stateSaved: "state-saved"
        case .stateRestored: "state-restored"
        case .breakerOpened: "breaker-opened"
        case .breakerClosed: "breaker-closed"
        case .configChanged: "config-changed"
        case .unspecified: "unknown"
        case .UNRECOGNIZED(let number): "type-\(number)"
        }
    }

    /// Takes "model-loaded", "model_loaded", and what the API writes: "EVENT_TYPE_MODEL_LOADED".
    static func type(named name: String) -> Roundhouse_V1_EventType? {
        var word = name.lowercased()
        word = String(word.map { $0 == "_" ? "-" : $0 })
        if word.hasPrefix("event-type-") { word = String(word.dropFirst("event-type-".count)) }
        return Self.types.first { Self.name($0) == word }
    }

    /// "2026-11-21T06:15:03.042Z  model-loaded         local/small  after 1.24 s  bytes=356515840".
    ///
    /// - Parameter style: of the terminal; a file or a pipe gets the words alone.
    static func line(_ event: Roundhouse_V1_Event, for traits: TerminalTraits) -> String {
        let widest = Self.typeNames.map(\.count).max() ?? 0
        let type = Self.name(event.type)
        let padding = String(repeating: " ", count: max(0, widest - type.count))
        let attributes = event.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.quoted($0.value))" }
        let words =
            [Self.subject(event)] + (event.reason.isEmpty ? [] : [event.reason])
            + (attributes.isEmpty ? [] : [attributes.joined(separator: " ")])
        let rest = TerminalText.singleLine(words.joined(separator: "  "))
        return "\(traits.dim(Figures.preciseTime(event.eventTime)))  \(type)\(padding)  \(rest)\n"
    }

    /// Whom it happened to, the most particular first.
    private static func subject(_ event: Roundhouse_V1_Event) -> String {
        let named = [event.alias.isEmpty ? "" : "\(event.alias):", event.model].filter { !$0.isEmpty }
        if !named.isEmpty { return named.joined(separator: " ") }
        return event.provider.isEmpty ? "-" : event.provider
    }

    /// As it is when it is one plain word, else in quotation marks, so that a line can be taken apart again.
    private static func quoted(_ value: String) -> String {
        let isPlain = !value.isEmpty && !value.contains { $0.isWhitespace || $0 == "\"" || $0 == "\\" }
        return isPlain ? value : (JSONLine.encoded(value) ?? value)
    }
}
