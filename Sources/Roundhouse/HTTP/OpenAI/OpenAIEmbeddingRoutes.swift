internal import Hummingbird
internal import Inference
internal import NIOCore
internal import Providers

/// `/v1/embeddings`.
struct OpenAIEmbeddingRoutes: HTTPRoutes {
    let pipeline: Pipeline
    let limits: BodyLimits

    var routes: [HTTPRoute] {
        [
            .post("/v1/embeddings", "vectors of texts, as OpenAI answers them") { request, context in
                try request.requireJSON()
                let body = try await request.wholeBody(context, within: self.limits)
                let id = OpenAIRequestReader.requestID(request.headers)
                let embedding = try OpenAIEmbedding.read(body, headers: request.headers, requestID: id)
                do throws(RequestFailure) {
                    let outcome = try await self.pipeline.embed(embedding.order, deadline: nil)
                    return embedding.response(outcome)
                } catch {
                    throw OpenAIError(error)
                }
            }
        ]
    }
}

/// A request for vectors, understood.
struct OpenAIEmbedding: Sendable {
    var order: EmbeddingOrder
    /// Vectors come as the bytes of their numbers in base64, as the official Python client asks for.
    var isBase64: Bool
    /// Fields that no upstream is sent.
    var ignoredFields: [String]

    /// - Throws: ``OpenAIError`` that names every field at fault, or the place where the JSON breaks.
    static func read(
        _ body: ByteBuffer, headers: HTTPFields, requestID: String
    ) throws(OpenAIError) -> OpenAIEmbedding {
        try OpenAIRequestReader.read(body, requestID) { (root, fields) in
            let routing = fields.routing(root["roundhouse"], headers, isStreamed: false)
            // Nobody else needs to know whose it is; it must be a string all the same.
            _ = fields.string(root["user"])
            let dimensions = fields.integer(root["dimensions"]).map { fields.checks.dimensions($0) }
            let order = EmbeddingOrder(
                request: EmbeddingRequest(
                    id: requestID, model: "", inputs: fields.inputs(root["input"]), dimensions: dimensions,
                    trace: headers.traceContext),
                target: fields.target(root["model"]),
                routing: routing.options,
                normalizes: false,
                metadata: fields.labels(root["metadata"]).merging(routing.metadata) { $1 }
            )
            let format = fields.name(root["encoding_format"], as: Encoding.self)
            fields.ignoreOthers(
                of: root, but: ["model", "input", "encoding_format", "dimensions", "user", "metadata", "roundhouse"])
            return OpenAIEmbedding(order: order, isBase64: format == .base64, ignoredFields: fields.ignored)
        }
    }

    private enum Encoding: String, CaseIterable {
        case float, base64
    }

    func response(_ outcome: EmbeddingOutcome) -> Response {
        var headers = HTTPFields()
        headers.set(.requestID, self.order.request.id)
        headers.set(.model, outcome.model.description)
        headers.set(.provider, outcome.model.provider.rawValue)
        headers.set(.attempts, String(outcome.attempts.count))
        if let cost = outcome.cost { headers.set(.cost, cost.usd) }
        if !self.ignoredFields.isEmpty {
            headers.set(.ignoredFields, self.ignoredFields.joined(separator: ", "))
        }
        headers.set(.contentType, "application/json")
        headers.set(.cacheControl, "no-store")
        return Response(
            status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: self.json(outcome))))
    }

    private func json(_ outcome: EmbeddingOutcome) -> [UInt8] {
        let numbers = outcome.vectors.reduce(0) { $0 + $1.count }
        var writer = JSONWriter(reserving: numbers * (self.isBase64 ? 6 : 14) + 256)
        writer.object { json in
            json.string("object", "list")
            json.array("data") { json in
                for (index, vector) in outcome.vectors.enumerated() {
                    json.object { json in
                        json.string("object", "embedding")
                        json.integer("index", Int64(index))
                        self.write(vector, &json)
                    }
                }
            }
            json.string("model", outcome.model.description)
            json.object("usage") { json in
                json.integer("prompt_tokens", Int64(outcome.usage.inputTokens))
                json.integer("total_tokens", Int64(outcome.usage.inputTokens))
            }
        }
        return writer.bytes
    }

    private func write(_ vector: [Float], _ json: inout JSONWriter) {
        guard self.isBase64 else {
            return json.array("embedding") { json in
                // By the shortest text of the number as it is, not of the longer one that a Double makes of it.
                for number in vector { json.raw(nil, number.isFinite ? number.description : "0") }
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4 * vector.count)
        for number in vector {
            let pattern = number.bitPattern
            for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: pattern >> shift)) }
        }
        json.base64("embedding", bytes)
    }
}

extension OpenAIFields {
    /// `input`: a text, or several.
    fileprivate mutating func inputs(_ value: JSONValue?) -> [String] {
        guard let value, !value.isNull else {
            self.report("input", "is missing: a text or an array of texts is expected", .missing)
            return []
        }
        if value.elements.contains(where: { $0.kind == .number || $0.kind == .array }) {
            self.report(
                value, "holds tokens, which mean another text to every model; expected texts", .unsupportedValue)
            return []
        }
        let before = self.checks.violations.count
        let inputs = self.strings(value, orOne: true)
        guard self.checks.violations.count == before else { return inputs }
        if value.kind == .string, inputs == [""] {
            self.report(value, "is empty: a text is expected", .invalidValue)
            return inputs
        }
        return self.checks.inputs(inputs, field: "input")
    }
}
