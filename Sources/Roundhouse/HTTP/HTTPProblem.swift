internal import FoundationEssentials
internal import Hummingbird
internal import Logging
internal import NIOCore

/// Why a request cannot be answered as it was meant.
struct HTTPProblem: Error {
    var status: HTTPResponse.Status
    /// A sentence that says what to do.
    var message: String
    var headers: HTTPFields = [:]

    static func notFound(_ path: String) -> HTTPProblem {
        HTTPProblem(status: .notFound, message: "nothing is at '\(path.prefix(200))'; GET / lists what there is")
    }

    static func methodNotAllowed(_ method: HTTPRequest.Method, allowed: [HTTPRequest.Method]) -> HTTPProblem {
        let names = allowed.map(\.rawValue).joined(separator: ", ")
        return HTTPProblem(
            status: .methodNotAllowed, message: "\(method.rawValue) is not answered here; use \(names)",
            headers: [.allow: names])
    }

    /// `{"error":{"code":404,"message":"…"}}`
    var response: Response {
        struct Body: Encodable {
            struct Error: Encodable {
                var code: Int
                var message: String
            }
            var error: Error
        }
        var response = Response.json(Body(error: .init(code: self.status.code, message: self.message)), self.status)
        for header in self.headers { response.headers[header.name] = header.value }
        return response
    }
}

extension Response {
    /// One line of JSON, its keys in alphabetical order.
    static func json(_ value: some Encodable, _ status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let bytes = try? encoder.encode(value) else { return Response(status: .internalServerError) }
        return Response(
            status: status,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes + Array("\n".utf8))))
    }
}

/// Makes JSON of what handlers throw.
struct JSONErrors: RouterMiddleware {
    func handle(
        _ request: Request,
        context: HTTPContext,
        next: @concurrent (Request, HTTPContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as OpenAIError {
            return error.response
        } catch {
            let problem = self.problem(of: error, request, context)
            guard request.uri.path.hasPrefix("/v1/") else { return problem.response }
            var error = OpenAIError(problem)
            error.requestID = OpenAIRequestReader.requestID(request.headers)
            return error.response
        }
    }

    private func problem(of error: any Error, _ request: Request, _ context: HTTPContext) -> HTTPProblem {
        switch error {
        case let problem as HTTPProblem: return problem
        case let error as HTTPError where error.status == .notFound: return .notFound(request.uri.path)
        case let error as HTTPError:
            return HTTPProblem(status: error.status, message: error.body ?? error.status.reasonPhrase)
        default:
            context.logger.error("An HTTP request failed", metadata: ["error": "\(error)"])
            return HTTPProblem(
                status: .internalServerError, message: "this is a fault of the server; its log says more")
        }
    }
}

/// Closes a connection after the answer when there is a body that nobody reads, or not to its end. Otherwise it would be
/// read to find the next request, however far that is.
struct UnreadBodies: RouterMiddleware {
    func handle(
        _ request: Request,
        context: HTTPContext,
        next: @concurrent (Request, HTTPContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        guard self.leavesBody(request, context) else { return response }
        response.headers[.connection] = "close"
        // Whoever keeps the connection's state closes it when the answer is written.
        context.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        return response
    }

    private func leavesBody(_ request: Request, _ context: HTTPContext) -> Bool {
        let length = request.headers[.contentLength] ?? "0"
        return (request.headers[.transferEncoding] != nil || length != "0") && !context.bodyReading.isWhole
    }
}
