internal import GRPCCore
internal import Inference
internal import Logging
internal import Tracing

/// Leaves a server span for each call of our services, and has what is logged meanwhile say its trace.
///
/// `Generate`, `StreamGenerate` and `Embed` tell more by spans of their own (``RequestTracing``) and are passed on as they
/// come. So are health checks of load balancers and reflection: a span every few seconds, for ever, helps nobody.
struct CallTracing: ServerInterceptor {
    /// The trace of the call that the current task carries out.
    @TaskLocal static var current: TraceContext?

    /// `trace_id`, in lines of a call that belongs to a trace.
    static let logMetadata = Logger.MetadataProvider {
        Self.current.map { ["trace_id": "\($0.traceID)"] } ?? [:]
    }

    private static let package = "roundhouse.v1."
    private static let tracedElsewhere: Set = ["Generate", "StreamGenerate", "Embed"]

    private let tracer: (any Tracer)?

    /// - Parameter tracer: `nil`: nobody traces, and a client's own trace is only logged.
    init(_ tracer: (any Tracer)?) {
        self.tracer = tracer
    }

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>,
        context: ServerContext,
        next:
            @concurrent @Sendable (StreamingServerRequest<Input>, ServerContext) async throws
            -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        guard Self.concerns(context.descriptor) else { return try await next(request, context) }
        let call = TracedCall(context.descriptor, parent: TraceContext(request.metadata), self.tracer)
        // Whoever the handler asks is told of this span, as if it had sent it.
        var request = request
        if let trace = call.trace { request.metadata.tell(trace) }
        do {
            var response = try await call.run { [request] in try await next(request, context) }
            switch response.accepted {
            case .failure(let error): call.end(error)
            case .success(var contents):
                // Of a stream the work is done there; of a single message the rest.
                contents.producer = { [producer = contents.producer] writer in
                    do {
                        let metadata = try await call.run { try await producer(writer) }
                        call.end(nil)
                        return metadata
                    } catch {
                        call.end(error)
                        throw error
                    }
                }
                response.accepted = .success(contents)
            }
            return response
        } catch {
            call.end(error)
            throw error
        }
    }

    private static func concerns(_ method: MethodDescriptor) -> Bool {
        let service = method.service.fullyQualifiedService
        guard service.hasPrefix(Self.package) else { return false }
        return service != GenerationService.name.fullyQualifiedService || !Self.tracedElsewhere.contains(method.method)
    }
}

/// A call under way, and its span where somebody traces.
private struct TracedCall: Sendable {
    /// What is logged, and told to others: the span's, else the client's own.
    let trace: TraceContext?
    private let span: (any Tracing.Span)?

    init(_ method: MethodDescriptor, parent: TraceContext?, _ tracer: (any Tracer)?) {
        guard let tracer else {
            (self.trace, self.span) = (parent, nil)
            return
        }
        var context = InstrumentationContext.current ?? .topLevel
        if let parent { tracer.extract(parent, into: &context, using: TraceCarrier()) }
        let service = method.service.fullyQualifiedService
        let span = tracer.startSpan("\(service)/\(method.method)", context: context, ofKind: .server)
        span.updateAttributes { attributes in
            attributes.set("rpc.system", value: .string("grpc"))
            attributes.set("rpc.service", value: .string(service))
            attributes.set("rpc.method", value: .string(method.method))
        }
        (self.trace, self.span) = (tracer.context(of: span), span)
    }

    func run<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await CallTracing.$current.withValue(self.trace) {
            guard let span = self.span else { return try await body() }
            return try await InstrumentationContext.withValue(span.context) { try await body() }
        }
    }

    func end(_ error: (any Error)?) {
        guard let span = self.span else { return }
        let code = error.map(Self.code)
        let status = code?.name ?? "OK"
        span.updateAttributes { attributes in
            attributes.set("rpc.grpc.status", value: .string(status))
            if code != nil { attributes.set("error.type", value: .string(status)) }
        }
        // As of requests: a client that leaves is no error of the server's, and words may be anybody's.
        if let code, code != .cancelled { span.setStatus(SpanStatus(code: .error, message: status)) }
        span.end()
    }

    private static func code(of error: any Error) -> RPCError.Code {
        switch error {
        case let error as RPCError: error.code
        case let error as any RPCErrorConvertible: error.rpcErrorCode
        case is CancellationError: .cancelled
        default: .unknown
        }
    }
}

extension Metadata {
    /// Puts `trace` in the place of the one that the client sent.
    fileprivate mutating func tell(_ trace: TraceContext) {
        self.removeAllValues(forKey: "tracestate")
        self.replaceOrAddString(trace.traceparent, forKey: "traceparent")
        if let state = trace.state { self.addString(state.description, forKey: "tracestate") }
    }
}
