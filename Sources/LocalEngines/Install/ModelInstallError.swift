/// Why a model file could not be installed or removed, and what to do.
package struct ModelInstallError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A field of the request is wrong; ``ModelInstallError/field`` names it.
        case invalidRequest
        /// A model of this name is being installed at the moment.
        case conflict
        /// There is a file of this name and version with another content.
        case alreadyExists
        /// The source is not there.
        case notFound
        /// The download could not begin, or ended before its end. What came is kept: the same call goes on from there.
        case network
        case diskFull
        /// A folder or file cannot be read or written.
        case notWritable
        /// The content is not what its SHA-256 promised. It was deleted.
        case checksumMismatch
        /// It is no GGUF, a truncated one, or no model.
        case invalidModel
        /// The engine does not know the architecture.
        case unsupportedModel
        /// A program of this machine that is needed is missing or does not work.
        case toolMissing
        /// What came is kept.
        case cancelled
    }

    package var kind: Kind
    /// What happened and what to do, in a sentence or two, without secrets.
    package var message: String
    /// `name`, `path`, `url`, `sha256`, `version`; empty where no field is at fault.
    package var field: String
    /// The changing values of the message, for programs: `expected` and `actual` of a checksum, `needed_bytes` and
    /// `available_bytes` of a disk, `architecture`.
    package var metadata: [String: String]
    /// What is wrong with the file itself, for ``Kind/invalidModel``.
    package var file: GGUFError?

    package init(
        _ kind: Kind,
        _ message: String,
        field: String = "",
        metadata: [String: String] = [:],
        file: GGUFError? = nil
    ) {
        self.kind = kind
        self.message = message
        self.field = field
        self.metadata = metadata
        self.file = file
    }

    package var description: String { self.message }
}
