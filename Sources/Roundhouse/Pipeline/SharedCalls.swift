internal import Inference
internal import Synchronization

/// The calls in flight that identical requests may share (single-flight).
///
/// Only requests whose answer is repeatable are shared, and only when the client or the configuration allows it. A call
/// belongs to nobody's task: it goes on while anybody still reads, also when the request that began it was cancelled.
final class SharedCalls: Sendable {
    /// What makes two requests identical: everything but their names. Whose request it is counts: an upstream that watches
    /// for abuse is told of every user's.
    private struct Key: Hashable {
        var request: InferenceRequest
        var delivery: UpstreamRequest.Delivery

        init(_ request: InferenceRequest, _ delivery: UpstreamRequest.Delivery) {
            self.request = request
            self.request.id = ""
            self.request.metadata = [:]
            self.request.trace = nil
            self.delivery = delivery
        }
    }

    private let isStandard: Bool
    private let calls = Mutex<[Key: SharedCall]>([:])
    private let work: AsyncStream<@Sendable () async -> Void>
    private let addWork: AsyncStream<@Sendable () async -> Void>.Continuation

    /// - Parameter isStandard: whether requests are shared that say nothing about it.
    init(isStandard: Bool) {
        self.isStandard = isStandard
        (self.work, self.addWork) = AsyncStream.makeStream()
    }

    /// Runs the calls that are begun, until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await call in self.work { group.addTask { await call() } }
            group.cancelAll()
        }
    }

    /// Whether a request may share a call.
    func mayShare(_ request: InferenceRequest) -> Bool {
        guard request.routing.allowsSharing ?? self.isStandard else { return false }
        return request.sampling.temperature == 0 || request.sampling.seed != nil
    }

    /// Takes part in the call of a request, which is begun unless one is in flight.
    ///
    /// - Parameter body: carries the request out and delivers to the call.
    /// - Returns: the call, the reader's number, and whether the call was there before.
    func join(
        _ request: InferenceRequest,
        _ delivery: UpstreamRequest.Delivery,
        body: @escaping @Sendable (@escaping @Sendable ([PipelineOutput]) async -> Void) async throws -> Void
    ) -> (call: SharedCall, reader: Int, isShared: Bool)? {
        let key = Key(request, delivery)
        let (call, reader, isNew): (SharedCall, Int?, Bool) = self.calls.withLock { calls in
            if let known = calls[key], let reader = known.join() { return (known, reader, false) }
            let call = SharedCall()
            calls[key] = call
            return (call, call.join(), true)
        }
        guard let reader else { return nil }
        if isNew {
            let result = self.addWork.yield { [weak self] in
                await Self.carryOut(body, for: call)
                self?.forget(key, call)
            }
            // Nobody runs calls any more: the server is stopping.
            if case .terminated = result {
                self.forget(key, call)
                call.finish(.failure(RequestFailure(cause: .cancelled, requestID: request.id)))
            }
        }
        return (call, reader, !isNew)
    }

    private static func carryOut(
        _ body: @escaping @Sendable (@escaping @Sendable ([PipelineOutput]) async -> Void) async throws -> Void,
        for call: SharedCall
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await body { await call.append($0) }
                    call.finish(.success(()))
                } catch let failure as RequestFailure {
                    call.finish(.failure(failure))
                } catch {
                    call.finish(.failure(RequestFailure(cause: .cancelled, requestID: "")))
                }
            }
            group.addTask { await call.abandoned() }
            await group.next()
            group.cancelAll()
        }
    }

    private func forget(_ key: Key, _ call: SharedCall) {
        self.calls.withLock { calls in
            if calls[key] === call { calls[key] = nil }
        }
    }
}
