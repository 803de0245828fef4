internal import Inference
internal import ModelLifecycle
internal import ModelRegistry

/// Changes what answers under a name without dropping a request.
///
/// Throws ``SwitchError`` or ``RegistryEditError``.
protocol ModelSwitching: Sendable {
    /// Makes `model` the active one of an alias: has it loaded and warmed, flips the alias, lets requests on the old one
    /// end. A caller that is cancelled stops the switch, not the load.
    func switchAlias(_ request: AliasSwitch) async throws -> SwitchOutcome

    /// Goes back to an earlier revision, `nil` for the newest, in the same way.
    func rollBack(_ alias: String, to revision: String?, etag: String?, reason: String) async throws -> SwitchOutcome

    /// Makes `version` the active one of a loaded model: has it loaded and warmed, calls `flip`, lets requests on the
    /// old version end.
    ///
    /// - Parameter flip: Changes the registration, other fields of the same update included.
    func switchVersion(
        of model: ModelID,
        to version: String,
        flip: @escaping @Sendable () async throws(RegistryEditError) -> ModelDescription
    ) async throws -> ModelDescription
}

/// What an alias is to be switched to.
struct AliasSwitch: Sendable, Hashable {
    var alias: String
    var model: ModelID
    var reason: String
    /// The alias's, when nobody else may have changed it.
    var etag: String?
    /// Leaves the old model in memory.
    var keepsPreviousLoaded = false
    /// Only tells what would be done.
    var isDryRun = false
}

/// What a switch did, or would do.
struct SwitchOutcome: Sendable, Hashable {
    /// After the change.
    var alias: Alias
    var previousModel: ModelID?
    var strategy: SwitchStrategy
    /// `nil` when neither model is one that is loaded.
    var plan: LoadPlan?
    /// Zero when the model was ready.
    var loadDuration = Duration.zero
    /// From the decision until new requests went to the new model.
    var flipDuration = Duration.zero
}
