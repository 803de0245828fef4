internal import GRPCCore
internal import RoundhouseAPI

/// Offers the fixes of what is wrong, one after another, and carries out those that are wanted.
struct DoctorRun: Sendable {
    let gateway: Gateway
    let console: any Console
    let json: Bool
    /// Nobody is asked.
    let isUnattended: Bool

    /// A fix that fails is shown and does not keep the others from being tried: what is still wrong is found by the look
    /// that follows.
    ///
    /// - Returns: whether something was tried.
    func carryOut(_ findings: [Roundhouse_V1_HealthFinding]) async throws -> Bool {
        var known: Set<DoctorFix> = []
        let fixes = findings.compactMap(DoctorFix.init).filter { known.insert($0).inserted }
        guard !fixes.isEmpty else { return false }
        guard self.isUnattended || (self.console.isInputTerminal && !self.json) else {
            await self.tellOfYes(fixes)
            return false
        }
        var hasTried = false
        for fix in fixes {
            guard try await self.isWanted(fix) else { continue }
            hasTried = true
            do {
                try await fix.perform(self.gateway, self.console, json: self.json)
            } catch let error as OutputClosed {
                throw error
            } catch {
                try Task.checkCancellation()
                let report = FailureReport(error, address: self.gateway.address)
                await self.console.show(report, json: self.json)
            }
        }
        return hasTried
    }

    private func isWanted(_ fix: DoctorFix) async throws -> Bool {
        guard !self.isUnattended else { return fix.isHarmless }
        return try await self.console.confirms(fix.question)
    }

    private func tellOfYes(_ fixes: [DoctorFix]) async {
        guard !self.json, fixes.contains(where: \.isHarmless) else { return }
        await self.console.note("'roundhouse doctor --yes' does what takes nothing away\n")
    }
}
