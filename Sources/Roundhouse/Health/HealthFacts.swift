internal import Inference
internal import LocalEngines

/// What a check found out and what it knew already, before anybody judges it.
struct HealthFacts: Sendable, Hashable {
    /// What is configured and registered, from memory.
    var setup: HealthSetup
    var looks: HealthLooks
    /// How long each probe may take.
    var limit: Duration
}

/// What came of asking somebody who may not answer.
enum Look<Value: Sendable & Hashable>: Sendable, Hashable {
    case seen(Value, latency: Duration)
    /// No answer within the limit; it was not waited for.
    case hung

    var value: Value? {
        switch self {
        case .seen(let value, _): value
        case .hung: nil
        }
    }

    var latency: Duration? {
        switch self {
        case .seen(_, let latency): latency
        case .hung: nil
        }
    }
}

/// What the probes saw.
struct HealthLooks: Sendable, Hashable {
    var libraries: [LinkedLibrary]
    /// `nil` inside: there is no Python.
    var python: Look<PythonInstallation?>
    var software: Look<EngineSurvey.Findings>
    var servers: [LocalServer: Look<ServerSighting>]
    var services: [ProviderID: Look<ServiceSighting>]
    var disks: Look<[DiskSighting]>
}

/// A library that the server is linked with.
struct LinkedLibrary: Sendable, Hashable {
    var name: String
    /// Empty when it does not tell.
    var version: String
    /// The file; empty when it is part of the program.
    var path = ""
    /// The least version that will do; `nil`: any.
    var minimumVersion: String?
    /// What brings a later one.
    var package = ""
}

/// An engine of somebody else that may run on this machine, at its usual port.
enum LocalServer: Sendable, Hashable, CaseIterable {
    case vLLM, comfyUI, ollama, lmStudio

    /// As in ``EngineSurvey/names``.
    var engine: String {
        switch self {
        case .vLLM: EngineSurvey.vLLM
        case .comfyUI: EngineSurvey.comfyUI
        case .ollama: EngineSurvey.ollama
        case .lmStudio: EngineSurvey.lmStudio
        }
    }

    var port: Int {
        switch self {
        case .vLLM: 8000
        case .comfyUI: 8188
        case .ollama: 11434
        case .lmStudio: 1234
        }
    }

    var address: String { "http://127.0.0.1:\(self.port)" }
}

/// Whether an engine of somebody else runs.
struct ServerSighting: Sendable, Hashable {
    var isRunning: Bool
    /// As it says itself; empty when it does not.
    var version = ""
}

/// What came of asking a provider for its models.
enum ServiceSighting: Sendable, Hashable {
    case listed(models: Int)
    case fault(UpstreamFault)
    /// Nothing that could ask it could be made: a sentence that says why.
    case unusable(String)
    /// It is not one that can be asked.
    case notAskable
}

/// The disk that something lies on.
struct DiskSighting: Sendable, Hashable {
    var path: String
    var availableBytes: Int64
    var totalBytes: Int64
}

/// What is configured and registered.
struct HealthSetup: Sendable, Hashable {
    var isLocalEnabled = false
    var providers: [ProviderSetup] = []
    var models: [ModelSetup] = []
    /// Whether an engine process of ours runs.
    var isEngineRunning = false
    /// Where an engine would be installed.
    var engineDirectory = ""
    /// Sentences on what is wrong, from those whom it concerns.
    var issues: [String] = []

    /// A provider that is not ours.
    struct ProviderSetup: Sendable, Hashable {
        var id: ProviderID
        var kind: String
        /// Empty: the usual one of its kind.
        var address = ""
        var hasKey = false
        /// Where its key is, in words: `the environment variable LAB_KEY`; empty when only the configuration knows.
        var keyPlace = ""
        var isEnabled = true
        var acceptsAnyModel = false
    }

    struct ModelSetup: Sendable, Hashable {
        var id: ModelID
        var category: ModelCategory = .text
        var availability = ProviderAvailability.available
        var isLoaded = false
    }
}
