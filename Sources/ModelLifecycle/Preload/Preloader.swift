package import Inference
package import Logging
package import ModelRegistry

/// What is loaded before anybody asks for it.
package struct PreloadSettings: Sendable {
    /// Models to load when the server starts, in this order.
    package var atStart: @Sendable () -> [ModelID]
    /// Called once all of them are loaded, or cannot be.
    package var atStartDone: @Sendable () -> Void
    /// Whether models are loaded before the hours of the week in which they are used.
    package var pattern: Bool
    /// So many of the most used models are kept loaded.
    package var keepWarm: Int
    package var policy: PreloadPolicy
    /// How often it is looked.
    package var interval: Duration

    package init(
        atStart: @escaping @Sendable () -> [ModelID] = { [] },
        atStartDone: @escaping @Sendable () -> Void = {},
        pattern: Bool = false,
        keepWarm: Int = 0,
        policy: PreloadPolicy = PreloadPolicy(),
        interval: Duration = .seconds(60)
    ) {
        self.atStart = atStart
        self.atStartDone = atStartDone
        self.pattern = pattern
        self.keepWarm = keepWarm
        self.policy = policy
        self.interval = interval
    }
}

/// Loads models before anybody asks for them, where there is room: nothing is ever evicted for it.
package struct Preloader: Sendable {
    private let loading: any ModelLoading
    private let settings: PreloadSettings
    private let patterns: @Sendable () -> [ModelID: WeeklyPattern]
    private let changes: @Sendable () -> AsyncStream<ModelID>
    private let warmUp: WarmUp
    private let time: LifecycleTime
    private let logger: Logger

    /// - Parameters:
    ///   - patterns: When which model is used, as the statistics know it.
    ///   - changes: Models whose state changes, as it changes.
    package init(
        loading: any ModelLoading,
        settings: PreloadSettings,
        patterns: @escaping @Sendable () -> [ModelID: WeeklyPattern],
        changes: @escaping @Sendable () -> AsyncStream<ModelID> = { AsyncStream { $0.finish() } },
        time: LifecycleTime = .system,
        logger: Logger
    ) {
        self.loading = loading
        self.settings = settings
        self.patterns = patterns
        self.changes = changes
        self.warmUp = WarmUp(loading: loading, time: time)
        self.time = time
        self.logger = logger
    }

    /// Loads what is to be there from the start, then looks at the pattern, and at what was missing, until the task is
    /// cancelled.
    package func run() async {
        // Before the first look, so that nothing is missed that comes meanwhile.
        let changes = self.changes()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.loadWhatComes(changes) }
            await self.load(self.settings.atStart(), why: "preload at start", skipLevel: .notice)
            self.settings.atStartDone()
            await self.followPatterns()
        }
    }

    /// Loads what was to be there from the start once its engine or its file is.
    private func loadWhatComes(_ changes: AsyncStream<ModelID>) async {
        let wanted = Set(self.settings.atStart())
        for await model in changes where wanted.contains(model) {
            guard let status = self.loading.status(of: model), status.state == .unloaded,
                status.reason == LoadedModel.foundReason,
                PreloadPolicy.eligible(self.loading.managedModels()).contains(model)
            else { continue }
            await self.load([model], why: status.reason, skipLevel: .notice)
        }
    }

    private func followPatterns() async {
        guard self.settings.pattern || self.settings.keepWarm > 0 else { return }
        var done = Done()
        while !Task.isCancelled {
            await self.apply(&done)
            // An error is cancellation, which ends the loop as well.
            try? await self.time.sleep(self.settings.interval)
        }
    }

    /// What was loaded for an hour is not loaded for it again: once idle, it may go.
    private struct Done {
        var hour: PreloadPolicy.Hour?
        var models: Set<ModelID> = []
    }

    private func apply(_ done: inout Done) async {
        let now = self.time.wallMicroseconds()
        let patterns = self.patterns()
        let eligible = PreloadPolicy.eligible(self.loading.managedModels())
        let kept = PreloadPolicy.mostUsed(self.settings.keepWarm, patterns, eligible: eligible, at: now)
        await self.load(kept.filter(self.isUnloaded), why: "kept warm")

        guard self.settings.pattern else { return }
        let hour = self.settings.policy.targetHour(at: now)
        if done.hour != hour { done = Done(hour: hour) }
        let coming = self.settings.policy.comingModels(patterns, eligible: eligible, at: now)
            .filter { done.models.insert($0).inserted && self.isUnloaded($0) }
        await self.load(coming, why: "used in this hour of the week")
    }

    private func isUnloaded(_ model: ModelID) -> Bool {
        // One that failed has its own schedule of attempts, or waits for a person.
        self.loading.status(of: model).map { $0.state == .unloaded } ?? true
    }

    /// - Parameter skipLevel: What is skipped once a minute is not worth a line each time.
    private func load(_ models: [ModelID], why: String, skipLevel: Logger.Level = .debug) async {
        guard !models.isEmpty else { return }
        _ = try? await self.warmUp.run(WarmUp.Request(models: models, evicts: false)) { update in
            guard case .result(let result) = update else { return }
            self.log(result, why: why, skipLevel)
        }
    }

    private func log(_ result: WarmUpResult, why: String, _ skipLevel: Logger.Level) {
        let metadata: Logger.Metadata = [
            "model": "\(result.model)", "why": "\(why)", "reason": "\(result.reason)",
        ]
        switch result.outcome {
        case .alreadyWarm: break
        case .warmed: self.logger.info("Model preloaded", metadata: metadata)
        case .skipped: self.logger.log(level: skipLevel, "Model not preloaded: there is no room", metadata: metadata)
        case .failed: self.logger.warning("Model could not be preloaded", metadata: metadata)
        }
    }
}
