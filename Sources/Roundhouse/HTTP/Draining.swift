internal import Hummingbird

/// Refuses to begin new work under `/v1` once the server ends: a busy client would otherwise keep it from ending until the
/// time is over, and have its last requests cut. Calls of REST are refused by the services' own transport.
struct Draining: RouterMiddleware {
    let end: DrainLimit

    func handle(
        _ request: Request,
        context: HTTPContext,
        next: @concurrent (Request, HTTPContext) async throws -> Response
    ) async throws -> Response {
        guard request.method == .post, request.uri.path.hasPrefix("/v1/"), self.end.hasBegun else {
            return try await next(request, context)
        }
        throw HTTPProblem(
            status: .serviceUnavailable, message: "the server is shutting down; ask another one, or try again",
            headers: [.retryAfter: "1"])
    }
}
