/// A package of the Python package index, pinned by version and content.
struct PinnedPackage: Sendable, Hashable {
    var name: String
    var version: String
    /// SHA-256 of its wheels, as the package index lists them: pip takes no other content.
    var hashes: [String]
    /// About what one wheel weighs, for progress; the index does not tell pip's callers.
    var downloadBytes: Int64
    /// Added to the message when the disk is full: what is needed.
    var diskNeed: String
    /// Added to the message when the index has no wheel for this machine; empty where one wheel is for all.
    var wheelsFor = ""

    /// For `pip --require-hashes`.
    var requirements: String {
        "\(self.name)==\(self.version) " + self.hashes.map { "--hash=sha256:\($0)" }.joined(separator: " ") + "\n"
    }
}
