internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Uninstall: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Unload an installed model, forget it and delete its files."
        )

        @Argument(help: ArgumentHelp("The model's id.", valueName: "model"))
        var model: String

        @Option(
            name: .customLong("version"),
            help: ArgumentHelp("Only this version, which must not be the active one.", valueName: "name")
        )
        var versionName: String?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await console.waiting(for: "uninstalling \(self.model)", json: self.connection.json) {
                try await gateway.registry.uninstallModel(
                    .with {
                        $0.model = self.model
                        $0.version = self.versionName ?? ""
                    },
                    options: gateway.workOptions
                )
            }
            guard !self.connection.json else { return try await console.write(json: response) }
            let what = self.versionName.map { "version \($0) of \(self.model)" } ?? self.model
            let files = Figures.some(response.deletedPaths.count, "file")
            try await console.write(
                line: "\(what) is gone: \(files) deleted, \(Figures.bytes(response.freedBytes)) freed"
            )
            for path in response.deletedPaths {
                try await console.write(line: "  \(path)")
            }
        }
    }
}
