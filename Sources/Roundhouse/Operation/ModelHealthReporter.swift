internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import Routing

/// Tells `grpc.health.v1` of every model and alias, when something about them changes.
struct ModelHealthReporter: Sendable {
    private let registry: Registry
    private let router: Router
    private let manager: LifecycleManager
    private let health: HealthRegistry
    private let starting: StartingModels
    /// Holds one signal at most: a second one would say nothing new.
    private let signals = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    init(_ composition: Composition) {
        self.registry = composition.registry
        self.router = composition.router
        self.manager = composition.manager
        self.health = composition.foundations.health
        self.starting = composition.starting
        let signal = self.signals.continuation
        self.registry.observe { _ in signal.yield() }
        self.starting.onEnd { signal.yield() }
    }

    /// Reports until the task is cancelled.
    func run() async {
        let changes = self.manager.changes()
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await _ in changes { self.signals.continuation.yield() }
            }
            for await _ in self.signals.stream { self.report() }
            group.cancelAll()
        }
    }

    /// A model that its first request loads counts as serving, or a client that waits for it would wait for ever; one that
    /// is loading, or is about to be loaded with the server, does not.
    func report() {
        let snapshot = self.registry.snapshot
        func isServing(_ model: ModelID) -> Bool {
            switch self.router.availability(of: model) {
            case .available: true
            case .unloaded: !self.starting.contains(model)
            case .loading, .unavailable: false
            }
        }
        for model in snapshot.models {
            let answers = model.isEnabled && isServing(model.id)
            self.health.set(answers ? .serving : .notServing, for: model.id.description)
        }
        for alias in snapshot.aliases {
            let answers = alias.targets.contains(where: isServing)
            self.health.set(answers ? .serving : .notServing, for: alias.name)
        }
    }
}
