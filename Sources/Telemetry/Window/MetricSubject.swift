package import Inference

/// What figures are kept of.
package enum MetricSubject: Sendable, Hashable, CustomStringConvertible {
    /// Every request once, as its client saw it.
    case system
    case model(ModelID)
    /// All models beyond the number that figures are kept of.
    case other

    /// For the store, in two columns: the provider's name and the model's. Those that are no model have no provider, which no
    /// model lacks.
    package var columns: (provider: String, model: String) {
        switch self {
        case .system: ("", "system")
        case .model(let model): (model.provider.rawValue, model.name)
        case .other: ("", "other")
        }
    }

    /// - Returns: `nil` when the columns are not what ``columns`` gave.
    package init?(provider: String, model: String) {
        switch (provider, model) {
        case ("", "system"): self = .system
        case ("", "other"): self = .other
        default:
            guard let provider = ProviderID(provider), let model = ModelID(provider: provider, name: model) else {
                return nil
            }
            self = .model(model)
        }
    }

    package var description: String {
        switch self {
        case .system: "system"
        case .model(let model): model.description
        case .other: "other"
        }
    }
}
