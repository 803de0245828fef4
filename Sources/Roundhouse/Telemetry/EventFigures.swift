internal import Inference
internal import Persistence
internal import Synchronization
internal import Telemetry

/// Passes events on, and counts those that figures tell of: loads, evictions, breakers that opened.
final class EventFigures: EventRecorder {
    /// What is known of a model's last load, whether or not it is in memory still.
    struct LastLoad: Sendable, Hashable {
        /// What it took in memory.
        var bytes: Int64
        /// In microseconds.
        var time: Int64
    }

    /// A load so soon after the model was in memory is a reload, in microseconds.
    private static let reloadReach: Int64 = 3_600_000_000

    private struct State {
        /// When models left memory: only those that were loaded here, which are registered.
        var left: [ModelID: Int64] = [:]
        var loads: [ModelID: LastLoad] = [:]
    }

    private let events: any EventRecorder
    private let figures: TelemetryRecorder
    private let now: @Sendable () -> Int64
    private let state = Mutex(State())

    /// - Parameter now: microseconds since 1970-01-01 UTC.
    init(
        _ events: any EventRecorder, figures: TelemetryRecorder,
        now: @escaping @Sendable () -> Int64 = WallClock.microseconds
    ) {
        self.events = events
        self.figures = figures
        self.now = now
    }

    func record(_ event: GatewayEvent) {
        self.events.record(event)
        switch event.kind {
        case .modelLoaded:
            guard let model = event.model else { return }
            self.loaded(model, event.attributes)
        case .modelEvicted, .modelUnloaded:
            guard let model = event.model else { return }
            let now = self.now()
            if event.kind == .modelEvicted { self.figures.record(.evictions, of: model, at: now) }
            self.state.withLock { $0.left[model] = now }
        case .breakerOpened:
            self.figures.record(.breakerOpenings, of: event.model, at: self.now())
        default: break
        }
    }

    private func loaded(_ model: ModelID, _ attributes: [String: String]) {
        let now = self.now()
        let bytes = attributes["memory_bytes"].flatMap { Int64($0) } ?? 0
        let milliseconds = attributes["load_milliseconds"].flatMap { Int64($0) } ?? 0
        let left = self.state.withLock { state in
            state.loads[model] = LastLoad(bytes: bytes, time: milliseconds * 1000)
            return state.left.removeValue(forKey: model)
        }
        self.figures.record(.loads, of: model, at: now)
        if let left, now - left <= Self.reloadReach { self.figures.record(.reloads, of: model, at: now) }
    }

    /// Of the last load since the start; `nil` when there was none.
    func lastLoad(of model: ModelID) -> LastLoad? { self.state.withLock { $0.loads[model] } }
}
