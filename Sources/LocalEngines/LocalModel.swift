package import Inference

/// A model file that we serve ourselves, and how.
package struct LocalModel: Sendable, Hashable {
    /// ``ModelID/name``: `tiny` for `local/tiny`.
    package var name: String
    /// The GGUF file; absolute.
    package var path: String
    /// Tokens of context; `nil` takes what the file says, at most ``defaultContextLimit``.
    package var contextLength: Int?
    /// Threads that compute.
    package var threads: Int
    /// Requests that the engine works on at the same time; more wait in its queue.
    ///
    /// 1 by default: on a processor, slots share the same cores, and only with a single one does temperature 0 give the
    /// same answer each time (batches of different sizes round differently).
    package var slots: Int
    /// Start with the server rather than on the first request.
    package var preload: Bool

    package init(
        name: String,
        path: String,
        contextLength: Int? = nil,
        threads: Int = LocalModel.defaultThreads,
        slots: Int = 1,
        preload: Bool = false
    ) {
        self.name = name
        self.path = path
        self.contextLength = contextLength
        self.threads = max(1, threads)
        self.slots = max(1, slots)
        self.preload = preload
    }

    /// `local/<name>`; `nil` when the name is not a valid one.
    package var id: ModelID? { ModelID(provider: .local, name: self.name) }

    /// A model of today may be trained for 128 K tokens, whose memory a small machine does not have.
    package static let defaultContextLimit = 8192

    /// All cores up to four, but one where there are only two: the gateway lives on the same machine.
    package static let defaultThreads = LocalModel.defaultThreads(cores: Machine.cores)

    package static func defaultThreads(cores: Int) -> Int {
        cores <= 2 ? 1 : min(cores, 4)
    }

    /// The context that the engine is asked for, in tokens; 0 leaves it to the engine.
    package func effectiveContextLength(_ header: GGUFHeader) -> Int {
        Self.effectiveContextLength(self.contextLength, header)
    }

    /// ``effectiveContextLength(_:)`` where `asked` is what the settings say.
    package static func effectiveContextLength(_ asked: Int?, _ header: GGUFHeader) -> Int {
        if let asked { return asked }
        guard let trained = header.contextLength else { return 0 }
        return min(trained, Self.defaultContextLimit, header.isEmbedding ? Self.embeddingLimit(header) : .max)
    }

    /// Tokens of a text that an embedding model takes unless it is asked for more: for each, llama.cpp holds 32 bits for
    /// each token of the vocabulary, and those shall not be more than 1 GiB.
    private static func embeddingLimit(_ header: GGUFHeader) -> Int {
        max(512, (1 << 28) / max(1, header.vocabularySize ?? 1))
    }

    /// The same for ``ModelRuntime``; `nil` when the name is not a valid one.
    package var runtimeModel: RuntimeModel? {
        self.id.map { id in
            RuntimeModel(
                id: id, path: self.path, contextLength: self.contextLength, threads: self.threads, parallel: self.slots)
        }
    }
}
