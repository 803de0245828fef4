internal import LocalEngines

/// Models that `InstallModel` needs no file or address for: it makes them on this machine.
///
/// In the API such a model is the address `recipe:NAME`.
package enum InstallableModels {
    static let scheme = "recipe:"

    /// What there is, in the order of mention.
    package static let names = ModelRecipe.all.map(\.name)

    /// What stands for the model in the field `url` of `InstallModel`; `nil` when there is no recipe of this name.
    package static func address(of name: String) -> String? {
        Self.names.contains(name) ? Self.scheme + name : nil
    }
}
