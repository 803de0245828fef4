internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

// What the long operations tell: warm-up, profile, switch, installation, discovery.

extension Roundhouse_V1_WarmUpResponse {
    init(_ update: WarmUp.Update) {
        self.init()
        switch update {
        case .progress(let progress): self.progress = .init(progress)
        case .result(let result): self.result = .init(result)
        }
    }
}

extension Roundhouse_V1_WarmUpResult {
    init(_ result: ModelLifecycle.WarmUpResult) {
        self.init()
        self.model = result.model.description
        switch result.outcome {
        case .warmed: self.outcome = .warmed
        case .alreadyWarm: self.outcome = .alreadyWarm
        case .skipped: self.outcome = .skipped
        case .failed: self.outcome = .failed
        }
        self.reason = result.reason
        self.elapsed = .init(result.elapsed)
    }
}

extension Roundhouse_V1_WarmUpSummary {
    init(_ summary: ModelLifecycle.WarmUpSummary) {
        self.init()
        self.status = summary.status.rawValue
        self.message = summary.message
        self.modelsLoaded = summary.modelsLoaded.map(\.description)
        self.elapsed = .init(summary.elapsed)
        self.elapsedTimeSeconds = summary.elapsed / .seconds(1)
        // Every category is there, so that nobody has to tell "none" from "not said".
        for category in Inference.ModelCategory.allCases {
            self.loadedCounts[category.rawValue] = Int32(clamping: summary.loadedCounts[category] ?? 0)
        }
        self.totalLoaded = Int32(clamping: summary.totalLoaded)
        self.results = summary.results.map(Roundhouse_V1_WarmUpResult.init)
    }
}

extension Roundhouse_V1_ProfileModelResponse {
    /// - Parameter count: how many runs there will be.
    init(_ update: Profiler.Update, of count: Int) {
        self.init()
        switch update {
        case .progress(let progress): self.progress = .init(progress)
        case .run(let number, let sample):
            self.run = .with {
                $0.run = Int32(clamping: number)
                $0.runCount = Int32(clamping: count)
                $0.latency = .init(sample.latency)
                if let latency = sample.firstToken { $0.firstTokenLatency = .init(latency) }
                $0.outputTokens = Int64(sample.outputTokens)
            }
        case .failedRun(let number, let reason):
            self.run = .with {
                $0.run = Int32(clamping: number)
                $0.runCount = Int32(clamping: count)
                $0.error = reason
            }
        }
    }
}

extension Roundhouse_V1_SwitchModelResponse {
    init(_ outcome: SwitchOutcome) {
        self.init()
        self.alias = .init(outcome.alias, withHistory: true)
        self.previousModel = outcome.previousModel?.description ?? ""
        switch outcome.strategy {
        case .loadFirst: self.strategy = .loadFirst
        case .drainFirst: self.strategy = .drainFirst
        }
        if let plan = outcome.plan { self.plan = .init(plan) }
        self.loadDuration = .init(outcome.loadDuration)
        self.flipDuration = .init(outcome.flipDuration)
    }
}

extension Roundhouse_V1_InstallModelResponse {
    init(_ progress: InstallProgress) {
        self.init()
        switch progress.phase {
        case .checking: self.phase = .checking
        case .transferring: self.phase = .transferring
        case .converting: self.phase = .converting
        case .verifying: self.phase = .verifying
        case .registering: self.phase = .registering
        }
        self.receivedBytes = progress.receivedBytes
        self.totalBytes = progress.totalBytes
        self.resumedBytes = progress.resumedBytes
    }
}

extension Roundhouse_V1_ProviderDiscovery {
    init(_ report: DiscoveryReport, skipped: [String], of provider: ProviderID) {
        self.init()
        self.provider = provider.rawValue
        self.added = report.added.map(\.description)
        self.changed = report.changed.map(\.description)
        self.gone = report.gone.map(\.description)
        self.unchangedCount = Int32(clamping: report.unchanged)
        self.skipped = skipped + report.skipped.filter { !skipped.contains($0) }
    }

    init(error: String, of provider: ProviderID) {
        self.init()
        self.provider = provider.rawValue
        self.error = error
    }
}

extension Roundhouse_V1_DetectedCapability {
    init(_ finding: DetectedCapabilities.Finding) {
        self.init()
        self.capability = .init(finding.capability)
        self.supported = finding.isSupported
        self.evidence = finding.evidence
    }
}
