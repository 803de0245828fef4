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
        abstract: "Ask the server anew what is wrong, show what to do about each, and offer to do it.",
        discussion: """
            On a terminal it asks for each fix that the server can carry out (install an engine, switch a provider \
            off); --yes carries out, without asking, those that take nothing away (install an engine). Then everything \
            is asked once more. Exits as 'health' does, with how it is in the end. With --json it prints what \
            'health --refresh --json' does, and fixes nothing without --yes.
            """
    )

    @Flag(help: "Carry out what can be, without asking.")
    var yes = false

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        let json = self.connection.json
        let run = HealthRun(console: console, json: json, address: gateway.address)
        let check = { @Sendable in
            try await gateway.health.checkDependencies(.with { $0.refresh = true }, options: gateway.queryOptions)
        }
        var answer = try await run.answer(check)
        // In JSON there is one answer: how it is in the end.
        if !json { try await run.write(answer, DoctorTexts.page) }
        let fixes = DoctorRun(gateway: gateway, console: console, json: json, isUnattended: self.yes)
        let hasFixed = try await fixes.carryOut(answer.findings)
        if hasFixed {
            answer = try await run.answer(check)
            if !json { try await console.write("\n") }
        }
        if json || hasFixed { try await run.write(answer, DoctorTexts.page) }
        try run.end(answer)
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
        let answer = try await self.answer(check)
        try await self.write(answer, page)
        try self.end(answer)
    }

    /// - Throws: ``QuietEnding`` for a server that does not say how it is, after its error was shown.
    func answer(
        _ check: () async throws -> Roundhouse_V1_CheckDependenciesResponse
    ) async throws -> Roundhouse_V1_CheckDependenciesResponse {
        do {
            return try await check()
        } catch let error as RPCError {
            try Task.checkCancellation()
            // A server that cannot say how it is counts as one that is not well, whatever the reason.
            var report = FailureReport(error, address: self.address)
            report.status = .unhealthy
            await self.console.show(report, json: self.json)
            throw QuietEnding(status: .unhealthy)
        }
    }

    func write(
        _ answer: Roundhouse_V1_CheckDependenciesResponse,
        _ page: (Roundhouse_V1_CheckDependenciesResponse, TerminalTraits) -> String
    ) async throws {
        if self.json {
            try await self.console.write(json: answer)
        } else {
            try await self.console.write(page(answer, self.console.output))
        }
    }

    /// - Throws: ``QuietEnding`` unless the server is healthy.
    func end(_ answer: Roundhouse_V1_CheckDependenciesResponse) throws {
        switch answer.overallStatus {
        case .healthy: return
        case .degraded: throw QuietEnding(status: .failure)
        case .unhealthy, .unspecified, .UNRECOGNIZED: throw QuietEnding(status: .unhealthy)
        }
    }
}
