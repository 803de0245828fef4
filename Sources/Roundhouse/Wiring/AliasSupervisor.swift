internal import Inference
internal import Logging
internal import ModelRegistry
internal import Routing
internal import Synchronization

/// Watches the aliases that are configured so, and exchanges their active model while it does badly.
///
/// It hears of every request as a recorder does, and switches as `SwitchModel` does: by compare-and-set, so that a person
/// who switches at the same moment wins, with the new model loaded before the old one drains.
final class AliasSupervisor: RequestRecorder {
    private let registry: Registry
    private let switching: any ModelSwitching
    private let logger: Logger
    private let watches: Mutex<[String: AliasWatch]>
    private let interval: Duration

    init(
        _ settings: [RoundhouseConfiguration.AutoSwitch],
        registry: Registry,
        switching: any ModelSwitching,
        logger: Logger,
        interval: Duration = .seconds(1)
    ) {
        self.registry = registry
        self.switching = switching
        self.logger = logger
        self.interval = interval
        let watches = settings.map { setting in
            let limits = AliasWatch.Limits(
                minSuccessRate: setting.minSuccessRate,
                maxLatency: setting.maxLatency,
                window: setting.window,
                minRequests: setting.minRequests,
                recoverAfter: setting.recoverAfter
            )
            return (setting.alias, AliasWatch(limits))
        }
        self.watches = Mutex(Dictionary(watches) { first, _ in first })
    }

    func record(_ record: RequestRecord) {
        self.watches.withLock { watches in
            guard watches[record.requestedModel] != nil else { return }
            let now = ContinuousClock.now
            for attempt in record.attempts {
                // The time to the first token is the answering attempt's only when nobody was asked before.
                let isFirst = record.attempts.count == 1 && record.isStreamed
                guard let outcome = AliasWatch.outcome(of: attempt.fault) else { continue }
                watches[record.requestedModel]?.note(
                    AliasWatch.Sample(
                        model: attempt.model, isSuccess: outcome, latency: isFirst ? record.firstTokenLatency : nil,
                        time: now))
            }
        }
    }

    /// Looks at all aliases from time to time, until the task is cancelled.
    func run() async {
        guard !self.watches.withLock({ $0.isEmpty }) else { return }
        while (try? await Task.sleep(for: self.interval)) != nil {
            await self.look(at: ContinuousClock.now)
        }
    }

    /// Exchanges what is to be exchanged now.
    func look(at now: ContinuousClock.Instant) async {
        for name in self.watches.withLock({ $0.keys.sorted() }) {
            let snapshot = self.registry.snapshot
            guard let alias = snapshot.alias(name), let active = alias.activeModel else { continue }
            let decision = self.watches.withLock { watches in
                watches[name]?.decide(targets: alias.targets, at: now) { id in
                    snapshot.model(id).map { snapshot.disabledReason(of: $0) == nil } ?? false
                }
            }
            guard let decision else { continue }
            let change = AliasSwitch(
                alias: name, model: decision.model, reason: "automatic: \(decision.reason)",
                etag: alias.provenance.etag, keepsPreviousLoaded: true)
            do {
                _ = try await self.switching.switchAlias(change)
                self.logger.notice(
                    "An alias leads to another model now",
                    metadata: ["alias": "\(name)", "model": "\(decision.model)", "reason": "\(decision.reason)"])
            } catch {
                self.watches.withLock { $0[name]?.failed(to: decision, active: active, at: now) }
                self.logger.warning(
                    "An alias could not be switched",
                    metadata: ["alias": "\(name)", "model": "\(decision.model)", "error": "\(error)"])
            }
        }
    }
}
