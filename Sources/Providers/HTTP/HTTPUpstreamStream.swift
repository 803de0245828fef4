package import Inference

/// An answer under way as its consumer holds it: letting go of it closes the connection, which a reference held by the
/// connection itself could not do.
package final class HTTPUpstreamStream<Decoder: ResponseDecoder>: UpstreamStream
where Decoder.Element == InferenceEvent {
    private let response: ResponseStream<Decoder>

    package init(_ response: ResponseStream<Decoder>) {
        self.response = response
    }

    deinit {
        self.response.cancel()
    }

    /// Waits for a 2xx head.
    package func accepted() async throws(UpstreamFault) {
        try await self.response.accepted()
    }

    package func next() async throws(UpstreamFault) -> [InferenceEvent]? {
        try await self.response.next()
    }

    package func cancel() {
        self.response.cancel()
    }
}
