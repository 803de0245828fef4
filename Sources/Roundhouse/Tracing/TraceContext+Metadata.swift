internal import GRPCCore
internal import Inference

extension TraceContext {
    /// Reads `traceparent` and `tracestate` of a call's metadata.
    ///
    /// - Returns: `nil` when there is none, or none that is understood.
    init?(_ metadata: Metadata) {
        self.init(
            traceparent: metadata[stringValues: "traceparent"], tracestate: metadata[stringValues: "tracestate"])
    }
}
