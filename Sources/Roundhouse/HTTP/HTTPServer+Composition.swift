internal import Inference
internal import Logging
internal import ModelRegistry
internal import Providers
internal import Routing

extension HTTPServer {
    /// The port as the configuration wants it; `nil` when it wants none.
    ///
    /// - Throws: ``StartError`` when the routes of the API are contradictory.
    convenience init?(_ composition: Composition) throws(StartError) {
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
        var routes: [any HTTPRoutes] = [health, metrics]
        if let pipeline = composition.pipeline {
            let limits = BodyLimits(bytes: http.maxBodyBytes, time: http.bodyTimeout)
            routes.append(
                OpenAIGenerationRoutes(
                    generation: OpenAIGeneration(pipeline, composition.registry, http), bodyLimits: limits))
            routes.append(OpenAIEmbeddingRoutes(pipeline: pipeline, limits: limits))
        }
        routes.append(
            OpenAIModelRoutes(
                registry: { registry.snapshot }, canAnswer: { router.availability(of: $0).canAnswer }))
        routes.append(
            try RESTRoutes(
                foundations.loopback,
                RESTRoutes.Settings(
                    body: BodyLimits(bytes: http.maxBodyBytes, time: http.bodyTimeout),
                    keepAliveInterval: http.keepAliveInterval, slowReaderLimit: http.slowConsumerTimeout)))
        routes.append(ReferenceRoutes(version: foundations.version))
        self.init(settings, routes: routes, end: foundations.httpEnd, logger: foundations.logger)
    }
}

extension OpenAIGeneration {
    fileprivate init(_ pipeline: Pipeline, _ registry: Registry, _ http: RoundhouseConfiguration.HTTP) {
        self.init(
            pipeline: pipeline,
            streams: Streams(
                keepAliveInterval: http.keepAliveInterval, firstBytePatience: http.firstBytePatience,
                slowReaderLimit: http.slowConsumerTimeout),
            passesExtraFields: { id in
                // Our own engine speaks OpenAI's wire format.
                if id == .local { return true }
                return registry.snapshot.provider(id).flatMap { ProviderKind(rawValue: $0.kind) }?.passesExtraFields
                    ?? false
            })
    }
}

extension Composition {
    /// The one that gRPC's calls run through.
    fileprivate var pipeline: Pipeline? {
        for case let service as GenerationService in self.services { return service.pipeline }
        return nil
    }
}
