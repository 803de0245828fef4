internal import Roundhouse
internal import RoundhouseAPI

/// An engine, whoever looked for it.
struct ShownEngine: Sendable, Hashable, Encodable {
    var name: String
    var isPresent: Bool
    var found: String?
    /// Empty: we do not install it.
    var directory: String
    var advice: String?
    /// Only a server tells.
    var isRunning: Bool?

    init(_ entry: EngineCatalog.Entry) {
        self.name = entry.name
        self.isPresent = entry.found != nil
        self.found = entry.found
        self.directory = entry.directory
        self.advice = entry.advice
    }

    init(_ engine: Roundhouse_V1_InferenceEngine) {
        self.name = engine.name
        self.isPresent = engine.installed || engine.running
        let place = engine.path.isEmpty ? engine.address : engine.path
        let found = [engine.version, place].filter { !$0.isEmpty }.joined(separator: " ")
        self.found = found.isEmpty ? nil : found
        self.directory = engine.directory
        self.advice = engine.advice.isEmpty || self.isPresent ? nil : engine.advice
        self.isRunning = engine.running
    }
}

/// Engines, as people and programs read them.
enum EngineTexts {
    static func table(_ engines: [ShownEngine]) -> Table {
        var table = Table([
            .init(title: "ENGINE"), .init(title: "STATE"), .init(title: "FOUND", canShrink: true),
            .init(title: "REMARK", canShrink: true),
        ])
        for engine in engines {
            let state = engine.isRunning == true ? "running" : engine.isPresent ? "present" : "missing"
            table.add([engine.name, state, engine.found ?? "-", engine.advice ?? ""])
        }
        return table
    }

    static func json(_ engines: [ShownEngine]) -> String {
        (JSONLine.encoded(["engines": engines]) ?? "{}") + "\n"
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
