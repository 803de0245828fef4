package import Inference

/// An answer under way as its consumer holds it: letting go of it closes the connection, which a reference held by the
/// connection itself could not do.
package final class HTTPUpstreamStream<Decoder: ResponseDecoder>: UpstreamStream
where Decoder.Element == InferenceEvent {
    private let response: ResponseStream<Decoder>
    private let secrets: [Secret]
    private let onFault: (@Sendable (UpstreamFault) -> Void)?

    /// - Parameters:
    ///   - secrets: taken out of every fault, whichever part of the answer held it.
    ///   - onFault: told of the fault that ends an accepted answer.
    package init(
        _ response: ResponseStream<Decoder>, secrets: [Secret] = [],
        onFault: (@Sendable (UpstreamFault) -> Void)? = nil
    ) {
        self.response = response
        self.secrets = secrets
        self.onFault = onFault
    }

    deinit {
        self.response.cancel()
    }

    /// Waits for a 2xx head.
    package func accepted() async throws(UpstreamFault) {
        do throws(UpstreamFault) {
            try await self.response.accepted()
        } catch {
            throw error.redacted(self.secrets)
        }
    }

    package func next() async throws(UpstreamFault) -> [InferenceEvent]? {
        do throws(UpstreamFault) {
            return try await self.response.next()
        } catch {
            let fault = error.redacted(self.secrets)
            self.onFault?(fault)
            throw fault
        }
    }

    package func cancel() {
        self.response.cancel()
    }

    package var timing: UpstreamTiming? { self.response.timing }
}
