internal import GRPCCore
internal import Hummingbird
internal import Logging
internal import NIOCore

/// Every method of the API that does not stream both ways, at the routes of its `google.api.http` annotation.
///
/// They are all below one path: which of them is meant, ``RESTBindings`` decides, since a router of path components has no
/// verbs and no names with slashes.
struct RESTRoutes: HTTPRoutes {
    struct Settings: Sendable {
        var body = BodyLimits(bytes: 32 << 20, time: .seconds(60))
        /// Silence in a stream of events after which a comment is sent; `nil`: never.
        var keepAliveInterval: Duration? = .seconds(15)
        /// A client that takes nothing for so long is dropped.
        var slowReaderLimit = Duration.seconds(60)
    }

    let bindings: RESTBindings
    private let caller: RESTCaller

    /// - Throws: ``StartError`` when the descriptor set or an annotation in it cannot be used.
    init(_ transport: LoopbackTransport, _ settings: Settings = Settings()) throws(StartError) {
        do {
            let pool = try DescriptorPool.own()
            self.bindings = try RESTBindings(pool)
            self.caller = RESTCaller(pool: pool, transport: transport, settings: settings)
        } catch {
            throw StartError("the API's own description cannot be used: \(error)")
        }
    }

    /// Everything below it is here, 404 too.
    static let path = "/api/**"

    var routes: [HTTPRoute] {
        let methods: [HTTPRequest.Method] = [.get, .post, .put, .patch, .delete, .options, .trace]
        return methods.map { method in
            HTTPRoute(
                method: method, path: Self.path, summary: "the API of gRPC as REST, \(self.bindings.all.count) routes",
                isListed: method == .get
            ) { request, context in await self.answer(request, context) }
        }
    }

    private func answer(_ request: Request, _ context: HTTPContext) async -> Response {
        do {
            return try await self.found(request, context)
        } catch let error as RESTError {
            return error.response
        } catch let problem as HTTPProblem {
            return RESTError(problem).response
        } catch let error as any RPCErrorConvertible {
            return RESTError(error, self.caller.pool).response
        } catch is CancellationError {
            // Nobody is there to read it.
            return RESTError(RPCError(code: .cancelled, message: "the client has gone"), self.caller.pool).response
        } catch {
            context.logger.error("An HTTP request failed", metadata: ["error": "\(error)"])
            let message = "this is a fault of the server; its log says more"
            return RESTError(RPCError(code: .internalError, message: message), self.caller.pool).response
        }
    }

    private func found(_ request: Request, _ context: HTTPContext) async throws -> Response {
        // HEAD is GET without the body, which the router takes away.
        let method = request.method == .head ? "GET" : request.method.rawValue
        let uri = request.uri.string
        let path = uri.prefix { $0 != "?" && $0 != "#" }
        let query = uri.dropFirst(path.count).dropFirst().prefix { $0 != "#" }
        switch self.bindings.match(method: method, path: path) {
        case .found(let binding, let variables):
            return try await self.caller.answer(
                binding, variables, query: String(query), request, context)
        case .otherMethods(let methods):
            let allowed = (methods + (methods.contains("GET") ? ["HEAD"] : []) + ["OPTIONS"]).joined(separator: ", ")
            if request.method == .options { return Response(status: .noContent, headers: [.allow: allowed]) }
            throw HTTPProblem(
                status: .methodNotAllowed, message: "\(method) is not answered here; use \(allowed)",
                headers: [.allow: allowed])
        case .none:
            throw HTTPProblem(
                status: .notFound,
                message:
                    "nothing is at '\(path.prefix(200))'; /docs lists the routes, and /openapi.json has them for programs"
            )
        }
    }
}
