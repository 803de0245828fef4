import Inference

/// Another program that has models in memory, as ``RemoteRuntime`` needs it. Every call is a question over HTTP.
protocol RemoteServer: Sendable {
    /// What people call it: `Ollama`.
    var product: String { get }
    /// Where it is, for messages.
    var address: String { get }
    /// How to start it, a part of a sentence.
    var howToStart: String { get }

    /// How to bring a model there, a part of a sentence.
    func howToInstall(_ model: String) -> String

    /// - Returns: `nil` when it has no such model.
    func model(named name: String) async throws(UpstreamFault) -> RemoteModel?

    /// - Parameter handle: which instance of it; `nil` for any.
    /// - Returns: `nil` when it is not in memory.
    func loaded(_ model: RemoteModel, handle: String?) async throws(UpstreamFault) -> LoadedRemoteModel?

    /// Takes a model into memory for good.
    ///
    /// - Returns: the handle of the instance.
    func load(_ model: RemoteModel, contextLength: Int?) async throws(UpstreamFault) -> String

    /// Sees to it that an instance that somebody else loaded stays.
    func keep(_ model: RemoteModel, handle: String) async throws(UpstreamFault)

    func unload(_ model: RemoteModel, handle: String) async throws(UpstreamFault)
}

/// A model that is installed there.
struct RemoteModel: Sendable, Hashable {
    /// ``ModelID/name``.
    var name: String
    var sizeBytes: Int64
    /// Tells its content from others; empty where there is no such thing.
    var digest = ""
}

/// An instance that is in memory there.
struct LoadedRemoteModel: Sendable, Hashable {
    /// What it takes in memory, or its size on disk where that is all that is known.
    var sizeBytes: Int64
    var contextLength: Int?
    var handle: String
}

/// How long a runtime waits, so that tests need not.
package struct RuntimeClock: Sendable {
    /// Throws when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void

    package init(sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.sleep = sleep
    }

    package static let system = RuntimeClock { try await Task.sleep(for: $0, clock: .continuous) }
}
