internal import GRPCCore
internal import Inference
internal import LocalEngines
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf
internal import Telemetry

// What happens now.
extension TelemetryService {
    static let watchIntervals = Duration.milliseconds(200)...Duration.seconds(60)

    func watchMetrics(
        request: Roundhouse_V1_WatchMetricsRequest, response: RPCWriter<Roundhouse_V1_WatchMetricsResponse>,
        context: ServerContext
    ) async throws {
        var reader = FieldReader()
        let interval =
            request.hasInterval
            ? reader.duration(request.interval, in: Self.watchIntervals, "interval") : .seconds(1)
        var models: Set<ModelID> = []
        for (index, name) in request.models.enumerated() {
            if let id = reader.modelID(name, "models[\(index)]") { models.insert(id) }
        }
        try reader.finish()
        for model in models.sorted() where !self.knows(.model(model)) {
            throw ServiceError.modelNotFound(model.description)
        }
        let watch = MetricsWatch(
            sampler: LiveSampler(
                ports: self.ports, live: self.live, wanted: request.models.isEmpty ? nil : models.sorted()),
            interval: interval)
        do {
            // A call may be cancelled through its handle or through its task, which ends the watch by itself.
            try await withRPCCancellationHandler {
                try await watch.run { try await response.write($0) }
            } onCancelRPC: {
                watch.left.send()
            }
        } catch {
            throw ServiceError(error)
        }
    }
}

/// Tells what happens, at once and then in an interval.
struct MetricsWatch: Sendable {
    let sampler: LiveSampler
    let interval: Duration
    /// That the client is gone.
    let left = StopSignal()

    /// Goes on until the server stops, the client has left, the task is cancelled or `deliver` throws.
    ///
    /// - Parameter deliver: takes a message. While it waits no other is made, so that nothing piles up for a client that reads
    ///   slowly: the next one then tells of all the time since.
    /// - Throws: ``LifecycleError/shuttingDown`` when the server stops: the client knows that it has to go on elsewhere or
    ///   later.
    func run(
        deliver: @escaping @Sendable (Roundhouse_V1_WatchMetricsResponse) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            // Away from the thread of the call: with many models it is some work to look at them all.
            group.addTask(executorPreference: globalConcurrentExecutor) { try await self.tell(deliver) }
            group.addTask {
                await self.sampler.live.end.wait()
                try Task.checkCancellation()
                throw LifecycleError.shuttingDown
            }
            group.addTask {
                await self.left.wait()
                throw CancellationError()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func tell(
        _ deliver: @Sendable (Roundhouse_V1_WatchMetricsResponse) async throws -> Void
    ) async throws {
        let clock = self.sampler.live.clock
        var metrics = LiveMetrics()
        var isFirst = true
        while true {
            let began = clock.now()
            try await deliver(metrics.take(self.sampler.sample(isFirst: isFirst)))
            isFirst = false
            // From one sample to the next, so that no difference is of a time that is too short to say something.
            let rest = self.interval - began.duration(to: clock.now())
            if rest > .zero { try await clock.sleep(rest) } else { try Task.checkCancellation() }
        }
    }
}
