public import Inference

extension Router {
    /// Asks candidates until one answers, without keeping books of how the answer ends: for callers with no other attempt
    /// in mind, such as a profile of one model.
    ///
    /// - Throws: ``RoutingFailure`` when nobody answers.
    public func begin(
        _ request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        progress: ProgressSink? = nil
    ) async throws(RoutingFailure) -> RoutedStream {
        try await self.route(request, delivery: delivery).next(progress: progress)
    }
}
