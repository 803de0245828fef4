/// Why an engine could not be installed, and what to do.
package struct EngineInstallError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The processor lacks instructions that the published builds need.
        case unsupportedMachine
        /// No `python3`, an old one, or one without `venv` and `pip`.
        case pythonMissing
        /// A shared library of the system is missing.
        case libraryMissing
        /// The package index could not be reached.
        case network
        /// What was downloaded is not what we expect.
        case rejected
        case diskFull
        case notWritable
        /// The engine was installed and does not start.
        case broken
        case cancelled
        /// pip or Python failed in a way that we do not know.
        case failed
    }

    package var kind: Kind
    /// What happened and what to do, in a sentence or two.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { self.message }

    /// Turns what pip wrote to its standard error into a reason.
    static func fromPip(_ output: String, of package: PinnedPackage = LlamaCppRelease.pinned) -> EngineInstallError {
        let has = { (texts: [String]) in texts.contains { output.contains($0) } }
        if has(["DO NOT MATCH THE HASHES"]) {
            return Self(
                .rejected,
                "the package index sent a \(package.name) with another content than the one we know: not installed"
            )
        }
        if has(["No space left on device"]) {
            return Self(.diskFull, "the disk is full: \(package.diskNeed)")
        }
        let network = [
            "NewConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "Name or service not known",
            "Temporary failure in name resolution", "Connection refused", "Network is unreachable", "SSLError",
            "ProxyError", "Connection aborted", "ConnectionResetError",
        ]
        if has(network) {
            return Self(
                .network,
                """
                the package index cannot be reached: check the network, or name a mirror in PIP_INDEX_URL \
                (\(Self.lastLines(output)))
                """
            )
        }
        if has(["No matching distribution", "Could not find a version"]) {
            let builds =
                package.wheelsFor.isEmpty ? "" : " for this machine and Python; builds exist for \(package.wheelsFor)"
            return Self(
                .network,
                """
                the package index has no \(package.name) \(package.version)\(builds) (\(Self.lastLines(output)))
                """
            )
        }
        return Self(.failed, "pip failed: \(Self.lastLines(output))")
    }

    /// Turns the failure to import the engine into a reason.
    static func fromImport(_ output: String) -> EngineInstallError {
        if output.contains("libgomp") { return self.noOpenMP }
        return Self(.broken, "the engine was installed but does not start: \(Self.lastLines(output))")
    }

    static let noOpenMP = EngineInstallError(
        .libraryMissing,
        "the library libgomp.so.1 is missing: run `apt-get install libgomp1` (Fedora: `dnf install libgomp`)"
    )

    static let cancelled = EngineInstallError(.cancelled, "the installation was cancelled; nothing was changed")

    /// The last few lines with something on them, on one line.
    static func lastLines(_ output: String, count: Int = 4) -> String {
        let tail = LogTail()
        tail.append(Array(output.utf8))
        tail.finish()
        let lines = tail.lines.suffix(count)
        return lines.isEmpty ? "without a word" : lines.joined(separator: " | ")
    }
}
