internal import Inference

/// From facts to verdicts. Pure: the same facts, the same report.
///
/// An issue is something that is configured and does not work; it makes the server `degraded`. A warning is what may
/// become one. `unhealthy` is the server that can answer no request, however good the rest.
struct HealthRules: Sendable {
    let facts: HealthFacts

    var setup: HealthSetup { self.facts.setup }
    var looks: HealthLooks { self.facts.looks }

    func report(checkedAt: WallTime, isCached: Bool) -> HealthReport {
        let (libraries, software, services) = (self.libraries(), self.software(), self.services())
        let canAnswer = self.canAnswer
        let findings =
            self.capacity(canAnswer: canAnswer) + self.disks() + libraries.findings + software.findings
            + services.findings + self.models() + self.setup.issues.map { Self.issue("server", $0) }
        let issues = findings.filter { $0.severity == .issue }
        return HealthReport(
            state: canAnswer ? (issues.isEmpty ? .healthy : .degraded) : .unhealthy,
            checkedAt: checkedAt,
            isCached: isCached,
            dependencies: libraries.dependencies + software.dependencies + services.dependencies,
            engines: self.engines(),
            categories: self.categories(),
            findings: issues + findings.filter { $0.severity == .warning }
        )
    }

    // MARK: - Helpers

    /// "1.5 s".
    var limitText: String {
        let seconds =
            Double(self.facts.limit.components.seconds) + Double(self.facts.limit.components.attoseconds) / 1e18
        let tenths = Int((seconds * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }

    static func issue(
        _ subject: String, _ message: String, fix: String = "", command: String = ""
    ) -> HealthReport.Finding {
        HealthReport.Finding(severity: .issue, subject: subject, message: message, fix: fix, command: command)
    }

    static func warning(
        _ subject: String, _ message: String, fix: String = "", command: String = ""
    ) -> HealthReport.Finding {
        HealthReport.Finding(severity: .warning, subject: subject, message: message, fix: fix, command: command)
    }

    /// "512 B", "63.0 MiB": with one digit.
    static func bytes(_ count: Int64) -> String {
        var (value, unit) = (Double(count), 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        guard unit > 0 else { return "\(count) B" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}

// MARK: - Whether requests can be answered

extension HealthRules {
    /// Whether at least one request has a chance.
    var canAnswer: Bool {
        let working = Set(self.setup.providers.filter { $0.isEnabled && !self.isDown($0.id) }.map(\.id))
        if self.setup.providers.contains(where: { $0.acceptsAnyModel && working.contains($0.id) }) { return true }
        return self.setup.models.contains { model in
            model.availability.canAnswer && (model.id.provider == .local || working.contains(model.id.provider))
        }
    }

    /// Whether requests to a provider are known to fail now.
    func isDown(_ provider: ProviderID) -> Bool {
        switch self.looks.services[provider] {
        case .hung, .seen(.unusable, _): true
        case .seen(.fault(let fault), _): fault.meansDown
        case .seen(.listed, _), .seen(.notAskable, _), nil: false
        }
    }

    func capacity(canAnswer: Bool) -> [HealthReport.Finding] {
        if canAnswer { return [] }
        let isEmpty = self.setup.models.isEmpty && !self.setup.providers.contains(where: \.acceptsAnyModel)
        guard isEmpty else {
            return [
                Self.issue(
                    "server", "no request can be answered, since no model of a working provider is available",
                    fix: "work off what follows")
            ]
        }
        return [
            Self.issue(
                "server", "no request can be answered, since no model is registered",
                fix: "add a provider to the configuration, or bring a model for the local engine",
                command: "roundhouse models install")
        ]
    }
}

extension UpstreamFault {
    /// Whether requests would meet the same fault now: a listing that cannot be read, or a rate limit of listings, says
    /// nothing about answers.
    fileprivate var meansDown: Bool {
        switch self.kind {
        case .authenticationFailed, .unreachable, .timedOut, .serverError, .overloaded, .truncated: true
        case .rateLimited, .malformed, .contextLengthExceeded, .contentFiltered, .modelNotFound, .invalidRequest,
            .unsupported, .queueFull, .insufficientMemory, .diverged, .cancelled:
            false
        }
    }
}

// MARK: - Models

extension HealthRules {
    private static let mostNames = 3

    /// Models that cannot answer, by the reason: a hundred models of one provider are one line.
    func models() -> [HealthReport.Finding] {
        var reasons: [String] = []
        var models: [String: [ModelID]] = [:]
        for model in self.setup.models {
            guard case .unavailable(let reason) = model.availability else { continue }
            if models[reason] == nil { reasons.append(reason) }
            models[reason, default: []].append(model.id)
        }
        // Why they cannot is told with the engine.
        let isEngineMissing = self.isLlamaCppMissing
        return reasons.compactMap { reason in
            let those = models[reason] ?? []
            if isEngineMissing, those.allSatisfy({ $0.provider == .local }) { return nil }
            let names = those.prefix(Self.mostNames).map { "'\($0)'" }.joined(separator: ", ")
            let rest = those.count - Self.mostNames
            let more = rest > 0 ? " and \(rest) more" : ""
            return Self.issue(
                those.first?.description ?? "",
                "model\(those.count == 1 ? "" : "s") \(names)\(more) cannot answer: \(reason)")
        }
    }

    func categories() -> [HealthReport.Category] {
        ModelCategory.allCases.map { category in
            let models = self.setup.models.filter { $0.category == category }
            return HealthReport.Category(
                category: category,
                loaded: models.count(where: \.isLoaded),
                total: models.count,
                available: models.count { $0.availability.canAnswer && !self.isDown($0.id.provider) }
            )
        }
    }
}

// MARK: - Disks

extension HealthRules {
    /// Under this the store cannot be relied on to take another batch of records and its own log.
    static let fullDisk: Int64 = 64 << 20
    /// Under this a model or an engine does not fit any more.
    static let shortDisk: Int64 = 1 << 30

    func disks() -> [HealthReport.Finding] {
        guard let disks = self.looks.disks.value else {
            return [
                Self.issue(
                    "disk", "the file systems of models and the store did not answer within \(self.limitText)",
                    fix: "look whether a network disk hangs ('df' hangs as well then)")
            ]
        }
        return disks.compactMap { disk in
            let room = "\(Self.bytes(disk.availableBytes)) of \(Self.bytes(disk.totalBytes))"
            if disk.availableBytes < Self.fullDisk {
                return Self.issue(
                    disk.path, "the disk of \(disk.path) is full: \(room) left",
                    fix: "free some space, or models, records and events cannot be written; requests are still answered"
                )
            }
            guard disk.availableBytes < Self.shortDisk else { return nil }
            return Self.warning(
                disk.path, "the disk of \(disk.path) is nearly full: \(room) left",
                fix: "free some space before models or engines are installed")
        }
    }
}
