public import Inference
public import ModelRegistry

extension Router {
    /// Vectors, and how they came about.
    public struct RoutedEmbedding: Sendable {
        public let candidate: Candidate
        public let answer: EmbeddingAnswer
        /// Everyone who was asked, the one who answered last.
        public let attempts: [Attempt]
        /// When it was begun to look for who may be asked.
        public let beganAt: ContinuousClock.Instant
        /// When the one who answered was asked.
        public let askedAt: ContinuousClock.Instant

        public var model: ModelID { self.candidate.id }
    }

    /// Turns texts into vectors with the first candidate that can, by the same rules as answers.
    ///
    /// - Parameters:
    ///   - request: its model and its time limit are the router's to fill in.
    ///   - target: an alias should lead to one model only, or to copies of it: vectors of different models do not compare.
    ///   - routing: who may answer; embeddings are what it is taken to require.
    ///   - tracer: follows the attempts; `nil`: nobody traces.
    ///   - cost: what the usage of an answer cost.
    ///   - beganRouting: called once it is begun to look for who may be asked, with that moment.
    /// - Throws: ``RoutingFailure`` when nobody may be asked, or everyone failed.
    public func embed(
        _ request: EmbeddingRequest,
        target: InferenceRequest.Target,
        routing: RoutingOptions = RoutingOptions(),
        deadline: ContinuousClock.Instant? = nil,
        tracer: (any AttemptTracer)? = nil,
        cost: (Usage, ModelDescription) -> Cost? = { Cost(of: $0, at: $1.prices) },
        beganRouting: (ContinuousClock.Instant) -> Void = { _ in }
    ) async throws(RoutingFailure) -> RoutedEmbedding {
        var wanted = InferenceRequest(
            id: request.id, target: target, messages: [], routing: routing, trace: request.trace)
        wanted.routing.requirements.task = wanted.routing.requirements.task ?? .embedding
        let route = try self.route(wanted, delivery: .whole, deadline: deadline, tracer: tracer)
        beganRouting(route.beganAt)
        let (asking, answer) = try await route.search(
            Route.Search(isStreamed: false)
        ) { asking throws(UpstreamFault) in
            var upstream = request
            upstream.model = asking.model.name
            upstream.timeLimit = asking.limit
            if let span = asking.span { upstream.trace = span.context }
            do throws(UpstreamFault) {
                return try await asking.provider.embed(upstream)
            } catch  where asking.limit != nil && error.kind == .timedOut(.total) {
                // Its share of the time is over, not all of it: another may be asked.
                throw UpstreamFault(.timedOut(.firstToken), error.message, httpStatus: error.httpStatus)
            }
        }
        _ = route.answers(asking, firstOutputAt: asking.beganAt)
        let model = asking.candidate.model
        route.succeeded(usage: answer.usage, cost: answer.usage.flatMap { cost($0, model) })
        return RoutedEmbedding(
            candidate: asking.candidate, answer: answer, attempts: route.attempts, beganAt: route.beganAt,
            askedAt: asking.beganAt)
    }
}
