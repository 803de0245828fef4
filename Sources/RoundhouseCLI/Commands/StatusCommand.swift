internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct StatusCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the state of the server in one look."
    )

    @Flag(help: "Exit with 69 when no request can be answered.")
    var check = false

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        let status = try await gateway.health.getSystemStatus(.init(), options: gateway.queryOptions)
        if self.connection.json {
            try await console.write(status.jsonString() + "\n")
        } else {
            try await console.write(StatusText.page(status, for: console.output))
        }
        if self.check && status.state == .unhealthy { throw QuietEnding(status: .unavailable) }
    }
}

/// The state of the server, as people read it.
enum StatusText {
    static func page(_ status: Roundhouse_V1_GetSystemStatusResponse, for traits: TerminalTraits) -> String {
        let title = "Roundhouse \(TerminalText.singleLine(status.version)): \(Self.name(status.state))"
        var text = traits.bold(title) + "\n" + Self.facts(status).rendered(for: traits)
        if !status.engines.isEmpty {
            text += "\n" + Self.engines(status.engines).rendered(for: traits)
        }
        if !status.issues.isEmpty {
            text += "\n" + traits.bold("What to do") + "\n"
            text += status.issues.map { "  - \(TerminalText.singleLine($0))\n" }.joined()
        }
        return text
    }

    private static func facts(_ status: Roundhouse_V1_GetSystemStatusResponse) -> Page {
        var page = Page()
        let since = status.hasStartTime ? ", since \(Figures.time(status.startTime))" : ""
        page.add("up", Figures.duration(Duration(status.uptime)) + since)
        page.add("serves", status.grpcAddresses.joined(separator: ", "))
        let http = status.ports.filter { $0.protocol == "http" }.map(\.address)
        if !http.isEmpty { page.add("http", http.joined(separator: ", ")) }
        page.add("models", "\(status.readyModelCount) of \(status.modelCount) ready")
        page.add("providers", "\(status.providerCount)")
        page.add(
            "requests",
            "\(status.requests.active) active, \(status.requests.succeeded) succeeded, \(status.requests.failed) failed"
        )
        if status.hasStorage { page.add("storage", Self.storage(status.storage)) }
        return page
    }

    private static func storage(_ storage: Roundhouse_V1_StorageStatus) -> String {
        var parts = [storage.path, Figures.bytes(storage.sizeBytes)].filter { !$0.isEmpty }
        if storage.pendingRecordCount > 0 {
            parts.append("\(Figures.count(storage.pendingRecordCount, "record")) waiting")
        }
        if storage.droppedRecordCount > 0 {
            parts.append("\(Figures.count(storage.droppedRecordCount, "record")) lost")
        }
        return parts.joined(separator: ", ")
    }

    private static func engines(_ engines: [Roundhouse_V1_EngineStatus]) -> Table {
        var table = Table([
            .init(title: "MODEL"), .init(title: "ENGINE"), .init(title: "STATE"),
            .init(title: "PID", alignment: .right),
            .init(title: "RESTARTS", alignment: .right), .init(title: "REMARK", canShrink: true),
        ])
        for engine in engines {
            table.add([
                engine.model, engine.engine, StateTexts.name(engine.state),
                engine.processID > 0 ? "\(engine.processID)" : "-", "\(engine.restartCount)", engine.stateReason,
            ])
        }
        return table
    }

    private static func name(_ state: Roundhouse_V1_SystemState) -> String {
        switch state {
        case .healthy: "healthy"
        case .degraded: "degraded"
        case .unhealthy: "unhealthy, no request can be answered"
        case .unspecified: "state unknown"
        case .UNRECOGNIZED(let number): "state \(number)"
        }
    }
}
