internal import Inference
internal import Logging
internal import ModelRegistry
internal import Routing

extension HTTPServer {
    /// The port as the configuration wants it; `nil` when it wants none.
    convenience init?(_ composition: Composition) {
        let foundations = composition.foundations
        let http = foundations.configuration.http
        guard let address = http.address else { return nil }
        let settings = Settings(
            name: "roundhouse/\(foundations.version)",
            address: address,
            maxConnections: http.maxConnections,
            maxHeaderBytes: http.maxHeaderBytes,
            idleTimeout: http.idleTimeout
        )
        let (condition, registry, router) = (foundations.condition(), composition.registry, composition.router)
        let health = HealthRoutes {
            Readiness(condition(), Readiness.Models(registry.snapshot) { router.availability(of: $0) })
        }
        let metrics = MetricsRoutes(composition.metrics)
        self.init(settings, routes: [health, metrics], logger: foundations.logger)
    }
}
