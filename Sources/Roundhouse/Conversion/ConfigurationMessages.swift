internal import GRPCCore
internal import RoundhouseAPI
internal import SwiftProtobuf

extension Roundhouse_V1_GetConfigResponse {
    init(_ view: ConfigurationView) {
        self.init()
        self.settings = view.rows.map { row in
            .with {
                $0.key = row.key
                $0.value = row.shown
                $0.source = row.source
                $0.description_p = row.setting.summary
                $0.needsRestart = row.needsRestart
            }
        }
        self.path = view.path
        self.fileExists = view.exists
        self.yaml = view.yaml
        self.etag = view.etag
        self.pendingKeys = view.pending
    }
}

extension Roundhouse_V1_UpdateConfigResponse {
    init(_ outcome: ConfigurationOutcome) {
        self.init()
        self.changedKeys = outcome.changed
        self.appliedKeys = outcome.applied
        self.pendingKeys = outcome.pending
        self.path = outcome.path
        self.etag = outcome.etag
        self.warnings = outcome.warnings
    }
}

extension Roundhouse_V1_ConfigProblem {
    init(_ problem: ConfigurationProblem) {
        self.init()
        self.key = problem.key ?? ""
        self.message = problem.detail
        if case .file(_, let line, let column) = problem.location {
            self.line = Int32(clamping: line)
            self.column = Int32(clamping: column)
        }
    }
}

extension ServiceError {
    init(_ refusal: ConfigurationRefusal) {
        switch refusal {
        case .invalid(let problems): self = .invalid(problems.map(FieldViolation.init))
        case .etagMismatch(let given, let current):
            self.init(
                .aborted, "ETAG_MISMATCH",
                "the configuration file was changed meanwhile: its etag is '\(current)', not '\(given)'; read it again",
                metadata: ["given": given, "current": current])
        case .commands(let keys):
            let names = keys.joined(separator: ", ")
            self.init(
                .permissionDenied, "COMMAND_NOT_ALLOWED",
                "\(names): a key that names a program to run is set in the file on the server's machine, not by a call",
                metadata: ["keys": names])
        case .noFile:
            self = .refused(
                "NO_CONFIG_FILE", "the server was not started from a configuration file, so there is none to change")
        case .unwritable(let reason):
            self = .refused("CONFIG_FILE_FAILED", "the configuration file is as it was: \(reason)")
        case .storage(let reason):
            self.init(
                .unavailable, "STORAGE_FAILED",
                "what the configuration registers could not be written to disk, and the file is as it was: \(reason)",
                retry: .after(.seconds(5)))
        }
    }
}

extension FieldViolation {
    init(_ problem: ConfigurationProblem) {
        let place =
            switch problem.location {
            case .file(_, let line, let column) where line > 0: "line \(line), column \(column): "
            case .environment(let name), .flag(let name): "\(name): "
            case .file, .defaults: ""
            }
        self.init(problem.key ?? "yaml", "\(place)\(problem.detail)")
    }
}
