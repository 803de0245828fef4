internal import GRPCCore

/// What the process tells the shell. The numbers follow BSD's `sysexits.h` where it has a fitting one.
enum ExitStatus: Int32, Sendable, CaseIterable {
    case success = 0
    case failure = 1
    case unhealthy = 2
    case byHand = 3
    case usage = 64
    case invalidArgument = 65
    case notFound = 66
    case unavailable = 69
    case tryLater = 75
    case denied = 77
    case configuration = 78
    case interrupted = 130

    /// The one place where a gRPC status becomes an exit status.
    init(_ code: RPCError.Code) {
        switch code {
        case .invalidArgument: self = .invalidArgument
        case .notFound: self = .notFound
        case .unavailable: self = .unavailable
        case .deadlineExceeded, .resourceExhausted: self = .tryLater
        case .unauthenticated, .permissionDenied: self = .denied
        default: self = .failure
        }
    }

    var meaning: String {
        switch self {
        case .success: "the command did what it was asked"
        case .failure: "anything that has no number of its own"
        case .unhealthy: "'health' and 'doctor': no request can be answered, or no server"
        case .byHand: "'recommendations --apply': a person has to do it, and was told what"
        case .usage: "the command line is wrong"
        case .invalidArgument: "the server found the request invalid (INVALID_ARGUMENT)"
        case .notFound: "there is no such model, provider, alias, file or advice (NOT_FOUND)"
        case .unavailable: "no server, or no model that can answer (UNAVAILABLE)"
        case .tryLater: "out of time or over a limit (DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED)"
        case .denied: "not allowed (UNAUTHENTICATED, PERMISSION_DENIED)"
        case .configuration: "the configuration is wrong"
        case .interrupted: "interrupted with Ctrl-C"
        }
    }

    /// For `--help`.
    static var helpTable: String {
        "Exit status:\n"
            + Self.allCases
            .map { status in
                let number = String(status.rawValue)
                return "  " + String(repeating: " ", count: 3 - number.count) + number + "  " + status.meaning
            }
            .joined(separator: "\n")
    }
}
