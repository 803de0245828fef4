internal import GRPCCore
internal import Hummingbird
internal import NIOCore

/// Calls a method for a request of HTTP, and answers with what it says.
struct RESTCaller: Sendable {
    let pool: DescriptorPool
    let transport: LoopbackTransport
    let settings: RESTRoutes.Settings

    func answer(
        _ binding: RESTBinding, _ variables: [String], query: String, _ request: Request, _ context: HTTPContext
    ) async throws -> Response {
        let form = binding.isServerStreaming ? RESTForm(accept: request.headers[.accept]) : .json
        if form == .json, binding.neverEnds {
            throw HTTPProblem(
                status: .notAcceptable,
                message: "\(binding.rpc.name) has no end; ask for a stream with 'Accept: text/event-stream' or "
                    + "'Accept: application/x-ndjson'")
        }
        let headers = try RESTHeaders(request.headers)
        let requestID = self.requestID(headers, binding)
        let message = try RESTRequest.message(
            binding, variables: variables, query: query, body: try await self.body(binding, request, context),
            requestID: requestID, self.pool)
        guard let type = self.pool.message(binding.outputType) else {
            throw RPCError(code: .internalError, message: "there is no message \(binding.outputType)")
        }
        let method = MethodDescriptor(
            fullyQualifiedService: binding.service, method: binding.rpc.name,
            type: binding.isServerStreaming ? .serverStreaming : .unary)
        let answer = try self.transport.call(
            method, message, metadata: headers.metadata, deadline: headers.timeout.map { .now + $0 },
            client: context.client)
        var fields: HTTPFields = [.cacheControl: "no-store"]
        if let requestID { fields[.requestID] = requestID }
        let line = try await ClientLine.of(context.channel)
        if form == .json { return try await self.whole(answer, binding, type, line, fields) }
        return RESTStream(
            caller: self, answer: answer, type: type, line: line, form: form, fields: fields
        ).response
    }

    // MARK: - The request

    /// The client's, or one of ours where the message has a place for it.
    private func requestID(_ headers: RESTHeaders, _ binding: RESTBinding) -> String? {
        if let id = headers.requestID { return id }
        let field = self.pool.message(binding.inputType)?.field(named: "request_id")
        return field == nil ? nil : RequestID.make()
    }

    private func body(
        _ binding: RESTBinding, _ request: Request, _ context: HTTPContext
    ) async throws -> JSONText? {
        // What has no body is not read: the connection closes after the answer to a request that brings one.
        guard binding.body != .none else { return nil }
        let bytes = try await request.wholeBody(context, within: self.settings.body)
        // As by `curl -X POST`: nothing is said, and nothing is needed.
        guard bytes.readableBytes > 0 else {
            try request.refuseOtherOrigins()
            return nil
        }
        try request.requireJSON()
        do {
            return try JSONText(Array(buffer: bytes))
        } catch {
            throw ServiceError.invalid([FieldViolation("body", "is no JSON: \(error)")])
        }
    }

    // MARK: - Whole answers

    /// The message, or the last one of a stream.
    private func whole(
        _ answer: LoopbackAnswer, _ binding: RESTBinding, _ type: ProtoMessage, _ line: ClientLine,
        _ fields: HTTPFields
    ) async throws -> Response {
        let last = try await line.whileThere { () throws -> [UInt8] in
            defer { answer.cancel() }
            var last: [UInt8] = []
            while true {
                let parts = try await answer.next()
                if parts.isEmpty { throw RPCError(code: .cancelled, message: "the call was cancelled") }
                for part in parts {
                    switch part {
                    case .metadata: break
                    case .message(let message): last = message
                    case .status(let status, let metadata):
                        guard status.code == .ok else { throw RESTError(status, metadata, self.pool) }
                        return last
                    }
                }
            }
        }
        let text: [UInt8]
        if let name = binding.responseBody, let field = type.field(named: name) {
            text = try ProtoJSON.text(of: field, in: last, type, self.pool)
        } else {
            text = try ProtoJSON.text(of: last, type, self.pool)
        }
        var fields = fields
        fields[.contentType] = "application/json"
        return Response(
            status: .ok, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: text + [UInt8(ascii: "\n")]))
        )
    }
}

extension RESTBinding {
    /// Watches last until somebody ends them; there is no last message to answer with.
    fileprivate var neverEnds: Bool { self.isServerStreaming && self.rpc.name.hasPrefix("Watch") }
}

extension Request {
    /// Pages of other origins can have browsers send a request without a body, and without asking us first.
    fileprivate func refuseOtherOrigins() throws(HTTPProblem) {
        guard let origin = self.headers[.origin], let host = self.head.authority,
            origin != "http://\(host)", origin != "https://\(host)"
        else { return }
        throw HTTPProblem(
            status: .forbidden,
            message:
                "a page of '\(origin.prefix(100))' may not do this; send 'Content-Type: application/json' and a body")
    }
}

extension HTTPContext {
    /// As gRPC's contexts tell peers.
    fileprivate var client: String {
        switch self.channel.remoteAddress {
        case .v4(let address)?: "ipv4:\(address.host):\(self.channel.remoteAddress?.port ?? 0)"
        case .v6(let address)?: "ipv6:[\(address.host)]:\(self.channel.remoteAddress?.port ?? 0)"
        default: "http"
        }
    }
}

extension HTTPFields.Element.Name {
    static let requestID = HTTPFields.Element.Name("x-request-id") ?? .via
    static let buffering = HTTPFields.Element.Name("x-accel-buffering") ?? .via
}
