internal import LocalEngines

extension Foundations {
    /// Asks the real machine and the real providers.
    func healthPorts(_ ports: ServicePorts, _ report: SystemReport) -> HealthPorts {
        let catalog = EngineCatalog(environment: self.environment)
        let directory = catalog.entries().first { $0.name == EngineSurvey.llamaCpp }?.directory ?? ""
        let probes = HealthProbes(
            libraries: LinkedLibraries.all(swiftProtobuf: MessageRuntime.version),
            software: MachineSoftwareProbe(
                directories: EngineDirectories(environment: self.environment), environment: self.environment),
            servers: LoopbackServerProbe(group: self.eventLoops),
            services: ListingProbe(discovery: ports.discovery, registry: ports.registry),
            disks: HardwareDiskProbe(hardware: ports.hardware)
        )
        return HealthPorts(
            checker: HealthChecker(probes) { HealthSetup(ports, report: report, engineDirectory: directory) },
            install: { engine, progress throws(EngineCatalog.Failure) in
                try await catalog.install(engine, progress: progress)
            }
        )
    }
}
