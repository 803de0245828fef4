import Glibc

/// What a write to a pipe or socket does whose reader has gone.
package enum BrokenPipes {
    /// Makes it an error of that write (EPIPE), in all of this process and for good: by default it ends the process, and
    /// an engine that dies before it has read its first line would take the server with it. Children that Subprocess
    /// starts have the default again.
    package static func becomeErrors() {
        _ = Self.ignored
    }

    private static let ignored: Void = { _ = signal(SIGPIPE, SIG_IGN) }()
}
