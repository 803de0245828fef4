internal import RoundhouseAPI

/// Where a model stands, as people read it.
enum StateTexts {
    static func name(_ state: Roundhouse_V1_ModelState) -> String {
        switch state {
        case .ready: "ready"
        case .loading: "loading"
        case .unloaded: "unloaded"
        case .failed: "failed"
        case .queued: "queued"
        case .warming: "warming"
        case .draining: "draining"
        case .unloading: "unloading"
        case .unspecified: "unknown"
        case .UNRECOGNIZED(let number): "state \(number)"
        }
    }

    /// "ready", or "failed: the engine crashed".
    static func text(_ model: Roundhouse_V1_Model) -> String {
        let name = Self.name(model.state)
        return model.stateReason.isEmpty ? name : "\(name): \(model.stateReason)"
    }
}
