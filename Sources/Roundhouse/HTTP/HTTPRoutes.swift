internal import Hummingbird
internal import Logging
internal import NIOCore

/// A group of routes of the HTTP port, such as those of health or of metrics.
protocol HTTPRoutes: Sendable {
    var routes: [HTTPRoute] { get }
}

/// What is answered at a path to a method.
struct HTTPRoute: Sendable {
    typealias Handler = @Sendable (Request, HTTPContext) async throws -> Response

    var method: HTTPRequest.Method
    /// With `{name}` for a part that varies, which ``HTTPContext/parameters`` then have.
    var path: String
    /// For the list of what there is; a few words.
    var summary: String
    /// Whether it is in that list.
    var isListed = true
    var handler: Handler

    /// `GET`, and with it `HEAD`.
    static func get(_ path: String, _ summary: String, _ handler: @escaping Handler) -> HTTPRoute {
        HTTPRoute(method: .get, path: path, summary: summary, handler: handler)
    }

    /// `POST` with a body, which the handler reads by ``Hummingbird/Request/wholeBody(_:within:)``.
    static func post(_ path: String, _ summary: String, _ handler: @escaping Handler) -> HTTPRoute {
        HTTPRoute(method: .post, path: path, summary: summary, handler: handler)
    }
}

/// What goes with a request through its handler.
struct HTTPContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The client's connection.
    let channel: any Channel
    /// What has been taken of the request's body. A connection closes after the answer to a request that has more, so that
    /// nobody can send without end.
    let bodyReading = BodyReading()

    init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.channel = source.channel
        // The port's own logger keeps to what stops it; what goes wrong with a request is told.
        self.logger.logLevel = .error
    }

    /// What stood in the place of `{name}`.
    func parameter(_ name: String) -> String? { self.parameters.get(name) }
}

extension HTTPRoute {
    /// Everything that is answered: each route, a list of them at `/`, and JSON for what is not there.
    static func responder(
        for groups: [any HTTPRoutes],
        title: String,
        slowReaders: SlowReaders,
        end: DrainLimit
    ) -> RouterResponder<HTTPContext> {
        var routes = groups.flatMap(\.routes)
        routes.append(Self.index(of: routes, title: title))
        let router = Hummingbird.Router(context: HTTPContext.self, options: [.autoGenerateHeadEndpoints])
        router.add(middleware: slowReaders)
        router.add(middleware: UnreadBodies())
        router.add(middleware: JSONErrors())
        router.add(middleware: Draining(end: end))
        for route in routes {
            router.on(RouterPath(route.path), method: route.method, use: route.handler)
        }
        for (path, group) in Dictionary(grouping: routes, by: \.path) {
            let allowed = Self.allowed(group.map(\.method))
            for method in Self.known where !allowed.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in
                    throw HTTPProblem.methodNotAllowed(method, allowed: allowed)
                }
            }
        }
        return router.buildResponder()
    }

    private static let known: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options, .trace]

    private static func allowed(_ methods: [HTTPRequest.Method]) -> [HTTPRequest.Method] {
        methods.contains(.get) && !methods.contains(.head) ? methods + [.head] : methods
    }

    private static func index(of routes: [HTTPRoute], title: String) -> HTTPRoute {
        let routes = routes.filter(\.isListed)
        let width = routes.map { $0.method.rawValue.count + $0.path.count }.max() ?? 0
        let lines = routes.map { route in
            let padding = String(repeating: " ", count: width - route.method.rawValue.count - route.path.count)
            return "\(route.method.rawValue) \(route.path)\(padding)   \(route.summary)\n"
        }
        let page = "\(title)\n\n" + lines.joined()
        return .get("/", "this list") { _, _ in .text(page) }
    }
}

extension Response {
    /// A text for people, or for machines that look at the status alone.
    static func text(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
