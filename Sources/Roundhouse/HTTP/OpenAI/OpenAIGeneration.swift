internal import Hummingbird
internal import Inference
internal import NIOCore

/// Runs requests of `/v1/chat/completions` and `/v1/completions`, and writes what the pipeline delivers.
struct OpenAIGeneration: Sendable {
    /// What holds for event streams.
    struct Streams: Sendable {
        /// Silence after which a comment is sent; `nil`: never.
        var keepAliveInterval: Duration? = .seconds(15)
        /// How long the status may wait for the first output; `nil`: as long as that takes. Then it is 200, whatever
        /// follows.
        var firstBytePatience: Duration?
        /// A client that takes nothing for so long is dropped.
        var slowReaderLimit = Duration.seconds(60)
    }

    let pipeline: Pipeline
    let streams: Streams
    /// Whether a provider's upstreams are given fields that we do not know.
    let passesExtraFields: @Sendable (ProviderID) -> Bool

    /// - Parameter arrival: when the request had been read.
    func answer(
        _ request: OpenAIRequest, _ context: HTTPContext, arrival: ContinuousClock.Instant
    ) async throws -> Response {
        let form = OpenAIAnswerForm(
            endpoint: request.endpoint, requestID: request.inference.id,
            created: WallTime.now().microsecondsSince1970 / 1_000_000, usesFunctions: request.usesFunctions)
        let line = try await ClientLine.of(context.channel)
        return request.isStreamed
            ? self.streamed(request, form, line, arrival)
            : try await self.whole(request, form, line, arrival)
    }

    // MARK: - Whole answers

    private func whole(
        _ request: OpenAIRequest, _ form: OpenAIAnswerForm, _ line: ClientLine, _ arrival: ContinuousClock.Instant
    ) async throws -> Response {
        let answer = try await line.whileThere {
            var answer = OpenAIAnswer(form, echo: request.echo)
            try await self.pipeline.runShared(request.inference, delivery: .whole, arrival: arrival) {
                answer.take($0)
            }
            return answer
        }
        let begin = ContinuousClock.now
        guard let body = answer.body, let completion = answer.completion else { throw CancellationError() }
        var fields = self.fields(request, answer.started, attempts: completion.attempts.count)
        fields.set(.contentType, "application/json")
        if let model = completion.model {
            fields.set(.model, model.description)
            fields.set(.provider, model.provider.rawValue)
        }
        if let cost = completion.cost { fields.set(.cost, cost.usd) }
        self.pipeline.phases.add(begin.duration(to: .now), to: .encode)
        return Response(status: .ok, headers: fields, body: ResponseBody(byteBuffer: body))
    }

    // MARK: - Streams

    /// How a stream ended.
    private enum End: Sendable {
        case whole
        /// Before its first output: the head says so, and this is the body.
        case refused(OpenAIError)
        /// After it: the last event says so.
        case cut
    }

    /// Thrown to have the connection closed without the end of the body, so that nobody takes the answer for a whole one.
    struct Cut: Error {}

    /// The head is held until the first output is there: what fails before it still has its own status.
    private func streamed(
        _ request: OpenAIRequest, _ form: OpenAIAnswerForm, _ line: ClientLine, _ arrival: ContinuousClock.Instant
    ) -> Response {
        line.hold()
        return Response(
            status: .ok,
            body: ResponseBody { writer in
                switch try await line.whileThere({ try await self.stream(request, form, line, arrival) }) {
                case .whole: try await writer.finish(nil)
                case .refused(let error): try await error.response.body.write(writer)
                case .cut: throw Cut()
                }
            })
    }

    private func stream(
        _ request: OpenAIRequest, _ form: OpenAIAnswerForm, _ line: ClientLine, _ arrival: ContinuousClock.Instant
    ) async throws -> End {
        if let patience = self.streams.firstBytePatience {
            line.beginStream(
                after: patience, self.streamFields(request, nil), keepAlive: self.streams.keepAliveInterval)
        }
        var writer = OpenAIChunkWriter(form, includesUsage: request.includesUsage, echo: request.echo)
        var isBegun = false
        do {
            try await self.pipeline.runShared(request.inference, delivery: .streamed, arrival: arrival) { outputs in
                // Once for each request: a look at the clock for each token would cost more than it tells.
                let begin = isBegun ? nil : ContinuousClock.now
                var chunk = ByteBuffer()
                writer.write(outputs, into: &chunk)
                // What shows nothing, as a signature, leaves the status open; and an empty chunk would end the body.
                guard chunk.readableBytes > 0 else { return }
                if !isBegun {
                    isBegun = true
                    line.beginStream(
                        self.streamFields(request, writer.started), keepAlive: self.streams.keepAliveInterval)
                }
                if writer.isComplete {
                    try await line.writeLast(chunk)
                } else {
                    try await line.write(chunk, patience: self.streams.slowReaderLimit)
                }
                if let begin { self.pipeline.phases.add(begin.duration(to: .now), to: .encode) }
            }
            return .whole
        } catch let failure as RequestFailure {
            let error = OpenAIError(failure)
            if !isBegun, try await line.refuse(error.status, error.response.headers) { return .refused(error) }
            var chunk = ByteBuffer()
            OpenAIChunkWriter.write(error, into: &chunk)
            await line.writeBeforeClosing(chunk, patience: self.streams.slowReaderLimit)
            return .cut
        }
    }

    /// As many names as fit into a header that every client takes.
    private static func list(_ names: [String]) -> String {
        var list = ""
        for (place, name) in names.enumerated() {
            guard list.utf8.count + name.utf8.count < 1000 else { return list + ", and \(names.count - place) more" }
            let safe = String(name.unicodeScalars.map { (0x20...0x7E).contains($0.value) ? Character($0) : "?" })
            list += list.isEmpty ? safe : ", \(safe)"
        }
        return list
    }

    private func streamFields(_ request: OpenAIRequest, _ started: PipelineOutput.Started?) -> HTTPFields {
        var fields = self.fields(request, started, attempts: started?.attempt)
        fields.set(.contentType, "text/event-stream; charset=utf-8")
        fields.set(.cacheControl, "no-cache")
        // Or nginx keeps events back until its buffer is full.
        fields.set(.buffering, "no")
        return fields
    }

    private func fields(
        _ request: OpenAIRequest, _ started: PipelineOutput.Started?, attempts: Int?
    ) -> HTTPFields {
        var fields = HTTPFields()
        fields.set(.requestID, request.inference.id)
        if let attempts { fields.set(.attempts, String(attempts)) }
        guard let model = started?.model else { return fields }
        fields.set(.model, model.description)
        fields.set(.provider, model.provider.rawValue)
        var ignored = request.ignoredFields
        if !request.unknownFields.isEmpty, !self.passesExtraFields(model.provider) { ignored += request.unknownFields }
        if !ignored.isEmpty { fields.set(.ignoredFields, Self.list(ignored)) }
        return fields
    }
}
