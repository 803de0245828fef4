internal import Inference
internal import ModelLifecycle
internal import Routing

extension ProfilingPort {
    /// Measures the real models.
    static func live(_ profiler: Profiler, router: Router) -> Self {
        Self(profiler: profiler, measure: { request in try await Self.measure(request, by: router) })
    }

    /// One streamed request, timed.
    private static func measure(_ request: Profiler.Request, by router: Router) async throws -> ProfileSample {
        let clock = ContinuousClock()
        let begin = clock.now
        var sample = ProfileSample(latency: .zero)
        let inference = InferenceRequest(
            id: "profile",
            target: .model(request.model),
            messages: [Message(.user, request.prompt)],
            sampling: SamplingParameters(temperature: 0, maxOutputTokens: request.maxOutputTokens)
        )
        do {
            let routed = try await router.begin(inference, delivery: .streamed)
            defer { routed.stream.cancel() }
            var events: [InferenceEvent]? = routed.firstEvents
            while let batch = events {
                for event in batch {
                    if event.isOutput, sample.firstToken == nil { sample.firstToken = begin.duration(to: clock.now) }
                    if case .usage(let usage) = event {
                        sample.inputTokens = usage.inputTokens
                        sample.outputTokens = usage.outputTokens
                    }
                    if case .finished = event {
                        sample.latency = begin.duration(to: clock.now)
                        return sample
                    }
                }
                events = try await routed.stream.next()
            }
            throw UpstreamFault(.truncated, "the answer ended without saying so")
        } catch let failure as RoutingFailure {
            throw UpstreamFault(.serverError, RequestFailure(cause: RequestError(failure), requestID: "").message)
        }
    }
}
