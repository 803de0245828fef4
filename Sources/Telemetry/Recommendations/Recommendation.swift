package import Inference

/// What an operator could do, why, and what it would bring.
package struct Recommendation: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case unloadUnused = "unload-unused"
        case load
        case makeLazy = "make-lazy"
        case pin
        case raiseMemoryShare = "raise-memory-share"
        case lowerMemoryShare = "lower-memory-share"
        case cheaperModel = "cheaper-model"
        case addKey = "add-key"
        case flappingModel = "flapping-model"
    }

    /// A figure that it rests on.
    package struct Evidence: Sendable, Hashable {
        package enum Unit: String, Sendable, Hashable, CaseIterable {
            case count
            case bytes
            case microseconds
            /// 0...1.
            case part
            case nanoUSD = "nano-usd"
        }

        /// From a fixed list: `uses`, `reloads`, `freed`.
        package var name: String
        package var value: Double
        package var unit: Unit

        package init(_ name: String, _ value: Double, _ unit: Unit) {
            self.name = name
            self.value = value
            self.unit = unit
        }

        package init(_ name: String, _ value: Int64, _ unit: Unit = .count) {
            self.init(name, Double(value), unit)
        }
    }

    /// What it is expected to bring.
    package enum Gain: Sendable, Hashable {
        case freedBytes(Int64)
        /// Waiting that requests are spared in a period like the last, in microseconds.
        case sparedMicroseconds(Int64)
        /// What a period like the last would cost less, in nano-USD.
        case savedNanoUSD(Int64)
        /// Attempts that would not fail in a period like the last.
        case sparedFailures(Int64)
    }

    package enum Subject: Sendable, Hashable {
        case model(ModelID)
        case provider(ProviderID)
        case memory
    }

    package var kind: Kind
    package var subject: Subject
    /// A sentence for people.
    package var reason: String
    package var evidence: [Evidence]
    package var gain: Gain
    package var action: RecommendedAction

    /// The same for the same advice in every answer, so that a client may name it.
    package var id: String {
        switch self.subject {
        case .model(let model): "\(self.kind.rawValue):\(model)"
        case .provider(let provider): "\(self.kind.rawValue):\(provider)"
        case .memory: self.kind.rawValue
        }
    }
}

/// The exact call that follows a recommendation.
package enum RecommendedAction: Sendable, Hashable {
    case unload(ModelID)
    case load(ModelID)
    case setLazy(ModelID, Bool)
    case pin(ModelID)
    /// The configuration's `lifecycle.memory_share`.
    case setMemoryShare(Double)
    case switchAlias(String, to: ModelID)
    /// No alias leads to it: clients name it themselves.
    case replace(ModelID, with: ModelID)
    /// In the configuration's `api_keys` of the provider.
    case addKey(ProviderID)
    case disable(ModelID)

    /// What a person would type or write.
    package var call: String {
        switch self {
        case .unload(let model): "roundhouse.v1.LifecycleService/UnloadModel {\"model\": \"\(model)\"}"
        case .load(let model): "roundhouse.v1.LifecycleService/LoadModel {\"model\": \"\(model)\"}"
        case .setLazy(let model, let isLazy):
            "roundhouse.v1.RegistryService/UpdateModel {\"model\": {\"id\": \"\(model)\", \"lazy\": \(isLazy)}, "
                + "\"updateMask\": \"lazy\"}"
        case .pin(let model): "roundhouse.v1.LifecycleService/PinModel {\"model\": \"\(model)\"}"
        case .setMemoryShare(let share): "lifecycle.memory_share: \(share)"
        case .switchAlias(let alias, let model):
            "roundhouse.v1.RegistryService/SwitchModel {\"alias\": \"\(alias)\", \"model\": \"\(model)\"}"
        case .replace(let model, let other): "ask for \(other) in place of \(model)"
        case .addKey(let provider): "providers[id=\(provider)].api_keys: one more"
        case .disable(let model): "roundhouse.v1.RegistryService/DisableModel {\"model\": \"\(model)\"}"
        }
    }

    /// Whether the server can do it when it is asked to; otherwise it is a person's doing.
    package var isCall: Bool {
        switch self {
        case .unload, .load, .setLazy, .pin, .switchAlias, .disable: true
        case .setMemoryShare, .replace, .addKey: false
        }
    }
}
