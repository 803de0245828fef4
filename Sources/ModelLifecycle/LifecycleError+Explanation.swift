internal import Inference

extension LifecycleError {
    /// A sentence for people, without a full stop.
    package var explanation: String {
        switch self {
        case .notFound(let what): what
        case .notLoadable(let model): "\(model) is a cloud model: there is nothing to load"
        case .disabled(let model): "\(model) is disabled; enable it first"
        case .insufficientMemory(let model, let device, let needed, let available, let evictable, let reason):
            """
            \(model) needs \(needed) bytes of \(device), of which \(available) are free and \(evictable) could be freed\
            \(reason.isEmpty ? "" : ": \(reason)")
            """
        case .loadFailed(let model, let reason, _): "\(model) could not be loaded: \(reason)"
        case .queueFull(let model, let limit): "\(limit) requests wait for \(model) already"
        case .unloaded(let model, let reason):
            "\(model) was unloaded meanwhile\(reason.isEmpty ? "" : ": \(reason)")"
        case .shuttingDown: "the server is stopping"
        case .cancelled: "the caller left"
        }
    }
}
