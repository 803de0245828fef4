internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf
internal import Synchronization

struct TopCommand: ClientCommand {
    private static let intervals = Duration.milliseconds(200)...Duration.seconds(60)

    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch models, streams, tokens a second and memory.",
        discussion: """
            Keys: q quits; a, n, t and m sort by activity, name, tokens/s and memory; arrows, space and b scroll. FAILED \
            counts since top began, LATENCY and FIRST are of the last answers that ended. Where the output is no \
            terminal, or with --once, it writes one picture after one interval and ends. With --json it writes each \
            WatchMetricsResponse as one line.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "Ids. Default: models that are in memory, answer, or did in the last five minutes.", valueName: "model"))
    var models: [String] = []

    @Option(
        help: ArgumentHelp("From one picture to the next: 200ms to 60s. Default: 1s.", valueName: "duration"))
    var interval: DurationArgument?

    @Option(help: ArgumentHelp("What comes first.", valueName: "order"))
    var sort = TopState.Order.activity

    @Flag(help: "Write one picture and end.")
    var once = false

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func validate() throws {
        if let interval = self.interval?.duration, !Self.intervals.contains(interval) {
            throw ValidationError("--interval must be 200ms to 60s, not \(Figures.duration(interval))")
        }
    }

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        let watcher = MetricsWatcher(
            gateway: gateway, clock: console.clock,
            request: .with {
                $0.models = self.models
                if let interval = self.interval?.duration { $0.interval = .init(rounding: interval) }
            }
        )
        if self.connection.json { return try await self.writeJSON(watcher, console) }
        guard !self.once, console.output.canRedraw else { return try await self.writeOnce(watcher, console) }
        try await TopSession(watcher: watcher, console: console, address: gateway.address, order: self.sort).run()
    }

    /// The first message has nothing to count from, so it is the second that is shown.
    private func writeOnce(_ watcher: MetricsWatcher, _ console: any Console) async throws {
        let state = Box(TopState(address: watcher.gateway.address, order: self.sort))
        try await watcher.run { update in
            state.value.withLock {
                $0.take(update)
                return $0.rates.isEmpty
            }
        }
        let frame = TopFrame(
            state: state.value.withLock { $0 }, size: ScreenSize(columns: console.output.columns, rows: nil),
            traits: console.output, hasKeys: false)
        try await console.write(frame.lines.map { $0 + "\n" }.joined())
    }

    private func writeJSON(_ watcher: MetricsWatcher, _ console: any Console) async throws {
        try await watcher.run { update in
            guard case .figures(let message) = update else { return true }
            guard self.once else {
                try await console.write(json: message)
                return true
            }
            if message.hasElapsed { try await console.write(json: message) }
            return !message.hasElapsed
        }
    }

    private final class Box: Sendable {
        let value: Mutex<TopState>

        init(_ state: TopState) {
            self.value = Mutex(state)
        }
    }
}
