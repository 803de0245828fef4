package import Inference
package import ModelRegistry

/// Measures a model by sending it the same request several times, one after another.
package struct Profiler: Sendable {
    /// What is to be measured.
    package struct Request: Sendable, Hashable {
        package var model: ModelID
        /// At least 1.
        package var runs: Int
        package var prompt: String
        package var maxOutputTokens: Int
        /// Whether the model turns the prompt into a vector rather than answers it.
        package var isEmbedding: Bool

        /// Has most models write until they are stopped.
        package static let defaultPrompt =
            "Tell the story of a locomotive that is turned in a roundhouse, step by step."

        package init(
            model: ModelID, runs: Int = 10, prompt: String = "", maxOutputTokens: Int = 32, isEmbedding: Bool = false
        ) {
            self.model = model
            self.runs = max(1, runs)
            self.prompt = prompt.isEmpty ? Self.defaultPrompt : prompt
            self.maxOutputTokens = max(1, maxOutputTokens)
            self.isEmbedding = isEmbedding
        }
    }

    /// What happened meanwhile.
    package enum Update: Sendable, Hashable {
        /// The model is being loaded.
        case progress(LoadProgress)
        /// A run, counted from 1, went well.
        case run(Int, ProfileSample)
        case failedRun(Int, reason: String)
    }

    /// Failures in a row that end a profile: the model is down, and asking on may cost money.
    package static let toleratedFailures = 3

    private let loading: any ModelLoading
    private let events: any EventRecorder
    private let time: LifecycleTime

    package init(loading: any ModelLoading, events: any EventRecorder, time: LifecycleTime = .system) {
        self.loading = loading
        self.events = events
        self.time = time
    }

    /// Loads the model if it is one that is loaded, keeps it in memory, and measures it.
    ///
    /// - Parameters:
    ///   - report: Called from any thread.
    ///   - perform: Performs one request, streamed unless it is for a vector; throws when it failed.
    /// - Throws: Also when the caller is cancelled, which ends it after the run under way.
    package func profile(
        _ request: Request,
        report: @escaping @Sendable (Update) -> Void,
        perform: @Sendable (Request) async throws -> ProfileSample
    ) async throws(ProfileError) -> ModelProfile {
        let lease = try await self.lease(of: request.model, report: report)
        defer { lease?.release() }
        self.events.record(
            GatewayEvent(
                .profilingStarted,
                model: request.model,
                attributes: [
                    "runs": "\(request.runs)", "max_output_tokens": "\(request.maxOutputTokens)",
                ]
            )
        )
        do {
            let profile = try await self.measure(request, report: report, perform: perform)
            self.events.record(self.completed(request.model, profile))
            return profile
        } catch {
            self.events.record(
                GatewayEvent(
                    .profilingCompleted, model: request.model, reason: "\(error)", attributes: ["error": "\(error)"])
            )
            throw error
        }
    }

    private func lease(
        of model: ModelID,
        report: @escaping @Sendable (Update) -> Void
    ) async throws(ProfileError) -> Lease? {
        guard self.loading.managedModels().contains(where: { $0.id == model }) else { return nil }
        do {
            return try await self.loading.acquire(model, progress: ProgressSink { report(.progress($0)) })
        } catch .cancelled {
            throw .cancelled
        } catch {
            throw .notLoaded(error)
        }
    }

    private func measure(
        _ request: Request,
        report: @Sendable (Update) -> Void,
        perform: @Sendable (Request) async throws -> ProfileSample
    ) async throws(ProfileError) -> ModelProfile {
        var samples: [ProfileSample] = []
        var failures = 0
        var failuresInARow = 0
        for run in 1...request.runs {
            guard !Task.isCancelled else { throw .cancelled }
            do {
                let sample = try await perform(request)
                failuresInARow = 0
                samples.append(sample)
                report(.run(run, sample))
            } catch {
                guard !Task.isCancelled else { throw .cancelled }
                failures += 1
                failuresInARow += 1
                report(.failedRun(run, reason: "\(error)"))
                // Also when there are no more runs and none went well.
                guard failuresInARow < Self.toleratedFailures, failures < request.runs else {
                    throw .failing(runs: failuresInARow, reason: "\(error)")
                }
            }
        }
        return ModelProfile(
            samples: samples,
            failedRuns: failures,
            memoryBytes: self.memoryBytes(of: request.model),
            madeAtMicroseconds: self.time.wallMicroseconds()
        )
    }

    private func memoryBytes(of model: ModelID) -> Int64 {
        let loaded = self.loading.loadedModels().first { $0.key.model == model && $0.state == .ready }
        return loaded?.memory.values.reduce(0, +) ?? 0
    }

    private func completed(_ model: ModelID, _ profile: ModelProfile) -> GatewayEvent {
        GatewayEvent(
            .profilingCompleted,
            model: model,
            attributes: [
                "runs": "\(profile.runs)",
                "failed_runs": "\(profile.failedRuns)",
                "latency_p50_ms": "\(profile.latencyP50.wholeMilliseconds)",
                "latency_p95_ms": "\(profile.latencyP95.wholeMilliseconds)",
                "latency_p99_ms": "\(profile.latencyP99.wholeMilliseconds)",
                "first_token_p50_ms": "\(profile.firstTokenP50.wholeMilliseconds)",
                "first_token_p95_ms": "\(profile.firstTokenP95.wholeMilliseconds)",
                "tokens_per_second": "\((profile.tokensPerSecond * 10).rounded() / 10)",
                "memory_bytes": "\(profile.memoryBytes)",
            ]
        )
    }
}

/// Why there is no profile.
package enum ProfileError: Error, Sendable, Hashable, CustomStringConvertible {
    case notLoaded(LifecycleError)
    /// So many runs in a row failed, the last one for this reason.
    case failing(runs: Int, reason: String)
    case cancelled

    package var description: String {
        switch self {
        case .notLoaded(let error): error.explanation
        case .failing(let runs, let reason):
            "\(runs) run\(runs == 1 ? "" : "s") in a row failed; the last one: \(reason)"
        case .cancelled: "the caller left"
        }
    }
}
