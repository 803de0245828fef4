internal import GRPCCore
internal import Inference
internal import ModelRegistry
internal import Routing
internal import Synchronization
internal import Tracing

/// Has requests leave spans with a tracer, whoever's it is. Without one it does nothing.
///
/// A call's span and the spans of its attempts are begun when they begin, since upstreams are told their ids; everything
/// else is said of them at the end, from the record. So nothing is put around an await, and no task-local value is set.
struct RequestTracing: Sendable {
    static let off = RequestTracing(nil, provider: { _ in nil })

    let tracer: (any Tracer)?
    private let provider: @Sendable (ProviderID) -> ProviderDescription?

    /// - Parameter provider: what is registered under an id.
    init(_ tracer: (any Tracer)?, provider: @escaping @Sendable (ProviderID) -> ProviderDescription?) {
        self.tracer = tracer
        self.provider = provider
    }

    /// Begins the span of a call for text.
    ///
    /// - Returns: the request as upstreams and the record are told of it; no trace when nobody traces.
    func begin(
        _ request: InferenceRequest, _ delivery: UpstreamRequest.Delivery, at arrival: ContinuousClock.Instant
    ) -> (InferenceRequest, RequestTrace?) {
        guard let tracer = self.tracer else { return (request, nil) }
        let method = delivery == .streamed ? "StreamGenerate" : "Generate"
        let trace = RequestTrace(
            tracer, method: method, operation: .chat, parent: request.trace, arrival: arrival, provider: self.provider)
        var request = request
        request.trace = trace.context
        return (request, trace)
    }

    /// Begins the span of a call for vectors.
    func begin(_ order: EmbeddingOrder, at arrival: ContinuousClock.Instant) -> (EmbeddingOrder, RequestTrace?) {
        guard let tracer = self.tracer else { return (order, nil) }
        let trace = RequestTrace(
            tracer, method: "Embed", operation: .embeddings, parent: order.request.trace, arrival: arrival,
            provider: self.provider)
        var order = order
        order.request.trace = trace.context
        return (order, trace)
    }
}

/// The spans of one request.
final class RequestTrace: AttemptTracer {
    /// As the conventions of OpenTelemetry name it.
    enum Operation: String, Sendable {
        case chat
        case embeddings
    }

    /// What upstreams and the record are told when there is no attempt.
    let context: TraceContext?
    private let tracer: any Tracer
    private let span: any Tracing.Span
    private let operation: Operation
    private let arrival: ContinuousClock.Instant
    private let clock: SpanClock
    private let provider: @Sendable (ProviderID) -> ProviderDescription?
    private let state = Mutex(State())

    private struct State {
        var attempts: [TracedAttempt] = []
        /// When it was begun to look for who may be asked.
        var beganRouting: ContinuousClock.Instant?
    }

    fileprivate init(
        _ tracer: any Tracer, method: String, operation: Operation, parent: TraceContext?,
        arrival: ContinuousClock.Instant, provider: @escaping @Sendable (ProviderID) -> ProviderDescription?
    ) {
        self.tracer = tracer
        self.operation = operation
        self.arrival = arrival
        self.provider = provider
        self.clock = SpanClock()
        var context = InstrumentationContext.current ?? .topLevel
        if let parent { tracer.extract(parent, into: &context, using: TraceCarrier()) }
        let service = GenerationService.name.fullyQualifiedService
        self.span = tracer.startSpan(
            "\(service)/\(method)", context: context, ofKind: .server, at: self.clock.time(of: arrival))
        self.context = tracer.context(of: self.span)
        self.span.updateAttributes { attributes in
            attributes.set("rpc.system", value: .string("grpc"))
            attributes.set("rpc.service", value: .string(service))
            attributes.set("rpc.method", value: .string(method))
        }
    }

    /// It is looked for who may be asked.
    func beganRouting(at now: ContinuousClock.Instant) {
        self.state.withLock { $0.beganRouting = now }
    }

