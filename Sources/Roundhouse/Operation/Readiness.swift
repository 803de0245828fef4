internal import Inference
internal import ModelRegistry

/// Whether requests may be sent to this server, and what keeps it from answering them.
///
/// The one place that decides it: `/readyz`, and the verdict of `GetSystemStatus`, which looks at more.
struct Readiness: Sendable, Hashable {
    /// What the process itself is at.
    struct Condition: Sendable, Hashable {
        var phase = Phase.serving
        /// Why what is recorded cannot be written; `nil`: it can.
        var databaseFailure: DatabaseFailure?
    }

    enum Phase: Sendable, Hashable {
        /// The gRPC port is not open yet.
        case starting
        case serving
        /// Running requests may end, new ones are refused.
        case shuttingDown
    }

    struct DatabaseFailure: Sendable, Hashable {
        /// Says what to do.
        var message: String
        /// Requests are served meanwhile: records wait in memory, or are counted as lost.
        var isDiskFull = false
    }

    /// How many models there are to answer.
    struct Models: Sendable, Hashable {
        var registered = 0
        /// Of those, models that can answer, at once or after a load.
        var usable = 0
        /// A provider takes any name, whether or not such a model is registered.
        var acceptsAny = false
        /// A model that cannot answer, and why.
        var example: String?

        var canAnswer: Bool { self.usable > 0 || self.acceptsAny }
    }

    /// One thing that was looked at.
    struct Check: Sendable, Hashable {
        var name: Name
        /// A sentence: what was found, and what to do where something is wrong.
        var message: String
        var isPassed: Bool

        enum Name: String, Sendable, Hashable, CaseIterable {
            case server, database, models
        }
    }

    /// Every check, whether it passed or not.
    let checks: [Check]

    var isReady: Bool { self.checks.allSatisfy(\.isPassed) }

    init(_ condition: Condition, _ models: Models) {
        self.checks = [Self.server(condition.phase), Self.database(condition.databaseFailure), Self.models(models)]
    }

    private static func server(_ phase: Phase) -> Check {
        switch phase {
        case .starting: Check(name: .server, message: "the server is starting: wait for it", isPassed: false)
        case .serving: Check(name: .server, message: "requests are taken", isPassed: true)
        case .shuttingDown:
            Check(
                name: .server,
                message: "the server is shutting down: running requests may end; send new ones elsewhere",
                isPassed: false)
        }
    }

    private static func database(_ failure: DatabaseFailure?) -> Check {
        guard let failure else { return Check(name: .database, message: "it is open", isPassed: true) }
        // What is registered is in memory, so a full disk keeps nobody from being served.
        return Check(name: .database, message: failure.message, isPassed: failure.isDiskFull)
    }

    private static func models(_ models: Models) -> Check {
        if models.canAnswer {
            let message =
                models.usable > 0
                ? "\(models.usable) of \(models.registered) can answer" : "a provider takes any model's name"
            return Check(name: .models, message: message, isPassed: true)
        }
        guard models.registered > 0 else { return Check(name: .models, message: Self.noModel, isPassed: false) }
        let reason = models.example.map { ": \($0)" } ?? ""
        return Check(
            name: .models, message: "none of \(models.registered) models can answer\(reason)", isPassed: false)
    }

    static let noModel = """
        no model is configured: add a provider to the configuration or install a local engine with \
        'roundhouse engines install llama.cpp'
        """
}

extension Readiness.Models {
    /// What is registered now.
    init(_ snapshot: RegistrySnapshot, availability: (ModelID) -> ProviderAvailability) {
        self.init(snapshot, snapshot.models.map { ($0.id, availability($0.id)) })
    }

    init(_ snapshot: RegistrySnapshot, _ availabilities: [(ModelID, ProviderAvailability)]) {
        let providers = Set(snapshot.providers.filter(\.isEnabled).map(\.id))
        self.acceptsAny = snapshot.providers.contains { $0.isEnabled && $0.acceptsAnyModel }
        for (model, availability) in availabilities
        where providers.contains(model.provider) && snapshot.model(model)?.isEnabled == true {
            self.registered += 1
            if availability.canAnswer { self.usable += 1 }
            if case .unavailable(let reason) = availability, self.example == nil {
                self.example = "'\(model)': \(reason)"
            }
        }
    }
}
