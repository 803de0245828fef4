internal import Inference
internal import LocalEngines
internal import ModelRegistry
internal import Routing

/// What the telemetry service tells of this moment, beside figures that are kept. Everything answers at once, from memory.
struct LivePort: Sendable {
    /// What a model does.
    var figures: @Sendable (ModelID) -> LiveFigures
    /// Every model that is a candidate or was asked lately, in no order.
    var models: @Sendable () -> [LiveModel] = { [] }
    /// Requests for a model that wait for a free place at its provider.
    var waiting: @Sendable (ModelID) -> Int = { _ in 0 }
    /// Requests that are answered.
    var inFlight: @Sendable () -> Int = { 0 }
    /// Ends watches when the server stops.
    var end = WatchEnd()
    /// Times watches.
    var clock = EngineClock.system
}

/// A model as routing knows it.
struct LiveModel: Sendable {
    var model: ModelID
    /// Attempts under way, those that still wait for their turn among them.
    var inFlight: Int
    /// Since something was noted of it; `nil`: nothing ever was.
    var quiet: Duration?
    /// Its tokens. The same object as long as its figures are kept.
    var output: OutputCounter
}

extension LivePort {
    init(_ router: Router, counters: RequestCounters, end: WatchEnd) {
        self.init(
            figures: router.liveFigures(of:), models: { router.liveModels },
            waiting: router.waitingCount(of:), inFlight: { counters.counts.active }, end: end)
    }
}

extension Router {
    fileprivate var liveModels: [LiveModel] {
        let now = self.figures.now
        return self.figures.all.map { figures in
            let noted = figures.notedAt
            return LiveModel(
                model: figures.model, inFlight: figures.inFlight,
                quiet: noted > 0 ? .nanoseconds(Int64(clamping: now - min(noted, now))) : nil, output: figures.output)
        }
    }
}
