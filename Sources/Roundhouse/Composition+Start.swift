internal import Inference
internal import LocalEngines
internal import Logging
internal import ModelLifecycle
internal import ModelRegistry
internal import Telemetry

// What a server does once before it serves, and beside it.
extension Composition {
    /// Says what came back from the disk.
    func tellStart() {
        let summary = self.restored
        let logger = self.foundations.logger
        for warning in summary.warnings { logger.warning("Registry: \(warning)") }
        self.events.record(
            GatewayEvent(
                .stateRestored,
                attributes: [
                    "models": "\(summary.restoredModels)",
                    "providers": "\(summary.restoredProviders)",
                    "aliases": "\(summary.restoredAliases)",
                    "statistics": "\(self.statistics.snapshot().count)",
                    "added": "\(summary.added.count)",
                    "updated": "\(summary.updated.count)",
                    "removed": "\(summary.removed.count)",
                ]
            )
        )
        let snapshot = self.registry.snapshot
        self.events.record(
            GatewayEvent(
                .initialized,
                attributes: [
                    "version": self.foundations.version,
                    "models": "\(snapshot.models.count)",
                    "providers": "\(snapshot.providers.count)",
                    "aliases": "\(snapshot.aliases.count)",
                ]
            )
        )
    }

    /// Writes figures until the task is cancelled, with what nobody reports: how memory and keys fare.
    func keepFigures() async {
        let (foundations, manager, directory) = (self.foundations, self.manager, self.providers)
        let (machine, watch) = (MachineMemory(), MemoryWatch())
        await foundations.metricKeeper.run { now in
            foundations.keyUses.take(directory.keyCounts, at: now)
            let devices = manager.devices()
            // Nothing of ours is in memory: an idle server reads nothing.
            guard devices.contains(where: { $0.actualBytes + $0.predictedBytes > 0 }) else { return }
            for _ in 0..<watch.look(machine.read(), devices) {
                foundations.figures.record(.shortages, of: nil, at: now)
            }
        }
    }

    /// Ends engines that a killed server left.
    func endOrphans() async {
        let count = await self.records.endOrphans()
        guard count > 0 else { return }
        self.foundations.logger.warning(
            "Engines of a server that was killed were still running; they were ended", metadata: ["count": "\(count)"])
    }

    /// Asks the providers that are configured so what they have.
    func discoverAtStart() async {
        let logger = self.foundations.logger
        for provider in self.foundations.configuration.providers where provider.discover {
            guard !Task.isCancelled, let lister = self.discovery.lister(provider.id) else { continue }
            do {
                let report = try await self.editor.takeDiscovery(
                    try await lister.listModels(), from: provider.id, validateOnly: false)
                logger.info(
                    "Models discovered",
                    metadata: [
                        "provider": "\(provider.id)", "added": "\(report.added.count)",
                        "changed": "\(report.changed.count)", "gone": "\(report.gone.count)",
                    ]
                )
            } catch {
                logger.warning(
                    "A provider could not be asked for its models",
                    metadata: ["provider": "\(provider.id)", "error": "\(error)"]
                )
            }
        }
    }
}
