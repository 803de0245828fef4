internal import GRPCCore
internal import GRPCTransport
internal import Inference
internal import RoundhouseAPI
internal import Routing
internal import SwiftProtobuf

/// `roundhouse.v1.GenerationService`: reads requests, runs the pipeline, writes what it delivers.
struct GenerationService: Roundhouse_V1_GenerationService.ServiceProtocol {
    let pipeline: Pipeline
    let router: Router

    /// `roundhouse.v1.GenerationService`.
    static let name = Roundhouse_V1_GenerationService.descriptor

    func generate(
        request: ServerRequest<Roundhouse_V1_GenerateRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<Roundhouse_V1_GenerateResponse> {
        let collector = try await self.generate(
            request.message, for: context.transportSpecific as? CallDetails, TraceContext(request.metadata),
            ResponseCollector.self)
        return ServerResponse(message: collector.response)
    }

    /// - Returns: what collected the answer.
    func generate<Collector: AnswerCollecting>(
        _ request: Roundhouse_V1_GenerateRequest,
        for client: CallDetails?,
        _ trace: TraceContext?,
        _: Collector.Type
    ) async throws -> Collector {
        var inference = try Self.read { () throws(RequestError) in
            try RequestReader.inferenceRequest(from: request, makeID: RequestID.make)
        }
        inference.trace = trace
        let arrival = self.decoded(client)
        var collector = Collector(requestID: inference.id)
        try await self.pipeline.runShared(
            inference, delivery: .whole, deadline: client?.deadline, client: client?.peerIdentity, arrival: arrival
        ) {
            collector.take($0)
        }
        return collector
    }

    func streamGenerate(
        request: ServerRequest<Roundhouse_V1_StreamGenerateRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<Roundhouse_V1_StreamGenerateResponse> {
        StreamingServerResponse { response in
            let client = context.transportSpecific as? CallDetails
            try await self.streamGenerate(
                request.message, for: client, TraceContext(request.metadata)
            ) { writer, outputs in
                try await response.write(contentsOf: writer.messages(from: outputs))
            }
            return [:]
        }
    }

    func streamGenerate(
        _ request: Roundhouse_V1_StreamGenerateRequest,
        for client: CallDetails?,
        _ trace: TraceContext?,
        write: (inout ResponseWriter, [PipelineOutput]) async throws -> Void
    ) async throws {
        var inference = try Self.read { () throws(RequestError) in
            try RequestReader.inferenceRequest(from: request, makeID: RequestID.make)
        }
        inference.trace = trace
        let arrival = self.decoded(client)
        var writer = ResponseWriter(requestID: inference.id)
        let wantsProgress = RequestReader.wantsProgress(request)
        var isFirst = true
        try await self.pipeline.runShared(
            inference, delivery: .streamed, wantsProgress: wantsProgress, deadline: client?.deadline,
            client: client?.peerIdentity, arrival: arrival
        ) { outputs in
            // Once for each request: a look at the clock for each token would cost more than it tells.
            let begin = isFirst && outputs.contains(where: \.isAnswer) ? ContinuousClock.now : nil
            try await write(&writer, outputs)
            if let begin {
                isFirst = false
                self.pipeline.phases.add(begin.duration(to: .now), to: .encode)
            }
        }
    }

    /// A request has been read.
    ///
    /// - Returns: the moment.
    private func decoded(_ client: CallDetails?) -> ContinuousClock.Instant {
        let now = ContinuousClock.now
        if let received = client?.receivedAt { self.pipeline.phases.add(received.duration(to: now), to: .decode) }
        return now
    }

    func countTokens(
        request: ServerRequest<Roundhouse_V1_CountTokensRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<Roundhouse_V1_CountTokensResponse> {
        var inference = try Self.read { () throws(RequestError) in
            try RequestReader.inferenceRequest(from: request.message)
        }
        inference.trace = TraceContext(request.metadata)
        do {
            let (model, tokens) = try await self.router.countTokens(inference)
            return ServerResponse(
                message: .with {
                    $0.model = model.description
                    $0.inputTokens = Int64(tokens ?? TokenEstimate.input(of: inference.messages))
                    $0.estimated = tokens == nil
                })
        } catch {
            throw RequestFailure(cause: RequestError(error), requestID: "")
        }
    }

    func embed(
        request: ServerRequest<Roundhouse_V1_EmbedRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<Roundhouse_V1_EmbedResponse> {
        let (outcome, id) = try await self.embed(
            request.message, for: context.transportSpecific as? CallDetails, TraceContext(request.metadata))
        return ServerResponse(message: Roundhouse_V1_EmbedResponse(outcome, requestID: id))
    }

    func embed(
        _ request: Roundhouse_V1_EmbedRequest, for client: CallDetails?, _ trace: TraceContext?
    ) async throws(RequestFailure) -> (EmbeddingOutcome, requestID: String) {
        var order = try Self.read { () throws(RequestError) in
            try RequestReader.embeddingOrder(from: request, makeID: RequestID.make)
        }
        order.request.trace = trace
        let arrival = self.decoded(client)
        let outcome = try await self.pipeline.embed(
            order, deadline: client?.deadline, client: client?.peerIdentity, arrival: arrival)
        return (outcome, order.request.id)
    }

    func explainRoute(
        request: ServerRequest<Roundhouse_V1_ExplainRouteRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<Roundhouse_V1_ExplainRouteResponse> {
        let inference = try Self.read { () throws(RequestError) in
            try RequestReader.inferenceRequest(from: request.message)
        }
        do {
            let explanation = try self.router.explain(inference)
            return ServerResponse(message: .with { $0.route = Roundhouse_V1_RouteDecision(explanation) })
        } catch {
            throw RequestFailure(cause: RequestError(error), requestID: "")
        }
    }

    private static func read<Request>(
        _ body: () throws(RequestError) -> Request
    ) throws(RequestFailure) -> Request {
        do {
            return try body()
        } catch {
            throw RequestFailure(cause: error, requestID: "")
        }
    }
}

extension PipelineOutput {
    /// Whether it is of the answer, and not of what was waited for before it.
    fileprivate var isAnswer: Bool {
        if case .progress = self { false } else { true }
    }
}
