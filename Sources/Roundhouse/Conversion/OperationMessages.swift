internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

// What the long operations tell: warm-up, profile, switch, installation, discovery.

extension Roundhouse_V1_WarmUpResponse {
    init(_ update: WarmUpUpdate) {
        self.init()
        switch update {
        case .progress(let progress): self.progress = .init(progress)
        case .result(let result): self.result = .init(result)
        }
    }
}

extension Roundhouse_V1_WarmUpResult {
    init(_ result: WarmUpResult) {
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
    init(_ summary: WarmUpSummary) {
        self.init()
        self.status = summary.status.rawValue
        self.message = summary.message
        self.modelsLoaded = summary.loaded.map(\.description).sorted()
        self.elapsed = .init(summary.elapsed)
        // Every category is there, so that nobody has to tell "none" from "not said".
        for category in Inference.ModelCategory.allCases {
            self.loadedCounts[category.rawValue] = Int32(clamping: summary.loadedCounts[category] ?? 0)
        }
        self.totalLoaded = Int32(clamping: summary.loadedCounts.values.reduce(0, +))
        self.results = summary.results.map(Roundhouse_V1_WarmUpResult.init)
    }
}

extension Roundhouse_V1_ProfileModelResponse {
    init(_ update: ProfileUpdate) {
        self.init()
        switch update {
        case .progress(let progress): self.progress = .init(progress)
        case .run(let run): self.run = .init(run)
        }
    }
}

extension Roundhouse_V1_ProfileRun {
    init(_ run: ProfileRun) {
        self.init()
        self.run = Int32(clamping: run.number)
        self.runCount = Int32(clamping: run.count)
        self.latency = .init(run.latency)
        if let latency = run.firstTokenLatency { self.firstTokenLatency = .init(latency) }
        self.outputTokens = Int64(run.outputTokens)
        self.error = run.error ?? ""
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
        self.skipped = skipped
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
