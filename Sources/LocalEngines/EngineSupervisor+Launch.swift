import Inference
import Logging

extension EngineSupervisor {
    /// Carries out one launch from its delay to the end of its process.
    func carryOut(_ launch: Launch) async {
        let exit = await withTaskGroup(of: EngineExit?.self) { group in
            group.addTask { await self.runEngine(launch) }
            group.addTask {
                await launch.stop.wait()
                return nil
            }
            var exit: EngineExit?
            // The first to end, engine or signal, ends the other.
            for await outcome in group {
                if let outcome { exit = outcome }
                group.cancelAll()
            }
            return exit ?? .stopped
        }
        self.logEnd(launch, exit)
        var mourners: [CheckedContinuation<EngineExit?, Never>] = []
        self.change(launch.model.name) { entry, number in
            entry.lastExit = (launch.number, exit)
            mourners = Array(entry.mourners.values)
            entry.mourners.removeAll()
            return entry.lifecycle.ended(launch: launch.number, exit, next: number, now: self.clock.now())
        }
        for mourner in mourners { mourner.resume(returning: exit) }
    }

    private func runEngine(_ launch: Launch) async -> EngineExit {
        if launch.delay > .zero {
            do { try await self.clock.sleep(launch.delay) } catch { return .stopped }
        }
        let command: EngineCommand
        do { command = try self.engine.prepare(launch.model) } catch { return .unavailable(reason: error.reason) }
        let name = launch.model.name
        let logger = self.logger
        return await EngineProcess(
            model: "local/\(name)",
            launch: launch.number,
            command: command,
            clock: self.clock,
            log: LogTail(),
            onLine: { logger.debug("engine", metadata: ["model": "\(name)", "line": "\($0)"]) },
            onReady: { endpoint in
                logger.info("engine ready", metadata: ["model": "\(name)", "endpoint": "\(endpoint)"])
                self.change(name) { entry, _ in entry.lifecycle.becameReady(endpoint, now: self.clock.now()) }
            }
        ).run()
    }

    private func logEnd(_ launch: Launch, _ exit: EngineExit) {
        let model = Logger.MetadataValue.string(launch.model.name)
        switch exit {
        case .stopped, .released:
            self.logger.info("engine stopped", metadata: ["model": model])
        case .crashed(let reason), .refused(let reason), .unavailable(let reason):
            self.logger.error("engine failed", metadata: ["model": model, "reason": "\(reason)"])
        }
    }
}
