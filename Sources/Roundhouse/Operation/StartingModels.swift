internal import Inference
internal import Synchronization

/// Models that are loaded with the server, until all of them are or cannot be.
final class StartingModels: Sendable {
    private struct State {
        var models: Set<ModelID>
        var onEnd: (@Sendable () -> Void)?
    }

    private let state: Mutex<State>

    init(_ models: [ModelID]) {
        self.state = Mutex(State(models: Set(models)))
    }

    func contains(_ model: ModelID) -> Bool { self.state.withLock { $0.models.contains(model) } }

    func end() {
        let action = self.state.withLock { state in
            state.models = []
            return state.onEnd.take()
        }
        action?()
    }

    func onEnd(_ action: @escaping @Sendable () -> Void) { self.state.withLock { $0.onEnd = action } }
}
