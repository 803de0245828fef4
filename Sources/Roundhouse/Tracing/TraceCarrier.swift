internal import Inference
internal import ModelRegistry
internal import Providers
internal import Tracing

/// Gives a tracer our own form of a trace, and takes its.
struct TraceCarrier: Extractor {
    func extract(key: String, from carrier: TraceContext) -> String? {
        switch key.lowercased() {
        case "traceparent": carrier.traceparent
        case "tracestate": carrier.state?.description
        default: nil
        }
    }
}

private struct FieldInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
        carrier[key.lowercased()] = value
    }
}

extension Tracer {
    /// What others are told of a span; `nil` when this tracer does not speak W3C Trace Context.
    func context(of span: any Tracing.Span) -> TraceContext? {
        if let trace = span.context.trace { return trace }
        var fields: [String: String] = [:]
        self.inject(span.context, into: &fields, using: FieldInjector())
        return fields["traceparent"].flatMap { parent in
            TraceContext(traceparent: [parent], tracestate: fields["tracestate"].map { [$0] } ?? [])
        }
    }
}

/// Moments of the clock that we count with, as moments of the calendar.
struct SpanClock: Sendable {
    private let instant: ContinuousClock.Instant
    private let nanoseconds: UInt64

    init() {
        self.instant = .now
        self.nanoseconds = DefaultTracerClock.now.nanosecondsSinceEpoch
    }

    func time(of instant: ContinuousClock.Instant) -> DefaultTracerClock.Timestamp {
        let (seconds, attoseconds) = self.instant.duration(to: instant).components
        let difference = seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
        return DefaultTracerClock.Timestamp(
            nanosecondsSinceEpoch: self.nanoseconds &+ UInt64(bitPattern: difference))
    }
}

/// Where a provider is, by its base URL: nothing else of that is told.
struct ServerAddress: Sendable, Hashable {
    var host: String
    var port: Int

    /// - Returns: `nil` for one without an address, such as local engines.
    init?(_ provider: ProviderDescription) {
        let kind = ProviderKind(rawValue: provider.kind)
        guard let url = provider.baseURL ?? kind?.standardBaseURL, let origin = try? HTTPOrigin(url) else { return nil }
        self.host = origin.host
        self.port = origin.port
    }
}
