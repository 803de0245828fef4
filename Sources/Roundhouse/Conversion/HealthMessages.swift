internal import Inference
internal import RoundhouseAPI
internal import SwiftProtobuf

// What the server stands on.

/// The version of the runtime of generated messages.
enum MessageRuntime {
    static let version = SwiftProtobuf.Version.versionString
}

extension Roundhouse_V1_CheckDependenciesResponse {
    init(_ report: HealthReport) {
        self.init()
        switch report.state {
        case .healthy: self.overallStatus = .healthy
        case .degraded: self.overallStatus = .degraded
        case .unhealthy: self.overallStatus = .unhealthy
        }
        self.checkTime = .init(report.checkedAt)
        self.cached = report.isCached
        self.dependencies = report.dependencies.map(Roundhouse_V1_Dependency.init)
        self.inferenceEngines = report.engines.map(Roundhouse_V1_InferenceEngine.init)
        self.aiModels = report.categories.map(Roundhouse_V1_ModelCategoryStatus.init)
        self.issues = report.issues.map(\.sentence)
        self.warnings = report.warnings.map(\.sentence)
        self.findings = report.findings.map(Roundhouse_V1_HealthFinding.init)
    }
}

extension Roundhouse_V1_Dependency {
    init(_ dependency: HealthReport.Dependency) {
        self.init()
        self.name = dependency.name
        self.version = dependency.version
        self.minimumVersion = dependency.minimumVersion
        self.path = dependency.path
        self.error = dependency.error
        self.reachable = dependency.isReachable
        if let latency = dependency.latency { self.latency = .init(latency) }
        switch dependency.kind {
        case .library: self.kind = .library
        case .program: self.kind = .program
        case .package: self.kind = .package
        case .service: self.kind = .service
        }
        switch dependency.need {
        case .core: self.category = .core
        case .engines: self.category = .ml
        case .nothing: self.category = .optional
        }
        switch dependency.status {
        case .ok: self.status = .ok
        case .missing: self.status = .missing
        case .outdated: self.status = .outdated
        case .failed: self.status = .failed
        case .unauthenticated: self.status = .unauthenticated
        case .timedOut: self.status = .timedOut
        case .notChecked: self.status = .notChecked
        }
        // Of libraries and packages nobody asks for a key.
        guard dependency.kind == .service else { return }
        switch dependency.credentials {
        case .unknown: self.credentials = .unspecified
        case .none: self.credentials = .none
        case .accepted: self.credentials = .accepted
        case .refused: self.credentials = .refused
        }
    }
}

extension Roundhouse_V1_InferenceEngine {
    init(_ engine: HealthReport.Engine) {
        self.init()
        self.name = engine.name
        self.installed = engine.isInstalled
        self.version = engine.version
        self.path = engine.path
        self.running = engine.isRunning
        self.address = engine.address
        self.advice = engine.advice
        self.installable = !engine.directory.isEmpty
        self.directory = engine.directory
    }
}

extension Roundhouse_V1_ModelCategoryStatus {
    init(_ category: HealthReport.Category) {
        self.init()
        self.category = .init(category.category)
        self.loaded = Int32(clamping: category.loaded)
        self.total = Int32(clamping: category.total)
        self.available = Int32(clamping: category.available)
        self.status = category.available > 0 ? .ready : .noModels
    }
}

extension Roundhouse_V1_HealthFinding {
    init(_ finding: HealthReport.Finding) {
        self.init()
        self.subject = finding.subject
        self.message = finding.message
        self.fix = finding.fix
        self.command = finding.command
        switch finding.severity {
        case .issue: self.severity = .issue
        case .warning: self.severity = .warning
        }
    }
}

extension Roundhouse_V1_InstallEngineResponse {
    init(_ step: EngineCatalog.Step) {
        self.init()
        switch step {
        case .waitingForOtherInstaller: self.phase = .waiting
        case .checkingMachine: self.phase = .checking
        case .creatingEnvironment: self.phase = .preparing
        case .downloading(let received, let total):
            self.phase = .downloading
            (self.receivedBytes, self.totalBytes) = (received, total)
        case .verifying: self.phase = .verifying
        case .ready(let release, let wasPresent):
            self.phase = .ready
            (self.release, self.wasPresent) = (release, wasPresent)
        }
    }
}
