internal import Inference
internal import Synchronization
internal import TraceExport
internal import Tracing

/// Makes the spans that we export ourselves, for servers whose program brings no tracer of its own.
final class OTLPTracer: Tracer {
    typealias Span = OTLPSpan

    private let sampling: Sampling
    private let ids: Mutex<TraceIDSource>
    private let export: @Sendable (SpanRecord) -> Void

    /// - Parameter export: takes each recorded span when it has ended.
    init(
        sampling: Sampling = Sampling(), ids: TraceIDSource = TraceIDSource(),
        export: @escaping @Sendable (SpanRecord) -> Void
    ) {
        self.sampling = sampling
        self.ids = Mutex(ids)
        self.export = export
    }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String,
        context: @autoclosure () -> InstrumentationContext,
        ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant,
        function: String,
        file fileID: String,
        line: UInt
    ) -> OTLPSpan {
        var context = context()
        let parent = context.trace
        let (newTrace, spanID) = self.ids.withLock { ids in (parent == nil ? ids.traceID() : nil, ids.spanID()) }
        let traceID = parent?.traceID ?? newTrace ?? self.ids.withLock { $0.traceID() }
        let trace = TraceContext(
            traceID: traceID, spanID: spanID,
            // A decision that was made here holds for the whole of what is made here.
            isSampled: context.isOurs == true
                ? parent?.isSampled ?? true : self.sampling.isSampled(traceID, parent: parent),
            state: parent?.state)
        context.trace = trace
        context.isOurs = true
        return OTLPSpan(
            context: context, trace: trace, parent: parent?.spanID, name: operationName, kind: kind,
            start: instant().nanosecondsSinceEpoch, export: self.export)
    }

    func startAnySpan<Instant: TracerInstant>(
        _ operationName: String,
        context: @autoclosure () -> InstrumentationContext,
        ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant,
        function: String,
        file fileID: String,
        line: UInt
    ) -> any Tracing.Span {
        self.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parent = extractor.extract(key: "traceparent", from: carrier) else { return }
        let state = extractor.extract(key: "tracestate", from: carrier)
        guard let trace = TraceContext(traceparent: [parent], tracestate: state.map { [$0] } ?? []) else { return }
        context.trace = trace
        context.isOurs = nil
    }

    func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
        if let state = trace.state { injector.inject(state.description, forKey: "tracestate", into: &carrier) }
    }

    /// The exporter has a task of its own.
    func forceFlush() {}
}

/// A span of ours. What is said of it after its end is not heard.
final class OTLPSpan: Tracing.Span {
    let context: InstrumentationContext
    let isRecording: Bool
    private let trace: TraceContext
    private let parent: SpanID?
    private let kind: SpanKind
    private let start: UInt64
    private let export: @Sendable (SpanRecord) -> Void
    private let state: Mutex<State>

    private struct State {
        var name: String
        var attributes: SpanAttributes = [:]
        var events: [SpanEvent] = []
        var links: [TraceContext] = []
        var status: SpanStatus?
        var hasEnded = false
    }

    fileprivate init(
        context: InstrumentationContext, trace: TraceContext, parent: SpanID?, name: String, kind: SpanKind,
        start: UInt64, export: @escaping @Sendable (SpanRecord) -> Void
    ) {
        self.context = context
        self.trace = trace
        self.isRecording = trace.isSampled
        self.parent = parent
        self.kind = kind
        self.start = start
        self.export = export
        self.state = Mutex(State(name: name))
    }

    var operationName: String {
        get { self.state.withLock { $0.name } }
        set { self.change { $0.name = newValue } }
    }

    var attributes: SpanAttributes {
        get { self.state.withLock { $0.attributes } }
        set { self.change { $0.attributes = newValue } }
    }

    func setStatus(_ status: SpanStatus) {
        self.change { $0.status = status }
    }

    func addEvent(_ event: SpanEvent) {
        self.change { $0.events.append(event) }
    }

    func addLink(_ link: SpanLink) {
        guard let trace = link.context.trace else { return }
        self.change { $0.links.append(trace) }
    }

    func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        // The type only: what an error says may hold what a client sent.
        var attributes = attributes
        attributes.set("exception.type", value: .string("\(type(of: error))"))
        self.addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let ended: State? = self.state.withLock { state in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            return state
        }
        guard let ended, self.isRecording else { return }
        let end = instant().nanosecondsSinceEpoch
        self.export(
            SpanRecord(
                context: self.trace,
                parent: self.parent,
                name: ended.name,
                kind: SpanRecord.Kind(self.kind),
                startNanoseconds: self.start,
                endNanoseconds: max(end, self.start),
                attributes: ended.attributes.records,
                events: ended.events.map {
                    .init(name: $0.name, nanoseconds: $0.nanosecondsSinceEpoch, attributes: $0.attributes.records)
                },
                links: ended.links,
                status: ended.status.map { $0.code == .error ? .error($0.message ?? "") : .ok }
            ))
    }

    private func change(_ body: (inout sending State) -> Void) {
        guard self.isRecording else { return }
        self.state.withLock { state in
            if !state.hasEnded { body(&state) }
        }
    }
}

extension SpanRecord.Kind {
    init(_ kind: SpanKind) {
        switch kind {
        case .server: self = .server
        case .client: self = .client
        case .producer: self = .producer
        case .consumer: self = .consumer
        case .internal: self = .internal
        }
    }
}

extension SpanAttributes {
    fileprivate var records: [(key: String, value: SpanRecord.Value)] {
        var records: [(key: String, value: SpanRecord.Value)] = []
        // They are no sequence.
        // swift-format-ignore: ReplaceForEachWithForLoop
        self.forEach { key, attribute in
            guard let value = SpanRecord.Value(attribute) else { return }
            records.append((key, value))
        }
        return records.sorted { $0.key < $1.key }
    }
}

extension SpanRecord.Value {
    fileprivate init?(_ attribute: SpanAttribute) {
        switch attribute {
        case .int32(let number): self = .integer(Int64(number))
        case .int64(let number): self = .integer(number)
        case .double(let number): self = .double(number)
        case .bool(let flag): self = .boolean(flag)
        case .string(let text): self = .string(text)
        case .int32Array(let numbers): self = .list(numbers.map { .integer(Int64($0)) })
        case .int64Array(let numbers): self = .list(numbers.map { .integer($0) })
        case .doubleArray(let numbers): self = .list(numbers.map { .double($0) })
        case .boolArray(let flags): self = .list(flags.map { .boolean($0) })
        case .stringArray(let texts): self = .list(texts.map { .string($0) })
        case .stringConvertible(let value): self = .string("\(value)")
        case .stringConvertibleArray(let values): self = .list(values.map { .string("\($0)") })
        default: return nil
        }
    }
}

// MARK: - The context

private enum TraceKey: InstrumentationContextKey {
    typealias Value = TraceContext
}

private enum OursKey: InstrumentationContextKey {
    typealias Value = Bool
}

extension InstrumentationContext {
    /// The trace, and the span that what follows is a child of.
    var trace: TraceContext? {
        get { self[TraceKey.self] }
        set { self[TraceKey.self] = newValue }
    }

    /// Whether that span is one of ours.
    fileprivate var isOurs: Bool? {
        get { self[OursKey.self] }
        set { self[OursKey.self] = newValue }
    }
}