    func began(_ model: ModelID, isHedge: Bool, at now: ContinuousClock.Instant) -> any AttemptSpan {
        let span = self.tracer.startSpan(
            "\(self.operation.rawValue) \(model.name)", context: self.span.context, ofKind: .client,
            at: self.clock.time(of: now))
        let attempt = TracedAttempt(span, context: self.tracer.context(of: span), beganAt: now)
        self.state.withLock { $0.attempts.append(attempt) }
        return attempt
    }

    /// The request has ended.
    func end(_ record: RequestRecord, at now: ContinuousClock.Instant) {
        let state = self.state.withLock { $0 }
        let attempts = state.attempts.map { ($0, $0.figures) }
        let end = self.clock.time(of: now)
        if let beganRouting = state.beganRouting {
            let span = self.tracer.startSpan(
                "route", context: self.span.context, ofKind: .internal, at: self.clock.time(of: beganRouting))
            span.end(at: self.clock.time(of: attempts.first?.0.beganAt ?? now))
        }
        self.tellWaits(record, from: attempts.first?.0.beganAt ?? self.arrival)
        for (place, (attempt, figures)) in attempts.enumerated() {
            self.end(attempt, figures, place: place, record: record, isLast: place == attempts.count - 1, at: now)
        }
        self.tellFallbacks(attempts)
        if let latency = record.firstTokenLatency {
            self.span.addEvent(
                SpanEvent(name: "first_token", at: self.clock.time(of: self.arrival + latency), attributes: [:]))
        }
        self.span.updateAttributes { attributes in
            attributes.set("roundhouse.request_id", value: .string(record.id))
            attributes.set("roundhouse.requested_model", value: .string(record.requestedModel))
            attributes.set("roundhouse.attempts", value: .int64(Int64(record.attempts.count)))
            attributes.set("rpc.grpc.status", value: .string(record.status))
            if record.cacheStatus == .shared { attributes.set("roundhouse.shared", value: .bool(true)) }
            if let model = record.model { attributes.set("roundhouse.model", value: .string(model.description)) }
            if record.status != "OK" { attributes.set("error.type", value: .string(record.status)) }
        }
        // What a client did to itself is no error of the server's, and words of upstreams stay out.
        if !["OK", "CANCELLED"].contains(record.status) {
            self.span.setStatus(SpanStatus(code: .error, message: record.status))
        }
        self.span.end(at: end)
    }

    /// Of several waits there is the sum alone: it is shown from the first attempt on.
    private func tellWaits(_ record: RequestRecord, from begin: ContinuousClock.Instant) {
        var begin = begin
        for (name, time) in [("queue", record.queueTime), ("load", record.loadTime)] {
            guard let time else { continue }
            let span = self.tracer.startSpan(
                name, context: self.span.context, ofKind: .internal, at: self.clock.time(of: begin))
            begin += time
            span.end(at: self.clock.time(of: begin))
        }
    }

    private func tellFallbacks(_ attempts: [(TracedAttempt, TracedAttempt.Figures)]) {
        for (one, next) in zip(attempts, attempts.dropFirst()) {
            guard let failed = one.1.attempt, let fault = failed.fault, let endedAt = one.1.endedAt,
                let then = next.1.attempt, !then.isHedge
            else { continue }
            self.span.addEvent(
                SpanEvent(
                    name: "fallback", at: self.clock.time(of: endedAt),
                    attributes: [
                        "roundhouse.from": .string(failed.model.description),
                        "roundhouse.to": .string(then.model.description), "error.type": .string(fault.reason),
                    ]))
        }
    }

