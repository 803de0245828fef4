internal import Inference

/// What the server stands on, judged.
struct HealthReport: Sendable, Hashable {
    var state: State
    /// When the probes were sent.
    var checkedAt: WallTime
    /// Whether they were sent for an earlier question.
    var isCached: Bool
    var dependencies: [Dependency]
    var engines: [Engine]
    var categories: [Category]
    /// Issues first.
    var findings: [Finding]

    var issues: [Finding] { self.findings.filter { $0.severity == .issue } }
    var warnings: [Finding] { self.findings.filter { $0.severity == .warning } }

    enum State: Sendable, Hashable {
        case healthy, degraded, unhealthy
    }

    struct Dependency: Sendable, Hashable {
        var name: String
        var kind: Kind
        var need: Need
        var status = Status.ok
        var version = ""
        var minimumVersion = ""
        /// A file, a folder or an address.
        var path = ""
        var error = ""
        var latency: Duration?
        var isReachable = false
        var credentials = Credentials.unknown

        enum Kind: Sendable, Hashable {
            case library, program, package, service
        }

        /// What needs it.
        enum Need: Sendable, Hashable {
            case core, engines, nothing
        }

        enum Status: Sendable, Hashable, CaseIterable {
            case ok, missing, outdated, failed, unauthenticated, timedOut, notChecked
        }

        enum Credentials: Sendable, Hashable {
            case unknown, none, accepted, refused
        }
    }

    struct Engine: Sendable, Hashable {
        var name: String
        var isInstalled = false
        var version = ""
        var path = ""
        var isRunning = false
        /// Where it listens, when it is not ours.
        var address = ""
        var advice = ""
        /// Where we install it; empty when we do not.
        var directory = ""
    }

    struct Category: Sendable, Hashable {
        var category: ModelCategory
        var loaded = 0
        var total = 0
        var available = 0
    }

    /// Something that is wrong, or may go wrong.
    struct Finding: Sendable, Hashable {
        var severity: Severity
        /// What it is about.
        var subject: String
        /// A sentence without its full stop, as logs and errors have it.
        var message: String
        /// What to do about it; empty when ``message`` says it.
        var fix = ""
        /// What does it, where one command does.
        var command = ""

        enum Severity: Sendable, Hashable {
            case issue, warning
        }

        /// All of it in a line.
        var sentence: String {
            var text = self.message
            if !self.fix.isEmpty { text += ": " + self.fix }
            if !self.command.isEmpty && !text.contains(self.command) { text += " ('\(self.command)')" }
            return text
        }
    }
}
