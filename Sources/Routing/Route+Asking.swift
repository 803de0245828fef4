import Inference

/// What an attempt gave. When nobody wants it after all, it is told so.
protocol DiscardableAnswer: Sendable {
    func discard()
}

/// An answer up to its first output.
struct BegunAnswer: DiscardableAnswer {
    let events: [InferenceEvent]
    let stream: any UpstreamStream

    /// Reads until the first output or a proper end without any: until then the attempt can be exchanged for another
    /// unseen.
    init(_ stream: any UpstreamStream) async throws(UpstreamFault) {
        guard var events = try await stream.next() else { throw Self.nothing }
        while !events.contains(where: \.commits) {
            guard let batch = try await stream.next() else { throw Self.nothing }
            events.append(contentsOf: batch)
        }
        self.events = events
        self.stream = stream
    }

    private static let nothing = UpstreamFault(.truncated, "the answer ended before it began")

    func discard() { self.stream.cancel() }
}

extension EmbeddingAnswer: DiscardableAnswer {
    func discard() {}
}

extension InferenceEvent {
    fileprivate var commits: Bool {
        switch self {
        case .finished: true
        default: self.isOutput
        }
    }
}

extension Route {
    /// Asks one.
    ///
    /// The provider keeps the time of what it sends. A load that has to be waited for first has no clock of its own: then
    /// one runs here, where somebody else is left to be asked.
    func attempt<Answer: DiscardableAnswer>(
        _ asking: Asking,
        _ ask: @escaping @Sendable (Asking) async throws(UpstreamFault) -> Answer
    ) async throws(UpstreamFault) -> Answer {
        guard let limit = asking.limit else { return try await ask(asking) }
        switch asking.provider.availability(of: asking.model.name) {
        case .available, .unavailable: return try await ask(asking)
        case .loading, .unloaded: return try await self.attempt(asking, within: limit, ask)
        }
    }

    private enum Turn<Answer: Sendable>: Sendable {
        case ended(Result<Answer, UpstreamFault>)
        case clock
    }

    private func attempt<Answer: DiscardableAnswer>(
        _ asking: Asking,
        within limit: Duration,
        _ ask: @escaping @Sendable (Asking) async throws(UpstreamFault) -> Answer
    ) async throws(UpstreamFault) -> Answer {
        let result = await withTaskGroup(of: Turn<Answer>.self) { group in
            group.addTask { .ended(await Result(of: { () async throws(UpstreamFault) in try await ask(asking) })) }
            group.addTask {
                try? await self.core.time.sleep(limit)
                return .clock
            }
            // The first of the two decides; an answer that comes in the same moment is taken all the same.
            var isLate = false
            while let turn = await group.next() {
                group.cancelAll()
                switch turn {
                case .ended(.failure(let fault)) where isLate && fault.kind == .cancelled && !Task.isCancelled:
                    return Result<Answer, UpstreamFault>.failure(Self.late(limit))
                case .ended(let result): return result
                case .clock: isLate = true
                }
            }
            return .failure(Self.late(limit))
        }
        return try result.get()
    }

    private static func late(_ limit: Duration) -> UpstreamFault {
        UpstreamFault(.timedOut(.firstToken), "it was not loaded and answering within \(limit)")
    }
}

extension Result {
    fileprivate init(of body: () async throws(Failure) -> Success) async {
        do throws(Failure) {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
