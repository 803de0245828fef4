internal import Logging

extension LiveConfiguration {
    /// Reads the file again and says in the log what came of it.
    func reload(telling logger: Logger) async {
        do throws(ConfigurationRefusal) {
            let outcome = try await self.reload()
            for warning in outcome.warnings { logger.warning("Configuration: \(warning)") }
            logger.notice(
                "The configuration was read again",
                metadata: [
                    "file": "\(outcome.path)",
                    "applied": "\(outcome.applied.joined(separator: " "))",
                    "waiting_for_restart": "\(outcome.pending.joined(separator: " "))",
                ])
        } catch {
            switch error {
            case .invalid(let problems):
                for problem in problems {
                    logger.error(
                        "The configuration was not taken: what held goes on to hold",
                        metadata: ["problem": "\(problem)"])
                }
            case .unwritable(let reason), .storage(let reason):
                logger.error(
                    "The configuration was not taken: what held goes on to hold", metadata: ["problem": "\(reason)"])
            case .noFile, .commands, .etagMismatch:
                logger.notice("There is no configuration file that could be read again")
            }
        }
    }
}
