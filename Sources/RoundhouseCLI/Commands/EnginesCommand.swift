internal import ArgumentParser
internal import FoundationEssentials
internal import Roundhouse

struct EnginesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engines",
        abstract: "Install and list the engines that run local models on this machine.",
        subcommands: [List.self, Install.self]
    )

    struct List: AsyncParsableCommand, Sendable {
        static let configuration = CommandConfiguration(abstract: "List the engines, there or not.")

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let catalog = EngineCatalog(environment: ProcessInfo.processInfo.environment)
            try await CommandRun.perform(json: self.json) { console in
                let entries = catalog.entries()
                try await console.write(
                    self.json ? EngineTexts.json(entries) : EngineTexts.table(entries).rendered(for: console.output)
                )
            }
        }
    }

    struct Install: AsyncParsableCommand, Sendable {
        static let configuration = CommandConfiguration(
            abstract: "Install an engine unless it is installed.",
            discussion: """
                Engines go to $ROUNDHOUSE_ENGINES_DIR, or $XDG_DATA_HOME/roundhouse/engines, and serve every data \
                directory. With --json each step is one line of JSON.
                """
        )

        @Argument(help: ArgumentHelp("'llama.cpp'.", valueName: "engine"))
        var engine: String

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let catalog = EngineCatalog(environment: ProcessInfo.processInfo.environment)
            try await CommandRun.perform(json: self.json) { console in
                try await EngineInstallation(engine: self.engine, json: self.json, console: console)
                    .run { try await catalog.install(self.engine, progress: $0) }
            }
        }
    }
}

/// Shows an installation while it runs.
struct EngineInstallation: Sendable {
    typealias Job = @Sendable (_ progress: @escaping @Sendable (EngineCatalog.Step) -> Void) async throws -> Void

    let engine: String
    let json: Bool
    let console: any Console

    /// - Throws: ``CommandFailure`` with what to do.
    func run(_ job: @escaping Job) async throws {
        let (steps, continuation) = AsyncStream.makeStream(of: EngineCatalog.Step.self)
        var view = ProgressView(self.console)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { continuation.finish() }
                    try await job { continuation.yield($0) }
                }
                for await step in steps {
                    try await self.show(step, &view)
                }
                try await group.waitForAll()
            }
        } catch let failure as EngineCatalog.Failure {
            await self.console.note(view.finish())
            throw Self.commandFailure(failure)
        }
    }

    private func show(_ step: EngineCatalog.Step, _ view: inout ProgressView) async throws {
        if self.json {
            try await self.console.write(EngineTexts.json(step, engine: self.engine))
            return
        }
        switch step {
        case .waitingForOtherInstaller: await self.console.note(view.show("waiting for another installation to end"))
        case .checkingMachine: await self.console.note(view.show("checking the machine"))
        case .creatingEnvironment: await self.console.note(view.show("making a Python environment"))
        case .downloading(let received, let total):
            await self.console.note(view.show("downloading \(self.engine)", done: received, of: total))
        case .verifying: await self.console.note(view.show("trying it out"))
        case .ready(let release, let wasPresent):
            await self.console.note(view.finish())
            let state = wasPresent ? "was installed already" : "is installed"
            try await self.console.write("\(self.engine) \(state): \(TerminalText.singleLine(release))\n")
        }
    }

    private static func commandFailure(_ failure: EngineCatalog.Failure) -> CommandFailure {
        switch failure.kind {
        case .unknownEngine: .usage(failure.message)
        case .network: .unreachable(failure.message)
        case .cancelled, .other: .local(failure.message, hint: nil)
        }
    }
}

/// Engines, as people and programs read them.
enum EngineTexts {
    static func table(_ entries: [EngineCatalog.Entry]) -> Table {
        var table = Table([
            .init(title: "ENGINE"), .init(title: "STATE"), .init(title: "FOUND", canShrink: true),
            .init(title: "REMARK", canShrink: true),
        ])
        for entry in entries {
            table.add([entry.name, entry.found == nil ? "missing" : "present", entry.found ?? "-", entry.advice ?? ""])
        }
        return table
    }

    private struct ListedEntry: Encodable {
        var name: String
        var isPresent: Bool
        var found: String?
        var directory: String
        var advice: String?
    }

    static func json(_ entries: [EngineCatalog.Entry]) -> String {
        let listed = entries.map { entry in
            ListedEntry(
                name: entry.name,
                isPresent: entry.found != nil,
                found: entry.found,
                directory: entry.directory,
                advice: entry.advice
            )
        }
        return (JSONLine.encoded(["engines": listed]) ?? "{}") + "\n"
    }

    private struct ShownStep: Encodable {
        var event: String
        var engine: String
        var receivedBytes: Int64?
        var totalBytes: Int64?
        var release: String?
        var wasPresent: Bool?
    }

    static func json(_ step: EngineCatalog.Step, engine: String) -> String {
        var shown = ShownStep(event: "", engine: engine)
        switch step {
        case .waitingForOtherInstaller: shown.event = "waiting"
        case .checkingMachine: shown.event = "checking"
        case .creatingEnvironment: shown.event = "preparing"
        case .downloading(let received, let total):
            shown.event = "downloading"
            (shown.receivedBytes, shown.totalBytes) = (received, total)
        case .verifying: shown.event = "verifying"
        case .ready(let release, let wasPresent):
            shown.event = "ready"
            (shown.release, shown.wasPresent) = (release, wasPresent)
        }
        return (JSONLine.encoded(shown) ?? "{}") + "\n"
    }
}
