internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct TelemetryCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "telemetry",
        abstract: "Show how requests went over a time, as figures and charts.",
        discussion: """
            Without a model: all requests as clients saw them, and each model. A gap in a chart is a time without \
            requests; beside it stands what its highest bar means. With --json it prints the GetModelMetricsResponse, \
            or without a model two lines: the GetTelemetryResponse and the GetSystemMetricsResponse.
            """
    )

    @Argument(help: ArgumentHelp("Only this model, by id, with its health and its anomalies.", valueName: "model"))
    var model: String?

    @Option(help: ArgumentHelp("How far back: 1h, 6h, 24h, 7d or 30d. Default: 24h.", valueName: "range"))
    var range: RangeArgument?

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        let range = self.range?.range ?? .oneDay
        guard let model = self.model else { return try await self.showAll(range, gateway, console) }
        let metrics = try await gateway.telemetry.getModelMetrics(
            .with { ($0.model, $0.range) = (model, range) }, options: gateway.queryOptions)
        guard !self.connection.json else { return try await console.write(json: metrics) }
        try await console.write(TelemetryTexts.page(metrics, for: console.output))
    }

    private func showAll(
        _ range: Roundhouse_V1_MetricRange,
        _ gateway: Gateway,
        _ console: any Console
    ) async throws {
        let overview = try await gateway.telemetry.getTelemetry(
            .with { $0.range = range }, options: gateway.queryOptions)
        let metrics = try await gateway.telemetry.getSystemMetrics(
            .with { $0.range = range }, options: gateway.queryOptions)
        guard !self.connection.json else {
            try await console.write(json: overview)
            return try await console.write(json: metrics)
        }
        try await console.write(TelemetryTexts.page(overview, metrics, for: console.output))
    }
}
