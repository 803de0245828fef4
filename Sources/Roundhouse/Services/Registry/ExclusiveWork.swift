internal import Inference
internal import Synchronization

/// Lets one piece of work at a time be done on a model.
final class ExclusiveWork: Sendable {
    private let busy = Mutex<Set<ModelID>>([])

    /// - Throws: ``ServiceError`` with OPERATION_CONFLICT when work on the model is under way, or what `body` threw.
    func on<Result>(_ model: ModelID, _ body: () async throws -> Result) async throws -> Result {
        guard self.busy.withLock({ $0.insert(model).inserted }) else {
            throw ServiceError.conflict(
                "an installation or removal of model '\(model)' is under way", metadata: ["model": "\(model)"])
        }
        defer { self.busy.withLock { _ = $0.remove(model) } }
        return try await body()
    }
}
