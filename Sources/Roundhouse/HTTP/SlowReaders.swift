internal import Hummingbird
internal import NIOCore

/// Closes a connection whose client does not take an answer of known length in time. Otherwise a page that was asked for
/// and is never read would stay in memory, once for each connection.
struct SlowReaders: RouterMiddleware {
    let limit: TimeAmount

    func handle(
        _ request: Request,
        context: HTTPContext,
        next: @concurrent (Request, HTTPContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        let body = response.body
        // A short one fits into the socket's buffer.
        guard let length = body.contentLength, length > 16 << 10 else { return response }
        let (channel, limit) = (context.channel, self.limit)
        response.body = ResponseBody(contentLength: length) { writer in
            let timer = channel.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
            defer { timer.cancel() }
            try await body.write(writer)
        }
        return response
    }
}
