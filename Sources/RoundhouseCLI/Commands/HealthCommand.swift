internal import ArgumentParser
internal import GRPCCore
internal import RoundhouseAPI
internal import SwiftProtobuf

struct HealthCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Show what the server stands on: libraries, Python, providers, engines, models, disks.",
        discussion: """
            Exits with 0 when the server is healthy, 1 when it is degraded, 2 when it can answer no request or is not \
            there. What was asked of others may be 30 s old; --refresh asks anew.
            """
    )

    @Flag(help: "Ask everybody anew.")
    var refresh = false

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        try await HealthRun(console: console, json: self.connection.json, address: gateway.address)
            .show(HealthTexts.page) {
                try await gateway.health.checkDependencies(
                    .with { $0.refresh = self.refresh }, options: gateway.queryOptions)
            }
    }
}

struct DoctorCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Ask the server anew what is wrong, and show what to do about each.",
        discussion: "Exits as 'health' does. With --json it prints what 'health --refresh --json' does."
    )

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        try await HealthRun(console: console, json: self.connection.json, address: gateway.address)
            .show(DoctorTexts.page) {
                try await gateway.health.checkDependencies(.with { $0.refresh = true }, options: gateway.queryOptions)
            }
    }
}

/// A check, shown with the exit status that monitoring expects: 0, 1 or 2.
struct HealthRun: Sendable {
    let console: any Console
    let json: Bool
    let address: String

    /// - Throws: ``QuietEnding`` unless the server is healthy.
    func show(
        _ page: (Roundhouse_V1_CheckDependenciesResponse, TerminalTraits) -> String,
        _ check: () async throws -> Roundhouse_V1_CheckDependenciesResponse
    ) async throws {
        let answer: Roundhouse_V1_CheckDependenciesResponse
        do {
            answer = try await check()
        } catch let error as RPCError {
            try Task.checkCancellation()
            // A server that cannot say how it is counts as one that is not well, whatever the reason.
            var report = FailureReport(error, address: self.address)
            report.status = .unhealthy
            await self.console.show(report, json: self.json)
            throw QuietEnding(status: .unhealthy)
        }
        if self.json {
            try await self.console.write(json: answer)
        } else {
            try await self.console.write(page(answer, self.console.output))
        }
        switch answer.overallStatus {
        case .healthy: return
        case .degraded: throw QuietEnding(status: .failure)
        case .unhealthy, .unspecified, .UNRECOGNIZED: throw QuietEnding(status: .unhealthy)
        }
    }
}
