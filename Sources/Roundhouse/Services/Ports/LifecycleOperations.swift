internal import Inference
internal import ModelRegistry

/// The long operations of `LifecycleService` beyond loading itself. Cancelling the task ends them.
struct LifecycleOperations: Sendable {
    /// Loads what is not loaded of `models`, or of all enabled models that fit when it is empty, and has each answer a
    /// first, internal request. One model's failure is its result, not an error.
    var warmUp:
        @Sendable (
            _ models: [ModelID], _ includesLazy: Bool, _ report: @escaping @Sendable (WarmUpUpdate) -> Void
        ) async throws -> WarmUpSummary

    /// Measures a model. Failed runs are part of the profile; throws ``LifecycleError`` or ``UpstreamFault`` when it
    /// could not be measured at all.
    var profile:
        @Sendable (
            _ model: ModelID, _ settings: ProfileSettings, _ report: @escaping @Sendable (ProfileUpdate) -> Void
        ) async throws -> ModelProfile
}

/// What a warm-up tells while it runs.
enum WarmUpUpdate: Sendable, Hashable {
    case progress(LoadProgress)
    case result(WarmUpResult)
}

/// What became of one model in a warm-up.
struct WarmUpResult: Sendable, Hashable {
    var model: ModelID
    var outcome: Outcome
    /// Why, when it was skipped or failed.
    var reason = ""
    var elapsed = Duration.zero

    enum Outcome: Sendable, Hashable, CaseIterable {
        case warmed, alreadyWarm, skipped, failed
    }
}

/// What a warm-up did.
struct WarmUpSummary: Sendable, Hashable {
    var status: Status
    /// A sentence for people.
    var message: String
    /// What was loaded by it.
    var loaded: [ModelID]
    var elapsed: Duration
    /// Models in memory now.
    var loadedCounts: [ModelCategory: Int]
    /// One for each model.
    var results: [WarmUpResult]

    enum Status: String, Sendable, Hashable, CaseIterable {
        case success
        case alreadyWarm = "already_warm"
        case partial
        case failed
    }
}

/// How to measure a model.
struct ProfileSettings: Sendable, Hashable {
    /// 1...1000.
    var runs = 10
    /// Empty: a built-in one.
    var prompt = ""
    /// 1...4096.
    var maxOutputTokens = 32
}

/// What a profile tells while it is made.
enum ProfileUpdate: Sendable, Hashable {
    case progress(LoadProgress)
    case run(ProfileRun)
}

/// One measured request.
struct ProfileRun: Sendable, Hashable {
    /// From 1.
    var number: Int
    var count: Int
    var latency = Duration.zero
    var firstTokenLatency: Duration?
    var outputTokens = 0
    /// Why it failed; `nil` when it did not.
    var error: String?
}
