import Logging
import Synchronization
import TestSupport
import Testing

@testable import Roundhouse

/// An ``HTTPServer`` on a free port.
struct HTTPPort: Sendable {
    let server: HTTPServer
    let port: Int

    func connect() throws -> RawConnection { try RawConnection(port: self.port) }

    func ask(
        _ path: String, method: String = "GET", headers: [String] = [], body: String = ""
    ) async throws -> RawAnswer {
        let answer = try await self.connect().ask(path, method: method, headers: headers, body: body)
        return try #require(answer)
    }

    /// Serves `routes` beside `body`.
    static func with<Value>(
        _ routes: [any HTTPRoutes],
        idleTimeout: Duration = .seconds(60),
        maxConnections: Int = 64,
        end: DrainLimit = DrainLimit(),
        logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
        _ body: (HTTPPort) async throws -> Value
    ) async throws -> Value {
        let server = HTTPServer(
            HTTPServer.Settings(
                name: "roundhouse/test", address: .tcp(host: "127.0.0.1", port: 0), maxConnections: maxConnections,
                maxHeaderBytes: 4096, idleTimeout: idleTimeout),
            routes: routes, end: end, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run() }
            let address = try await server.boundAddress()
            let port = try #require(address.split(separator: ":").last.flatMap { Int($0) })
            let value = try await body(HTTPPort(server: server, port: port))
            end.begin(within: .seconds(10))
            await server.drain()
            group.cancelAll()
            return value
        }
    }
}

/// A page that a test decides, and that may be waited for.
final class ScriptedMetrics: MetricsRendering {
    private let count = Atomic(0)
    let page: String
    /// Runs in each rendering.
    let onRender: @Sendable () -> Void

    init(_ page: String, onRender: @escaping @Sendable () -> Void = {}) {
        self.page = page
        self.onRender = onRender
    }

    var renderings: Int { self.count.load(ordering: .relaxed) }

    func render() -> [UInt8] {
        self.count.add(1, ordering: .relaxed)
        self.onRender()
        return Array(self.page.utf8)
    }
}
