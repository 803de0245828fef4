internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import Routing

extension LifecycleOperations {
    /// Warm-ups and profiles of the real models.
    static func live(loading: any ModelLoading, warmUp: WarmUp, profiler: Profiler, router: Router) -> Self {
        Self(
            warmUp: { models, includesLazy, report in
                let request = WarmUp.Request(models: models.isEmpty ? nil : models, includesLazy: includesLazy)
                let summary = try await warmUp.run(request) { update in
                    switch update {
                    case .progress(let progress): report(.progress(progress))
                    case .result(let result): report(.result(WarmUpResult(result)))
                    }
                }
                return WarmUpSummary(summary)
            },
            profile: { model, settings, report in
                let request = Profiler.Request(
                    model: model,
                    runs: settings.runs,
                    prompt: settings.prompt,
                    maxOutputTokens: settings.maxOutputTokens
                )
                do throws(ProfileError) {
                    return try await profiler.profile(request) { update in
                        report(ProfileUpdate(update, of: settings.runs))
                    } perform: { request in
                        try await Self.measure(request, by: router)
                    }
                } catch {
                    throw Self.explain(error, of: model)
                }
            }
        )
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
            throw RequestFailure(cause: RequestError(failure), requestID: "").asFault
        }
    }

    private static func explain(_ error: ProfileError, of model: ModelID) -> any Error {
        switch error {
        case .notLoaded(let error): error
        case .failing: UpstreamFault(.serverError, "\(error)")
        case .cancelled: CancellationError()
        }
    }
}

extension RequestFailure {
    /// The same in words, for those who know no gRPC.
    fileprivate var asFault: UpstreamFault { UpstreamFault(.serverError, self.message) }
}

extension WarmUpResult {
    fileprivate init(_ result: ModelLifecycle.WarmUpResult) {
        let outcome: Outcome =
            switch result.outcome {
            case .warmed: .warmed
            case .alreadyWarm: .alreadyWarm
            case .skipped: .skipped
            case .failed: .failed
            }
        self.init(model: result.model, outcome: outcome, reason: result.reason, elapsed: result.elapsed)
    }
}

extension WarmUpSummary {
    fileprivate init(_ summary: ModelLifecycle.WarmUpSummary) {
        let status: Status =
            switch summary.status {
            case .success: .success
            case .alreadyWarm: .alreadyWarm
            case .partial: .partial
            case .failed: .failed
            }
        self.init(
            status: status,
            message: summary.message,
            loaded: summary.modelsLoaded,
            elapsed: summary.elapsed,
            loadedCounts: summary.loadedCounts,
            results: summary.results.map(WarmUpResult.init)
        )
    }
}

extension ProfileUpdate {
    fileprivate init(_ update: Profiler.Update, of count: Int) {
        switch update {
        case .progress(let progress):
            self = .progress(progress)
        case .run(let number, let sample):
            self = .run(
                ProfileRun(
                    number: number,
                    count: count,
                    latency: sample.latency,
                    firstTokenLatency: sample.firstToken,
                    outputTokens: sample.outputTokens
                )
            )
        case .failedRun(let number, let reason):
            self = .run(ProfileRun(number: number, count: count, error: reason))
        }
    }
}
