internal import Inference
internal import LocalEngines
internal import Synchronization

/// What the server stands on: asked at most once at a time, kept for a while, judged anew each time.
///
/// What is in memory (models, who can answer) is of the moment of the question; what had to be asked for (providers,
/// disks, Python) may be ``Settings/kept`` old.
final class HealthChecker: Sendable {
    struct Settings: Sendable, Hashable {
        /// For each probe.
        var limit = Duration.milliseconds(1500)
        /// How long what they saw is good.
        var kept = Duration.seconds(30)
    }

    /// What the probes saw at one moment.
    private struct Sight: Sendable {
        var looks: HealthLooks
        /// Those that were asked: others in the registry, and it is out of date.
        var providers: [HealthSetup.ProviderSetup]
        var at: ContinuousClock.Instant
        var checkedAt: WallTime
    }

    private struct State {
        var sight: Sight?
        var running: (number: Int, providers: [HealthSetup.ProviderSetup], task: Task<Sight, Never>)?
        var checks = 0
    }

    private let probes: HealthProbes
    private let setup: @Sendable () -> HealthSetup
    private let settings: Settings
    private let clock: EngineClock
    private let runner: ProbeRunner
    private let state = Mutex(State())

    /// - Parameter setup: What is configured and registered. Answers at once, from memory.
    init(
        _ probes: HealthProbes,
        settings: Settings = Settings(),
        clock: EngineClock = .system,
        setup: @escaping @Sendable () -> HealthSetup
    ) {
        self.probes = probes
        self.settings = settings
        self.clock = clock
        self.setup = setup
        self.runner = ProbeRunner(limit: settings.limit, clock: clock)
    }

    /// - Parameter refresh: Asks everybody anew. One who asks while a check is under way is told what that one sees.
    func check(refresh: Bool = false) async -> HealthReport {
        let setup = self.setup()
        if !refresh, let sight = self.keptSight(for: setup) { return self.judge(setup, sight, isCached: true) }
        return self.judge(setup, await self.look(setup), isCached: false)
    }

    /// Forgets what was seen, since something was changed: the next check looks anew.
    func forget() {
        self.state.withLock { state in
            state.sight = nil
            state.running = nil
        }
    }

    private func keptSight(for setup: HealthSetup) -> Sight? {
        let now = self.clock.now()
        return self.state.withLock { state in
            guard let sight = state.sight, sight.providers == setup.providers,
                sight.at.duration(to: now) < self.settings.kept
            else { return nil }
            return sight
        }
    }

    private func look(_ setup: HealthSetup) async -> Sight {
        let task = self.state.withLock { state in
            if let running = state.running, running.providers == setup.providers { return running.task }
            state.checks += 1
            let number = state.checks
            // task: ends by itself within the probes' limit. It is nobody's child, since those who ask meanwhile share it.
            let task = Task {
                let sight = await self.sight(setup.providers)
                self.state.withLock { state in
                    // Another number: it was forgotten, or others are asked meanwhile.
                    guard state.running?.number == number else { return }
                    (state.sight, state.running) = (sight, nil)
                }
                return sight
            }
            state.running = (number, setup.providers, task)
            return task
        }
        return await task.value
    }

    private func sight(_ providers: [HealthSetup.ProviderSetup]) async -> Sight {
        let checkedAt = WallTime(microsecondsSince1970: self.clock.wallMicroseconds())
        let looks = await self.probes.look(providers.filter(\.isEnabled).map(\.id), by: self.runner)
        return Sight(looks: looks, providers: providers, at: self.clock.now(), checkedAt: checkedAt)
    }

    private func judge(_ setup: HealthSetup, _ sight: Sight, isCached: Bool) -> HealthReport {
        HealthRules(facts: HealthFacts(setup: setup, looks: sight.looks, limit: self.settings.limit))
            .report(checkedAt: sight.checkedAt, isCached: isCached)
    }
}
