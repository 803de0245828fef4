internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Create: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a model of an existing provider.",
            discussion: """
                A model of the provider 'local' needs --path: its file stays where it is. 'models install' brings a \
                file into the model folder instead.
                """
        )

        @Argument(help: ArgumentHelp("The model's id: PROVIDER/NAME.", valueName: "model"))
        var model: String

        @Option(help: ArgumentHelp("The GGUF file on the server's machine.", valueName: "file"))
        var path: String?

        @Option(
            name: .customLong("sha256"),
            help: ArgumentHelp("The file's SHA-256.", valueName: "digest")
        )
        var digest: String?

        @Option(
            name: .customLong("version"),
            help: ArgumentHelp("What to call the file's version.", valueName: "name")
        )
        var versionName: String?

        @OptionGroup
        var edits: ModelEditOptions

        @Flag(name: .customLong("dry-run"), help: "Check everything and register nothing.")
        var isDryRun = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            if self.path == nil, self.digest != nil || self.versionName != nil {
                throw ValidationError("--sha256 and --version tell of a file: --path is needed")
            }
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let edits = try self.edits.edits()
            let response = try await gateway.registry.createModel(
                .with {
                    $0.model.id = self.model
                    $0.model.enabled = true
                    if let path = self.path {
                        let version = self.versionName ?? ""
                        $0.model.versions = [
                            .with {
                                $0.path = Install.absolute(path)
                                $0.sha256 = self.digest?.lowercased() ?? ""
                                $0.version = version
                            }
                        ]
                        $0.model.activeVersion = version
                    }
                    edits.apply(to: &$0.model)
                    $0.validateOnly = self.isDryRun
                },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response.model) }
            let did = self.isDryRun ? "can be registered" : "is registered (etag \(response.model.etag))"
            try await console.write(line: "\(self.model) \(did)")
        }
    }
}
