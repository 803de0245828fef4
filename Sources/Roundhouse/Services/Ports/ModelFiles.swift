internal import Inference

/// Looks at model files, and brings them into the model folder. Registers nothing.
protocol ModelFiles: Sendable {
    /// Reads a file's header and checks that the engine could load it.
    func inspect(_ path: String) async throws(ModelFileError) -> ModelFileFacts

    /// Copies or downloads a file into the model folder and checks it. An interrupted download goes on where it stopped;
    /// cancelling the task interrupts it. When this throws, nothing that could be taken for a model is left.
    func install(
        _ request: ModelFileRequest,
        report: @escaping @Sendable (InstallProgress) -> Void
    ) async throws(ModelFileError) -> InstalledFile

    /// Deletes a file that ``install(_:report:)`` brought. A file that is gone already is no error.
    ///
    /// - Returns: its size.
    func remove(_ path: String) async throws(ModelFileError) -> Int64
}

/// What to install.
struct ModelFileRequest: Sendable, Hashable {
    /// ``ModelID/name`` of the model; 1-128 characters of letters, digits, `-`, `_` and `.`.
    var name: String
    var source: Source
    /// 64 hexadecimal digits, lower case; `nil` checks nothing.
    var sha256: String?
    /// What to call the version; `nil`: the first 12 digits of the file's SHA-256.
    var version: String?

    enum Source: Sendable, Hashable {
        /// Absolute.
        case path(String)
        case url(String)
        /// One of ``InstallableModels/names``: the file is made on this machine.
        case recipe(String)
    }
}

/// How far an installation is.
struct InstallProgress: Sendable, Hashable {
    var phase: Phase
    var receivedBytes: Int64 = 0
    /// 0 when not known.
    var totalBytes: Int64 = 0
    /// Bytes that were there from an interrupted attempt.
    var resumedBytes: Int64 = 0

    enum Phase: Sendable, Hashable, CaseIterable {
        case checking, transferring, converting, verifying, registering
    }
}

/// A file in the model folder that is a model.
struct InstalledFile: Sendable, Hashable {
    var facts: ModelFileFacts
    var sha256: String
    var version: String
}

/// What a model file says of itself.
struct ModelFileFacts: Sendable, Hashable {
    /// Absolute.
    var path: String
    var sizeBytes: Int64
    /// `llama`.
    var architecture: String
    /// Tokens that the model was trained for; `nil` when the file does not say.
    var contextLength: Int?
    var capabilities: Set<Capability>
    var category: ModelCategory
}

/// Why a model file cannot be had or used.
struct ModelFileError: Error, Sendable, Hashable {
    var kind: Kind
    /// What happened and what to do, with the path or the address.
    var message: String
    /// The changing values of the message, for programs: `expected` and `actual` of a checksum, `needed_bytes` and
    /// `available_bytes` of a disk, `architecture`.
    var metadata: [String: String] = [:]
    /// The field of the request that is at fault, as in the proto; empty where none is.
    var field = ""

    enum Kind: Sendable, Hashable, CaseIterable {
        /// A field of the request is wrong.
        case invalidRequest
        /// There is a file of this name and version with another content.
        case alreadyExists
        case notFound
        /// The download could not begin, or ended before its end. What came is kept.
        case unreachable
        case checksumMismatch
        case notGGUF
        case truncated
        case unsupportedArchitecture
        /// A program of this machine that is needed, Python, is missing or does not work.
        case toolMissing
        case insufficientDisk
        case notWritable
        /// Someone else installs the same.
        case busy
        case cancelled
        case failed
    }
}
