/// What a caller wants of the configuration file.
enum ConfigurationChange: Sendable {
    /// A whole new file.
    case file(String)
    /// Single keys and their values, as YAML of one line; an empty text takes the key out of the file.
    case settings([String: String])
}

/// What a change of the configuration did, or would do.
struct ConfigurationOutcome: Sendable, Hashable {
    /// In the order of the reference, as the two below.
    var changed: [String] = []
    /// Those that hold now.
    var applied: [String] = []
    /// Those that hold after the next start.
    var pending: [String] = []
    var path: String
    /// Of the file as it is now.
    var etag: String
    /// What may surprise, in sentences.
    var warnings: [String] = []
}

/// Why the configuration was not changed. The file is as it was.
enum ConfigurationRefusal: Error, Sendable {
    /// Every problem that there is.
    case invalid([ConfigurationProblem])
    case etagMismatch(given: String, current: String)
    /// Keys that name a program to run, which no call may set.
    case commands([String])
    /// The server was not started from a file.
    case noFile
    /// The file cannot be read or written.
    case unwritable(String)
    /// What is registered could not be written to the database.
    case storage(String)
}

/// The configuration of a server that runs.
struct ConfigurationView: Sendable {
    var rows: [ConfigurationRow] = []
    /// Empty when the server was not started from a file.
    var path = ""
    var exists = false
    /// Without secrets.
    var yaml = ""
    var etag = ""
    var pending: [String] = []
}

/// Takes a configuration into a running server.
protocol ConfigurationApplying: Sendable {
    /// Why it could not be taken, beyond what the loader looks at; empty when it could.
    func problems(of configuration: RoundhouseConfiguration) async -> [ConfigurationProblem]

    /// Takes what counts without a restart.
    ///
    /// - Returns: what may surprise, in sentences.
    /// - Throws: ``ConfigurationRefusal/storage(_:)`` when nothing of it was taken.
    func apply(_ configuration: RoundhouseConfiguration) async throws(ConfigurationRefusal) -> [String]
}
