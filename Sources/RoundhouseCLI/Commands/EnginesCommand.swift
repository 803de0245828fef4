internal import ArgumentParser
internal import FoundationEssentials
internal import GRPCCore
internal import Roundhouse
internal import RoundhouseAPI
internal import SwiftProtobuf

struct EnginesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engines",
        abstract: "Install and list the engines that run local models.",
        discussion: """
            A server that answers does it, on its machine. Without one, with --local or where ROUNDHOUSE_ENGINES_DIR is \
            set and no server is named, it is done here.
            """,
        subcommands: [List.self, Install.self]
    )

    struct List: EngineCommand {
        static let configuration = CommandConfiguration(abstract: "List the engines, there or not.")

        @Flag(help: "Look on this machine, whatever server there is.")
        var local = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let answer = try await gateway.health.listEngines(
                .with { $0.refresh = true }, options: gateway.queryOptions)
            try await self.show(answer.engines.map(ShownEngine.init), console)
        }

        func executeHere(_ catalog: EngineCatalog, _ console: any Console) async throws {
            try await self.show(catalog.entries().map(ShownEngine.init), console)
        }

        private func show(_ engines: [ShownEngine], _ console: any Console) async throws {
            try await console.write(
                self.connection.json
                    ? EngineTexts.json(engines) : EngineTexts.table(engines).rendered(for: console.output)
            )
        }
    }

    struct Install: EngineCommand {
        static let configuration = CommandConfiguration(
            abstract: "Install an engine unless it is installed.",
            discussion: """
                Engines go to $ROUNDHOUSE_ENGINES_DIR, or $XDG_DATA_HOME/roundhouse/engines, and serve every data \
                directory. With --json each step is one line of JSON.
                """
        )

        @Argument(help: ArgumentHelp("'llama.cpp'.", valueName: "engine"))
        var engine: String

        @Flag(help: "Install on this machine, whatever server there is.")
        var local = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            try await EngineInstallation(engine: self.engine, json: self.connection.json, console: console)
                .run(on: gateway)
        }

        func executeHere(_ catalog: EngineCatalog, _ console: any Console) async throws {
            try await EngineInstallation(engine: self.engine, json: self.connection.json, console: console)
                .run { try await catalog.install(self.engine, progress: $0) }
        }
    }
}

/// A command that a server does on its machine, or this program on this one: an engine is installed before there is a
/// server, too.
protocol EngineCommand: ClientCommand {
    var local: Bool { get }

    func executeHere(_ catalog: EngineCatalog, _ console: any Console) async throws
}

extension EngineCommand {
    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let settings = self.connection.settings(environment: environment)
        try await CommandRun.perform(json: self.connection.json, address: settings.address) { console in
            try await self.execute(in: environment, console) { execute in
                try await ClientConnection(settings: settings).withGateway(execute)
            }
        }
    }

    /// - Parameter connect: Gives the server to its argument.
    func execute(
        in environment: [String: String],
        _ console: any Console,
        connect: (@Sendable (Gateway) async throws -> Void) async throws -> Void
    ) async throws {
        let catalog = EngineCatalog(environment: environment)
        let isServerNamed =
            self.connection.address != nil || !environment["ROUNDHOUSE_ADDRESS", default: ""].isEmpty
        let isFolderNamed = !environment["ROUNDHOUSE_ENGINES_DIR", default: ""].isEmpty
        if self.local || (isFolderNamed && !isServerNamed) { return try await self.executeHere(catalog, console) }
        do {
            try await connect { try await self.execute($0, console) }
        } catch let error as RPCError where !isServerNamed && Self.meansNobody(error) {
            try await self.executeHere(catalog, console)
        }
    }

    /// Whether nobody listens there, or one who knows no engines: then nothing of it was done. A server that cannot do it
    /// gives a reason.
    private static func meansNobody(_ error: RPCError) -> Bool {
        guard FailureReport(error).reason == nil else { return false }
        return error.code == .unavailable || error.code == .unimplemented
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
        } catch {
            await self.console.note(view.finish())
            guard let failure = error as? EngineCatalog.Failure else { throw error }
            throw Self.commandFailure(failure)
        }
    }

    /// Has the server install it on its machine.
    ///
    /// - Throws: ``CommandFailure/brokenPromise(_:)`` when the stream ended with OK before it was done.
    func run(on gateway: Gateway) async throws {
        try await self.run { [engine = self.engine] progress in
            let isDone = try await gateway.health.installEngine(
                .with { $0.engine = engine }, options: gateway.workOptions
            ) { response in
                var isDone = false
                for try await message in response.messages {
                    guard let step = EngineCatalog.Step(message) else { continue }
                    if case .ready = step { isDone = true }
                    progress(step)
                }
                return isDone
            }
            guard isDone else {
                throw CommandFailure.brokenPromise("the server ended the stream with OK but without 'ready'")
            }
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

extension EngineCatalog.Step {
    /// - Returns: `nil` for a phase of a later version.
    fileprivate init?(_ message: Roundhouse_V1_InstallEngineResponse) {
        switch message.phase {
        case .waiting: self = .waitingForOtherInstaller
        case .checking: self = .checkingMachine
        case .preparing: self = .creatingEnvironment
        case .downloading: self = .downloading(received: message.receivedBytes, total: message.totalBytes)
        case .verifying: self = .verifying
        case .ready: self = .ready(release: message.release, wasPresent: message.wasPresent)
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }
}
