internal import Inference
internal import ModelLifecycle
internal import Routing

/// Sends one request of a profile and measures its answer. It is not a client's: no record is kept of it.
struct ProfileMeasurement: Sendable {
    let router: Router
    private let clock = ContinuousClock()

    init(router: Router) {
        self.router = router
    }

    /// - Throws: An error whose description says why there was no whole answer.
    func measure(_ request: Profiler.Request) async throws -> ProfileSample {
        do {
            return request.isEmbedding ? try await self.embed(request) : try await self.generate(request)
        } catch let failure as RoutingFailure {
            throw ProfileRunFailure(description: RequestFailure(cause: RequestError(failure), requestID: "").message)
        } catch let fault as UpstreamFault {
            throw ProfileRunFailure(description: "\(fault.reason): \(fault.message)")
        }
    }

    private func generate(_ request: Profiler.Request) async throws -> ProfileSample {
        let inference = InferenceRequest(
            id: RequestID.make(),
            target: .model(request.model),
            messages: [Message(.user, request.prompt)],
            // As repeatable as the engine can be, so that runs and profiles compare.
            sampling: SamplingParameters(temperature: 0, maxOutputTokens: request.maxOutputTokens)
        )
        let begin = self.clock.now
        let routed = try await self.router.begin(inference, delivery: .streamed)
        defer { routed.stream.cancel() }
        return try await self.read(routed, since: begin)
    }

    /// One text at a time, so that the latency is that of a text.
    private func embed(_ request: Profiler.Request) async throws -> ProfileSample {
        let order = EmbeddingRequest(id: RequestID.make(), model: request.model.name, inputs: [request.prompt])
        let begin = self.clock.now
        let routed = try await self.router.embed(order, target: .model(request.model))
        let latency = begin.duration(to: self.clock.now)
        let tokens = routed.answer.usage?.inputTokens ?? TokenEstimate.tokens(ofBytes: request.prompt.utf8.count)
        return ProfileSample(
            latency: latency,
            inputTokens: tokens,
            // A vector comes in one piece: its tokens are those that were read.
            tokensPerSecond: latency > .zero ? Double(tokens) / (latency / .seconds(1)) : nil
        )
    }

    private func read(_ routed: RoutedStream, since begin: ContinuousClock.Instant) async throws -> ProfileSample {
        var usage: Usage?
        var first: ContinuousClock.Instant?
        var deltas = 0
        var batch: [InferenceEvent]? = routed.firstEvents
        while let events = batch {
            let now = self.clock.now
            for event in events {
                switch event {
                case .textDelta, .reasoningDelta, .toolCallDelta, .refusalDelta, .reasoningSignature, .citation,
                    .logprobs:
                    first = first ?? now
                    deltas += 1
                case .usage(let reported):
                    usage = reported
                case .finished:
                    break
                }
            }
            if events.contains(where: \.isEnd) {
                return ProfileSample(
                    latency: begin.duration(to: now),
                    firstToken: first.map { begin.duration(to: $0) },
                    inputTokens: usage?.inputTokens ?? 0,
                    // Where the upstream gives no figures, a delta counts as a token.
                    outputTokens: usage?.outputTokens ?? deltas
                )
            }
            batch = try await routed.stream.next()
        }
        throw UpstreamFault(.truncated, "the upstream stopped without saying that it had finished")
    }
}

/// Why a run of a profile failed.
struct ProfileRunFailure: Error, Sendable, Hashable, CustomStringConvertible {
    let description: String
}

extension InferenceEvent {
    fileprivate var isEnd: Bool {
        if case .finished = self { true } else { false }
    }
}
