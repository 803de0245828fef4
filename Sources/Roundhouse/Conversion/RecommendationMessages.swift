internal import GRPCCore
internal import Inference
internal import RoundhouseAPI
internal import SwiftProtobuf
internal import Telemetry

extension Roundhouse_V1_Recommendation {
    init(_ recommendation: Telemetry.Recommendation) {
        self.init()
        self.id = recommendation.id
        self.kind = .init(recommendation.kind)
        switch recommendation.subject {
        case .model(let model): self.model = model.description
        case .provider(let provider): self.provider = provider.rawValue
        case .memory: break
        }
        self.reason = recommendation.reason
        self.evidence = recommendation.evidence.map { evidence in
            .with {
                $0.name = evidence.name
                $0.value = evidence.value
                $0.unit = evidence.unit.rawValue
            }
        }
        switch recommendation.gain {
        case .freedBytes(let bytes): self.freedBytes = bytes
        case .sparedMicroseconds(let time): self.sparedTime = .init(microseconds: Double(time))
        case .savedNanoUSD(let cost): self.savedNanoUsd = cost
        case .sparedFailures(let count): self.sparedFailureCount = count
        }
        self.action = .init(recommendation.action)
    }
}

extension Roundhouse_V1_RecommendationKind {
    init(_ kind: Telemetry.Recommendation.Kind) {
        switch kind {
        case .unloadUnused: self = .unloadUnused
        case .load: self = .load
        case .makeLazy: self = .makeLazy
        case .pin: self = .pin
        case .raiseMemoryShare: self = .raiseMemoryShare
        case .lowerMemoryShare: self = .lowerMemoryShare
        case .cheaperModel: self = .cheaperModel
        case .addKey: self = .addKey
        case .flappingModel: self = .flappingModel
        }
    }
}

extension Roundhouse_V1_RecommendedAction {
    /// What follows a recommendation: a call with its request as it would be sent, and the same for people.
    init(_ action: Telemetry.RecommendedAction) {
        self.init()
        typealias Lifecycle = Roundhouse_V1_LifecycleService.Method
        typealias Registry = Roundhouse_V1_RegistryService.Method
        switch action {
        case .unload(let model):
            self.set(Lifecycle.UnloadModel.descriptor) {
                Lifecycle.UnloadModel.Input.with { $0.model = model.description }
            }
            self.instruction = "roundhouse models unload \(model)"
        case .load(let model):
            self.set(Lifecycle.LoadModel.descriptor) {
                Lifecycle.LoadModel.Input.with { $0.model = model.description }
            }
            self.instruction = "roundhouse models load \(model)"
        case .setLazy(let model, let isLazy):
            self.set(Registry.UpdateModel.descriptor) {
                Registry.UpdateModel.Input.with {
                    $0.model.id = model.description
                    $0.model.lazy = isLazy
                    $0.updateMask.paths = ["lazy"]
                }
            }
            self.instruction = "roundhouse models update \(model) --set lazy=\(isLazy)"
        case .pin(let model):
            self.set(Lifecycle.PinModel.descriptor) {
                Lifecycle.PinModel.Input.with { $0.model = model.description }
            }
            self.instruction = "roundhouse models pin \(model)"
        case .switchAlias(let alias, let model):
            self.set(Registry.SwitchModel.descriptor) {
                Registry.SwitchModel.Input.with {
                    $0.alias = alias
                    $0.model = model.description
                    $0.reason = "it does as well and costs less"
                }
            }
            self.instruction = "roundhouse models switch \(alias) \(model)"
        case .disable(let model):
            self.set(Registry.DisableModel.descriptor) {
                Registry.DisableModel.Input.with { $0.model = model.description }
            }
            self.instruction = "roundhouse models disable \(model)"
        case .setMemoryShare, .replace, .addKey: self.instruction = action.call
        }
    }

    /// The call of `method` with a request. A request that could not be written down is left to people.
    private mutating func set(_ method: MethodDescriptor, _ request: () -> some SwiftProtobuf.Message) {
        guard let json = try? request().jsonString() else { return }
        self.method = method.fullyQualifiedMethod
        self.requestJson = json
    }
}
