/// What goes wrong on this side of the wire.
enum CommandFailure: Error, Sendable, Hashable {
    /// The command line asks for something impossible.
    case usage(String)
    /// Every problem of the configuration, one sentence each.
    case configuration([String])
    /// The server broke the API's promises.
    case brokenPromise(String)
    /// There is nothing of that name. The hint says where names are found.
    case notFound(String, hint: String)
    /// Somebody else than the server could not be reached.
    case unreachable(String)
    /// A job on this machine, such as an installation, did not succeed. The hint says what to do.
    case local(String, hint: String?)
}

/// Whoever read standard output has gone. Not a failure: `roundhouse … | head` ends without a word.
struct OutputClosed: Error {}

/// The user pressed Ctrl-C.
struct Interrupted: Error {}