    private func end(
        _ traced: TracedAttempt, _ figures: TracedAttempt.Figures, place: Int, record: RequestRecord, isLast: Bool,
        at now: ContinuousClock.Instant
    ) {
        let span = traced.span
        if let firstOutputAt = figures.firstOutputAt {
            span.addEvent(SpanEvent(name: "first_token", at: self.clock.time(of: firstOutputAt), attributes: [:]))
        }
        if let attempt = figures.attempt {
            span.updateAttributes { attributes in
                attributes.set("gen_ai.operation.name", value: .string(self.operation.rawValue))
                attributes.set("gen_ai.request.model", value: .string(attempt.model.name))
                attributes.set("roundhouse.attempt", value: .int64(Int64(place + 1)))
                if attempt.isHedge { attributes.set("roundhouse.hedge", value: .bool(true)) }
                self.describe(attempt.model.provider, in: &attributes)
                if let usage = attempt.usage {
                    attributes.set("gen_ai.usage.input_tokens", value: .int64(Int64(usage.inputTokens)))
                    attributes.set("gen_ai.usage.output_tokens", value: .int64(Int64(usage.outputTokens)))
                }
                if let fault = attempt.fault {
                    attributes.set("error.type", value: .string(fault.reason))
                    if let status = fault.httpStatus {
                        attributes.set("http.response.status_code", value: .int64(Int64(status)))
                    }
                } else {
                    attributes.set("gen_ai.response.model", value: .string(attempt.model.name))
                    if isLast, let reason = record.finishReason {
                        attributes.set("gen_ai.response.finish_reasons", value: .stringArray([reason.word]))
                    }
                }
            }
            if let fault = attempt.fault, fault.kind != .cancelled, fault.kind != .diverged {
                span.setStatus(SpanStatus(code: .error, message: fault.reason))
            }
        }
        span.end(at: self.clock.time(of: figures.endedAt ?? now))
    }

    private func describe(_ id: ProviderID, in attributes: inout SpanAttributes) {
        let provider = self.provider(id)
        let name = provider.flatMap { Self.names[$0.kind] } ?? id.rawValue
        attributes.set("gen_ai.provider.name", value: .string(name))
        // The older name of the same.
        attributes.set("gen_ai.system", value: .string(name))
        guard let address = provider.flatMap(ServerAddress.init) else { return }
        attributes.set("server.address", value: .string(address.host))
        attributes.set("server.port", value: .int64(Int64(address.port)))
    }

    /// Of the conventions, by ours.
    private static let names = [
        "openai": "openai", "anthropic": "anthropic", "gemini": "gcp.gemini", "azure_openai": "azure.ai.openai",
        "deepseek": "deepseek", "groq": "groq", "mistral": "mistral_ai", "xai": "x_ai", "perplexity": "perplexity",
    ]
}

/// One attempt's span, and what is known of it.
final class TracedAttempt: AttemptSpan {
    struct Figures: Sendable {
        var firstOutputAt: ContinuousClock.Instant?
        var endedAt: ContinuousClock.Instant?
        var attempt: Attempt?
    }

    let context: TraceContext?
    fileprivate let span: any Tracing.Span
    fileprivate let beganAt: ContinuousClock.Instant
    private let state = Mutex(Figures())

    fileprivate init(_ span: any Tracing.Span, context: TraceContext?, beganAt: ContinuousClock.Instant) {
        self.span = span
        self.context = context
        self.beganAt = beganAt
    }

    fileprivate var figures: Figures { self.state.withLock { $0 } }

    func gaveOutput(at now: ContinuousClock.Instant) {
        self.state.withLock { if $0.firstOutputAt == nil { $0.firstOutputAt = now } }
    }

    func ended(_ attempt: Attempt, at now: ContinuousClock.Instant) {
        self.state.withLock { figures in
            figures.endedAt = now
            figures.attempt = attempt
        }
    }
}

extension FinishReason {
    /// As the API names it, in small letters.
    fileprivate var word: String {
        switch self {
        case .stop: "stop"
        case .length: "length"
        case .toolCalls: "tool_calls"
        case .contentFilter: "content_filter"
        case .refusal: "refusal"
        case .other: "other"
        }
    }
}
