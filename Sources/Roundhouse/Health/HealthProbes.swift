internal import Inference
internal import LocalEngines

/// Looks for Python and engines on this machine.
protocol SoftwareProbe: Sendable {
    /// `nil`: there is none.
    func python() async -> PythonInstallation?
    /// - Parameter folders: where Python looks for packages.
    func software(_ folders: [String]) async -> EngineSurvey.Findings
}

/// Looks whether an engine of somebody else runs on this machine.
protocol ServerProbe: Sendable {
    func look(at server: LocalServer) async -> ServerSighting
}

/// Asks a provider, by the cheapest call that it has.
protocol ServiceProbe: Sendable {
    func ask(_ provider: ProviderID) async -> ServiceSighting
}

/// Looks at the file systems that models and the store lie on.
protocol DiskProbe: Sendable {
    func disks() async -> [DiskSighting]
}

/// Everybody whom a check asks.
struct HealthProbes: Sendable {
    var libraries: [LinkedLibrary] = []
    var software: any SoftwareProbe
    var servers: any ServerProbe
    var services: any ServiceProbe
    var disks: any DiskProbe

    /// Asks all of them side by side. Takes as long as ``ProbeRunner/limit`` and a quarter of it at most: where Python
    /// looks for packages must be known before they are looked for.
    func look(_ providers: [ProviderID], by runner: ProbeRunner) async -> HealthLooks {
        async let python = runner.run("python") { await self.software.python() }
        async let servers = self.look(LocalServer.allCases, by: runner)
        async let services = self.look(at: providers, by: runner)
        async let disks = runner.run("disks") { await self.disks.disks() }
        let seen = await python
        let rest = max(runner.limit / 4, runner.limit - (seen.latency ?? runner.limit))
        let software = await runner.run("software", within: rest) {
            await self.software.software((seen.value ?? nil)?.packageFolders ?? [])
        }
        return HealthLooks(
            libraries: self.libraries, python: seen, software: software, servers: await servers,
            services: await services, disks: await disks)
    }

    private func look(
        _ servers: [LocalServer], by runner: ProbeRunner
    ) async -> [LocalServer: Look<ServerSighting>] {
        await withTaskGroup(of: (LocalServer, Look<ServerSighting>).self) { group in
            for server in servers {
                group.addTask { (server, await runner.run("server \(server)") { await self.servers.look(at: server) }) }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    private func look(
        at providers: [ProviderID], by runner: ProbeRunner
    ) async -> [ProviderID: Look<ServiceSighting>] {
        await withTaskGroup(of: (ProviderID, Look<ServiceSighting>).self) { group in
            for provider in providers {
                group.addTask {
                    (provider, await runner.run("provider \(provider)") { await self.services.ask(provider) })
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }
}
