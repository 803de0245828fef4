internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Detect: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find out what a model can do, from its file or its provider's listing."
        )

        @Argument(help: ArgumentHelp("The model's id.", valueName: "model"))
        var model: String

        @Flag(help: "Also send small requests to the model, which may load it and cost money.")
        var probe = false

        @Flag(help: "Write what was found into the registry.")
        var update = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await console.waiting(for: "looking at \(self.model)", json: self.connection.json) {
                try await gateway.registry.detectCapabilities(
                    .with {
                        $0.model = self.model
                        $0.probe = self.probe
                        $0.update = self.update
                    },
                    options: gateway.workOptions
                )
            }
            guard !self.connection.json else { return try await console.write(json: response) }
            var page = Page()
            page.add("architecture", response.architecture)
            page.add(
                "context",
                response.contextLength > 0 ? Figures.count(response.contextLength, "token") : "not found"
            )
            // Only a file says whether it brings one.
            if !response.architecture.isEmpty { page.add("chat template", response.hasChatTemplate_p ? "yes" : "no") }
            try await console.write(page)
            if response.capabilities.isEmpty {
                await console.note("nothing says what it can do; --probe asks the model itself\n")
            } else {
                try await console.write("\n")
                try await console.write(Self.table(response.capabilities))
            }
            if self.update { await console.note(line: "\(self.model) was updated (etag \(response.model.etag))") }
        }

        private static func table(_ capabilities: [Roundhouse_V1_DetectedCapability]) -> Table {
            var table = Table([
                .init(title: "CAPABILITY"), .init(title: "SUPPORTED"), .init(title: "EVIDENCE", canShrink: true),
            ])
            for found in capabilities {
                table.add([ModelTexts.name(found.capability), found.supported ? "yes" : "no", found.evidence])
            }
            return table
        }
    }
}
