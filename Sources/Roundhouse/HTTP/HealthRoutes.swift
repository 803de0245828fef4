internal import Hummingbird

/// `/healthz`: the process is alive. `/readyz`: it may be sent requests.
struct HealthRoutes: HTTPRoutes {
    let readiness: @Sendable () -> Readiness

    var routes: [HTTPRoute] {
        [
            .get("/healthz", "200 while the process serves") { _, _ in .text("ok\n") },
            .get("/readyz", "200 while requests are answered, else 503 and why; ?verbose tells all that was looked at")
            {
                [readiness] request, _ in
                let isVerbose = request.uri.queryParameters["verbose"] != nil
                return Self.page(readiness(), isVerbose: isVerbose)
            },
        ]
    }

    private struct Page: Encodable {
        struct Check: Encodable {
            var check: String
            var passed: Bool
            var message: String
        }

        var ready: Bool
        var checks: [Check]
    }

    private static func page(_ readiness: Readiness, isVerbose: Bool) -> Response {
        let told = isVerbose ? readiness.checks : readiness.checks.filter { !$0.isPassed }
        let checks = told.map { Page.Check(check: $0.name.rawValue, passed: $0.isPassed, message: $0.message) }
        let page = Page(ready: readiness.isReady, checks: checks)
        return .json(page, readiness.isReady ? .ok : .serviceUnavailable)
    }
}
