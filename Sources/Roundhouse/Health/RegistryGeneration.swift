internal import ModelRegistry
internal import Synchronization

/// Counts the states of a registry since the start, from 1.
final class RegistryGeneration: Sendable {
    private let count = Atomic<Int64>(1)

    init(of registry: Registry) {
        // The registry lives as long as the server, and so does its observer.
        registry.observe { [weak self] _ in self?.count.wrappingAdd(1, ordering: .relaxed) }
    }

    var number: Int64 { self.count.load(ordering: .relaxed) }
}
