internal import Inference
internal import Routing

// Answers whose beginning is kept back for a time.
extension Pipeline {
    private enum Turn: Sendable {
        case batch(Result<[InferenceEvent]?, UpstreamFault>)
        case clock
    }

    /// What follows from an upstream. When the time is over before it comes, what is kept back is delivered meanwhile.
    ///
    /// Both are waited for at once by tasks of this call, which ends when both have; a request that keeps nothing back by
    /// the clock does without.
    func next(
        _ stream: any UpstreamStream,
        holdingBackUntil end: ContinuousClock.Instant,
        _ life: inout RequestLife,
        _ outputs: inout [PipelineOutput],
        _ deliver: Delivery
    ) async throws(RelayFailure) -> [InferenceEvent]? {
        let time = self.time
        let result: Result<[InferenceEvent]?, RelayFailure> = await withTaskGroup(of: Turn.self) { group in
            group.addTask {
                do throws(UpstreamFault) {
                    return .batch(.success(try await stream.next()))
                } catch {
                    return .batch(.failure(error))
                }
            }
            group.addTask {
                try? await time.sleep(time.now().duration(to: end))
                return .clock
            }
            defer { group.cancelAll() }
            while let turn = await group.next() {
                if case .batch(let result) = turn { return result.mapError { .upstream($0) } }
                // A client that left wakes the clock, too.
                guard !Task.isCancelled else { continue }
                life.endHoldBack()
                do {
                    try await deliver(outputs)
                } catch {
                    return .failure(.delivery(error))
                }
                outputs.removeAll(keepingCapacity: true)
            }
            return .failure(.upstream(UpstreamFault(.cancelled, "nobody waits for it any more")))
        }
        return try result.get()
    }
}
