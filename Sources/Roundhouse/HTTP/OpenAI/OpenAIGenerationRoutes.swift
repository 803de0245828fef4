internal import Hummingbird
internal import Inference
internal import NIOCore

/// `POST /v1/chat/completions` and `POST /v1/completions`.
struct OpenAIGenerationRoutes: HTTPRoutes {
    let generation: OpenAIGeneration
    let bodyLimits: BodyLimits

    var routes: [HTTPRoute] {
        [
            .post("/v1/chat/completions", "answers as OpenAI's chat completions do") { request, context in
                try await self.answer(.chat, request, context)
            },
            .post("/v1/completions", "answers as OpenAI's completions do") { request, context in
                try await self.answer(.completion, request, context)
            },
        ]
    }

    private func answer(
        _ endpoint: OpenAIRequest.Endpoint, _ request: Request, _ context: HTTPContext
    ) async throws -> Response {
        try request.requireJSON()
        let body = try await request.wholeBody(context, within: self.bodyLimits)
        let begin = ContinuousClock.now
        let id = OpenAIRequestReader.requestID(request.headers)
        let read =
            switch endpoint {
            case .chat: try OpenAIRequestReader.chat(body, headers: request.headers, requestID: id)
            case .completion: try OpenAIRequestReader.completion(body, headers: request.headers, requestID: id)
            }
        let arrival = ContinuousClock.now
        self.generation.pipeline.phases.add(begin.duration(to: arrival), to: .decode)
        do {
            return try await self.generation.answer(read, context, arrival: arrival)
        } catch let failure as RequestFailure {
            throw OpenAIError(failure)
        } catch is CancellationError {
            // The client left, and nobody reads this.
            throw OpenAIError(RequestFailure(cause: .cancelled, requestID: id))
        }
    }
}
