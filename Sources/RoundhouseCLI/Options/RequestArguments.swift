internal import ArgumentParser
internal import RoundhouseAPI

/// `--priority`.
enum PriorityArgument: String, CaseIterable, Sendable, ExpressibleByArgument {
    case low, normal, high, critical

    var message: Roundhouse_V1_RequestPriority {
        switch self {
        case .low: .low
        case .normal: .normal
        case .high: .high
        case .critical: .critical
        }
    }
}

/// `--recovery`.
enum RecoveryArgument: String, CaseIterable, Sendable, ExpressibleByArgument {
    case fail, restart
    case `continue`
    case align

    var message: Roundhouse_V1_RecoveryMode {
        switch self {
        case .fail: .fail
        case .restart: .restart
        case .continue: .continue
        case .align: .align
        }
    }
}

/// `--reasoning`.
enum ReasoningArgument: String, CaseIterable, Sendable, ExpressibleByArgument {
    case none, minimal, low, medium, high

    var message: Roundhouse_V1_ReasoningEffort {
        switch self {
        case .none: .none
        case .minimal: .minimal
        case .low: .low
        case .medium: .medium
        case .high: .high
        }
    }
}
