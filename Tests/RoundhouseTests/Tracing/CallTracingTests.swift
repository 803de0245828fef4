import GRPCCore
import Inference
import Logging
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing
import TraceExport

@testable import Roundhouse

@Suite struct CallTracingTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `A unary call leaves a span that is the caller's child and says how it ended`() async throws {
        let spans = Spans()
        try await Gateway.with(
            ScriptedProvider(.local, saying: ["a"]), interceptors: [CallTracing(spans.tracer())]
        ) { gateway in
            _ = try await gateway.generation.countTokens(
                .with {
                    $0.model = "local/m"
                    $0.messages = [
                        .with {
                            $0.role = .user
                            $0.parts = [.with { $0.text = "hi" }]
                        }
                    ]
                }, metadata: ["traceparent": "\(Self.parent)"])
            await #expect(throws: RPCError.self) {
                try await gateway.registry.getModel(.with { $0.model = "local/none" })
            }
            // It has a span of its own, from the pipeline, which traces nothing here.
            _ = try await gateway.generation.generate(.asking("hi"))
        }
        let (count, get) = (spans.all.first, spans.all.last)
        #expect(spans.all.count == 2 && spans.all.allSatisfy { $0.kind == .server })
        #expect(count?.name == "roundhouse.v1.GenerationService/CountTokens" && count?.status == nil)
        #expect(count?.parent?.description == "00f067aa0ba902b7")
        #expect(count?.attribute("rpc.method") == .string("CountTokens"))
        #expect(count?.attribute("rpc.grpc.status") == .string("OK"))
        #expect(get?.name == "roundhouse.v1.RegistryService/GetModel" && get?.parent == nil)
        #expect(get?.status == .error("NOT_FOUND") && get?.attribute("error.type") == .string("NOT_FOUND"))
    }

    @Test func `Whoever a handler asks is told of the call's span, and lines of the log of its trace`() async throws {
        let spans = Spans()
        let seen = try await Self.call(CallTracing(spans.tracer()), ["traceparent": "\(Self.parent)"])
        let span = try #require(spans.all.first)
        #expect(seen.metadata?.traceparent == span.context.traceparent && seen.logged == span.context)
        #expect(span.context.traceparent != Self.parent)
        // Without a trace of the client's there is a new one.
        #expect(try await Self.call(CallTracing(spans.tracer()), [:]).logged == spans.all.last?.context)
    }

    @Test func `Where nobody traces the client's own trace is told and logged, as it is`() async throws {
        let seen = try await Self.call(CallTracing(nil), ["traceparent": "\(Self.parent)", "tracestate": "a=b"])
        #expect(seen.metadata?.traceparent == Self.parent && seen.logged == seen.metadata)
        #expect(seen.metadata?.state?.description == "a=b")
        let none = try await Self.call(CallTracing(nil), [:])
        #expect(none.metadata == nil && none.logged == nil)
    }

    @Test(arguments: ["grpc.health.v1.Health/Check", "roundhouse.v1.GenerationService/Embed"])
    func `Probes, and calls with spans of their own, are passed on as they come`(method: String) async throws {
        let spans = Spans()
        let seen = try await Self.call(CallTracing(spans.tracer()), ["traceparent": "\(Self.parent)"], method)
        #expect(spans.all.isEmpty && seen.logged == nil && seen.metadata?.traceparent == Self.parent)
    }

    @Test(arguments: [RPCError.Code.unavailable, .cancelled, nil])
    func `A stream's span ends with the stream`(code: RPCError.Code?) async throws {
        let spans = Spans()
        let response = try await Self.intercept(
            CallTracing(spans.tracer()), [:], "roundhouse.v1.LifecycleService/WarmUp"
        ) {
            _ in
            StreamingServerResponse { _ in
                #expect(CallTracing.current != nil)
                if let code { throw RPCError(code: code, message: "its words") }
                return [:]
            }
        }
        #expect(spans.all.isEmpty)
        let producer = try #require(try? response.accepted.get().producer)
        do {
            _ = try await producer(RPCWriter(wrapping: Sink()))
        } catch {
            #expect((error as? RPCError)?.code == code)
        }
        let span = try #require(spans.all.first)
        #expect(spans.all.count == 1 && span.attribute("rpc.grpc.status") == .string(code?.name ?? "OK"))
        // A client that leaves is no error of the server's.
        #expect(span.status == (code == .unavailable ? .error("UNAVAILABLE") : nil))
    }

    @Test func `Lines of a traced call have its trace, others have none`() throws {
        let lines = Mutex<[String]>([])
        var log = RoundhouseConfiguration.Log()
        log.format = .json
        let output = LogOutput(label: "test", log: log) { line in lines.withLock { $0.append(line) } }
        let logger = Logger(label: "test") { _ in output }
        logger.info("Before")
        CallTracing.$current.withValue(TraceContext(traceparent: Self.parent)) {
            logger.info("Within")
            logger.info("Another's", metadata: ["trace_id": "mine"])
        }
        let found = lines.withLock { $0.filter { $0.contains("\"message\":") } }
        #expect(found.map { $0.contains("trace_id") } == [false, true, true])
        #expect(found[1].contains(#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736""#), "\(found)")
        #expect(found[2].contains(#""trace_id":"mine""#), "\(found)")
    }

    // MARK: - A call by hand

    private struct Seen: Sendable {
        /// What the handler finds in the call's metadata.
        var metadata: TraceContext?
        var logged: TraceContext?
    }

    private static func call(
        _ tracing: CallTracing, _ metadata: Metadata, _ method: String = "roundhouse.v1.AdminService/SaveState"
    ) async throws -> Seen {
        let seen = Mutex(Seen())
        let response = try await Self.intercept(tracing, metadata, method) { metadata in
            seen.withLock { $0 = Seen(metadata: TraceContext(metadata), logged: CallTracing.current) }
            return StreamingServerResponse { _ in [:] }
        }
        _ = try await response.accepted.get().producer(RPCWriter(wrapping: Sink()))
        return seen.withLock { $0 }
    }

    private static func intercept(
        _ tracing: CallTracing, _ metadata: Metadata, _ method: String,
        _ handler: @escaping @Sendable (Metadata) async throws -> StreamingServerResponse<Int>
    ) async throws -> StreamingServerResponse<Int> {
        let names = method.split(separator: "/").map(String.init)
        let messages = RPCAsyncSequence<Int, any Error>(wrapping: AsyncThrowingStream { $0.finish() })
        return try await withServerContextRPCCancellationHandle { cancellation in
            let context = ServerContext(
                descriptor: MethodDescriptor(fullyQualifiedService: names[0], method: names[1]), remotePeer: "",
                localPeer: "", cancellation: cancellation)
            return try await tracing.intercept(
                request: StreamingServerRequest(metadata: metadata, messages: messages), context: context
            ) { request, _ in
                try await handler(request.metadata)
            }
        }
    }
}

/// Takes messages and forgets them.
private struct Sink: RPCWriterProtocol {
    func write(_ element: Int) async throws {}
    func write(contentsOf elements: some Sequence<Int>) async throws {}
}
