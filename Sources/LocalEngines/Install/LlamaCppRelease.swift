import FoundationEssentials

/// The release of llama.cpp that Roundhouse installs: a wheel on PyPI, pinned by version and content.
enum LlamaCppRelease {
    static let package = "xllamacpp"
    static let version = "2026.10.11549"

    static let pinned = PinnedPackage(
        name: Self.package,
        version: Self.version,
        hashes: [
            // cp310-abi3, x86_64 and aarch64: every CPython from 3.10 on.
            "c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261",
            "e2a3e79e775515de4ad197e667f874070446ef9ac9cf2044bc9866bc4c72289e",
            // cp314t, x86_64 and aarch64: the free-threaded build.
            "b9d341c07245b246d235a7186b0df8b892a3665fd92e37e1de606eaeff1d5265",
            "cd580dd0a984e0d3ad2d1f7115a064fc2383b9d7a616521819e7a37e7de2c6d2",
        ],
        downloadBytes: 33_800_000,
        diskNeed: "the engine needs about 200 MB",
        wheelsFor: "x86-64 and ARM64 with CPython 3.10 or later"
    )

    /// Written last into an installation: its presence means that everything else is there.
    static func manifest(in directory: String) -> String { "\(directory)/roundhouse-engine.json" }

    static func python(in directory: String) -> String { "\(directory)/bin/python" }

    static func isInstalled(in directory: String) -> Bool {
        FileManager.default.fileExists(atPath: self.manifest(in: directory))
            && Machine.isProgram(self.python(in: directory))
    }
}
