internal import ArgumentParser
internal import FoundationEssentials
internal import GRPCCore
internal import Roundhouse
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Install: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring a GGUF file into the server's model folder and register it.",
            discussion: """
                Nothing is registered unless everything was right. An interrupted download goes on where it stopped \
                when the command is run again. With --json each step is one line of JSON.

                Of some models the name is enough, as the server makes the file: 'minilm', all-MiniLM-L6-v2 for sentence \
                embeddings, from the weights in a Python package.
                """
        )

        @Argument(help: ArgumentHelp("The model's name: it becomes local/NAME.", valueName: "name"))
        var name: String

        @Option(help: ArgumentHelp("A file on the server's machine, which is copied.", valueName: "file"))
        var path: String?

        @Option(help: ArgumentHelp("Where to download it: https, or http to the server's machine.", valueName: "url"))
        var url: String?

        @Option(
            name: .customLong("sha256"),
            help: ArgumentHelp("The file's SHA-256, which is checked. Advised for downloads.", valueName: "digest")
        )
        var digest: String?

        @Option(
            name: .customLong("version"),
            help: ArgumentHelp(
                "What to call this version.",
                discussion: "Default: the first 12 digits of its SHA-256.",
                valueName: "name"
            )
        )
        var versionName: String?

        @Flag(help: "Make it the active version of a model that exists already.")
        var activate = false

        @Flag(help: "Load it only with its first request.")
        var lazy = false

        @Option(help: ArgumentHelp("A name for people.", valueName: "text"))
        var displayName: String?

        @Option(help: ArgumentHelp("A label of the model. May be repeated.", valueName: "word"))
        var tag: [String] = []

        @OptionGroup(title: "Engine")
        var engine: EngineOptions

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            if self.path != nil, self.url != nil {
                throw ValidationError("--path and --url exclude each other")
            }
            if self.path == nil, self.address == nil {
                let known = InstallableModels.names.joined(separator: ", ")
                throw ValidationError("either --path or --url is needed; without them only these are known: \(known)")
            }
            if let digest = self.digest, digest.count != 64 || !digest.allSatisfy(\.isHexDigit) {
                throw ValidationError("--sha256 must be 64 hexadecimal digits, not '\(digest)'")
            }
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let job = InstallationJob(
                verb: self.path == nil ? "downloading" : "copying",
                console: console,
                json: self.connection.json
            )
            do {
                try await gateway.registry.installModel(self.request, options: gateway.workOptions) {
                    try await job.follow($0.messages)
                }
            } catch {
                if Task.isCancelled, !self.connection.json {
                    await console.note("to go on where it stopped, run the same command again\n")
                }
                throw error
            }
        }

        /// Where it is downloaded from, given or known by its name.
        private var address: String? { self.url ?? InstallableModels.address(of: self.name) }

        private var request: Roundhouse_V1_InstallModelRequest {
            .with {
                $0.name = self.name
                // The server has another working directory: a path that depends on ours would mean nothing to it.
                if let path = self.path { $0.path = Self.absolute(path) }
                if self.path == nil, let address = self.address { $0.url = address }
                $0.sha256 = self.digest?.lowercased() ?? ""
                $0.version = self.versionName ?? ""
                $0.activate = self.activate
                $0.displayName = self.displayName ?? ""
                $0.tags = self.tag
                $0.lazy = self.lazy
                if let settings = self.engine.settings { $0.engineSettings = settings }
            }
        }

        static func absolute(_ path: String) -> String {
            path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        }
    }
}

/// How the engine of a local model is run.
struct EngineOptions: ParsableArguments, Sendable {
    @Option(help: ArgumentHelp("Tokens of context; more takes more memory.", valueName: "tokens"))
    var contextLength: Int32?

    @Option(help: ArgumentHelp("Processor threads.", valueName: "count"))
    var threads: Int32?

    @Option(help: ArgumentHelp("Requests answered at the same time.", valueName: "count"))
    var parallel: Int32?

    @Option(help: ArgumentHelp("Layers that are put on the GPU.", valueName: "count"))
    var gpuLayers: Int32?

    /// Nil: none was given.
    var settings: Roundhouse_V1_EngineSettings? {
        let given = [self.contextLength, self.threads, self.parallel, self.gpuLayers]
        guard given.contains(where: { $0 != nil }) else { return nil }
        return .with {
            $0.contextLength = self.contextLength ?? 0
            $0.threads = self.threads ?? 0
            $0.parallel = self.parallel ?? 0
            $0.gpuLayers = self.gpuLayers ?? 0
        }
    }
}
