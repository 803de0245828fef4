internal import ArgumentParser
internal import Roundhouse

/// The `roundhouse` executable.
///
/// Everything but `serve`, `config` and `engines` talks to a running server over gRPC, like any other client.
@main
struct RoundhouseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roundhouse",
        abstract: "A self-hosted model gateway for services that speak gRPC.",
        discussion: ExitStatus.helpTable,
        version: RoundhouseServer.version,
        subcommands: [
            ServeCommand.self,
            ChatCommand.self,
            GenerateCommand.self,
            EmbedCommand.self,
            RouteCommand.self,
            ModelsCommand.self,
            AliasesCommand.self,
            ProvidersCommand.self,
            EventsCommand.self,
            RequestsCommand.self,
            TelemetryCommand.self,
            TopCommand.self,
            AnomaliesCommand.self,
            RecommendationsCommand.self,
            StatusCommand.self,
            HealthCommand.self,
            DoctorCommand.self,
            HardwareCommand.self,
            StateCommand.self,
            TokensCommand.self,
            EnginesCommand.self,
            ConfigCommand.self,
        ]
    )
}
