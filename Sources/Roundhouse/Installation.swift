internal import Inference
internal import LocalEngines

/// The engines that can be on this machine: what is there, and how the rest gets there.
///
/// For the command line, which asks no server for it: an engine is installed before there is one.
package struct EngineCatalog: Sendable {
    /// What is known of an engine without starting it.
    package struct Entry: Sendable, Hashable {
        /// As ``install(_:progress:)`` takes it.
        package var name: String
        /// The release or the program that would be used. Nil: there is none.
        package var found: String?
        /// Where ``install(_:progress:)`` puts it, or has put it.
        package var directory: String
        /// What to do when there is none.
        package var advice: String?
    }

    /// What an installation is doing.
    package enum Step: Sendable, Hashable {
        /// Another process installs the same; this one waits for it.
        case waitingForOtherInstaller
        case checkingMachine
        case creatingEnvironment
        /// Bytes so far, and about how many there will be.
        case downloading(received: Int64, total: Int64)
        case verifying
        /// Done. `wasPresent`: there was nothing to do.
        case ready(release: String, wasPresent: Bool)
    }

    /// Why an engine could not be installed.
    package struct Failure: Error, Sendable, Hashable {
        package enum Kind: Sendable, Hashable {
            /// There is no engine of this name.
            case unknownEngine
            /// The package index cannot be reached: it may work later.
            case network
            case cancelled
            /// Something on this machine.
            case other
        }

        package var kind: Kind
        /// What happened and what to do, in a sentence or two.
        package var message: String

        package init(kind: Kind, message: String) {
            self.kind = kind
            self.message = message
        }
    }

    private static let llamaCpp = "llama.cpp"

    private let directories: EngineDirectories
    private let environment: [String: String]

    /// - Parameter environment: `ROUNDHOUSE_ENGINES_DIR` and `XDG_DATA_HOME` say where engines are, `PATH` where else
    ///   to look, and pip's own variables hold for the download.
    package init(environment: [String: String]) {
        self.directories = EngineDirectories(environment: environment)
        self.environment = environment
    }

    /// Every engine, there or not. Looks at a few files; starts nothing.
    package func entries() -> [Entry] {
        let engine = LlamaCppEngine(directories: self.directories, searchPath: self.environment["PATH"])
        var entry = Entry(name: Self.llamaCpp, directory: self.llamaCppInstaller.directory)
        do {
            entry.found = try engine.find().description
        } catch {
            entry.advice = error.reason
        }
        return [entry]
    }

    /// Installs an engine unless it is installed.
    ///
    /// - Parameter progress: called from several tasks, never at the same time.
    package func install(
        _ name: String,
        progress: @escaping @Sendable (Step) -> Void
    ) async throws(Failure) {
        guard name == Self.llamaCpp else {
            throw Failure(kind: .unknownEngine, message: "there is no engine '\(name)'; there is \(Self.llamaCpp)")
        }
        do {
            try await self.llamaCppInstaller.install { progress(Step($0)) }
        } catch {
            throw Failure(error)
        }
    }

    private var llamaCppInstaller: LlamaCppInstaller {
        LlamaCppInstaller(directories: self.directories, environment: self.environment)
    }
}

extension EngineCatalog.Step {
    fileprivate init(_ event: EngineInstallEvent) {
        switch event {
        case .waitingForOtherInstaller: self = .waitingForOtherInstaller
        case .checkingMachine: self = .checkingMachine
        case .creatingEnvironment: self = .creatingEnvironment
        case .downloading(let received, let total): self = .downloading(received: received, total: total)
        case .verifying: self = .verifying
        case .ready(let description, let wasPresent): self = .ready(release: description, wasPresent: wasPresent)
        }
    }
}

extension EngineCatalog.Failure {
    fileprivate init(_ error: EngineInstallError) {
        let kind: Kind =
            switch error.kind {
            case .network: .network
            case .cancelled: .cancelled
            case .unsupportedMachine, .pythonMissing, .libraryMissing, .rejected, .diskFull, .notWritable, .broken,
                .failed:
                .other
            }
        self.init(kind: kind, message: error.message)
    }
}
