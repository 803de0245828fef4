internal import RoundhouseAPI
internal import SwiftProtobuf

/// What the server stands on, as people read it.
enum HealthTexts {
    static func page(_ answer: Roundhouse_V1_CheckDependenciesResponse, for traits: TerminalTraits) -> String {
        var text = Self.title(answer, for: traits)
        text += "\n" + Self.dependencies(answer.dependencies).rendered(for: traits)
        let absent = answer.dependencies.filter(\.isAbsentAndOptional).map(\.name)
        if !absent.isEmpty {
            text += Self.lines("not there, and not needed: " + absent.joined(separator: ", "), for: traits, mark: "")
        }
        text += "\n" + Self.engines(answer.inferenceEngines).rendered(for: traits)
        text += "\n" + Self.models(answer.aiModels).rendered(for: traits)
        for (title, sentences, tone) in [
            ("Issues", answer.issues, TerminalTraits.Tone.bad), ("Warnings", answer.warnings, .fair),
        ]
        where !sentences.isEmpty {
            text += "\n" + traits.toned(title, tone) + "\n"
            text += sentences.map { Self.lines($0, for: traits) }.joined()
        }
        if !answer.findings.isEmpty {
            text += "\n" + traits.dim("'roundhouse doctor' shows what to do, step by step") + "\n"
        }
        return text
    }

    /// "degraded, as of 2026-11-27 08:15:00 UTC".
    static func title(_ answer: Roundhouse_V1_CheckDependenciesResponse, for traits: TerminalTraits) -> String {
        let since = answer.hasCheckTime ? ", as of \(Figures.time(answer.checkTime))" : ""
        let (name, tone) = Self.name(answer.overallStatus)
        return traits.toned(name, tone) + since + "\n"
    }

    /// A sentence under a mark, broken at the terminal's width.
    static func lines(_ sentence: String, for traits: TerminalTraits, mark: String = "-") -> String {
        let indent = mark.isEmpty ? "" : "    "
        let lines = TerminalText.wrapped(
            TerminalText.singleLine(sentence), to: traits.columns.map { max(20, $0 - indent.count) })
        return lines.enumerated()
            .map { ($0 == 0 && !mark.isEmpty ? "  \(mark) " : indent) + $1 + "\n" }
            .joined()
    }

    private static func dependencies(_ dependencies: [Roundhouse_V1_Dependency]) -> Table {
        var table = Table([
            .init(title: "DEPENDENCY"), .init(title: "STATUS", isToned: true), .init(title: "VERSION"),
            .init(title: "FOR", canBeSpared: true), .init(title: "TIME", alignment: .right, canBeSpared: true),
            .init(title: "REMARK", canShrink: true),
        ])
        for dependency in dependencies where !dependency.isAbsentAndOptional {
            let (status, tone) = Self.name(dependency)
            table.add(
                [
                    dependency.name, status, dependency.version.isEmpty ? "-" : dependency.version,
                    Self.name(dependency.category),
                    dependency.hasLatency ? Figures.duration(Duration(dependency.latency)) : "-",
                    dependency.error.isEmpty ? dependency.path : dependency.error,
                ], tone: tone)
        }
        return table
    }

    private static func engines(_ engines: [Roundhouse_V1_InferenceEngine]) -> Table {
        var table = Table([
            .init(title: "ENGINE"), .init(title: "STATE", isToned: true), .init(title: "VERSION"),
            .init(title: "REMARK", canShrink: true),
        ])
        for engine in engines {
            let (state, tone): (String, TerminalTraits.Tone) =
                engine.running ? ("running", .good) : engine.installed ? ("installed", .good) : ("missing", .faint)
            let place = engine.running && !engine.address.isEmpty ? engine.address : engine.path
            table.add(
                [
                    engine.name, state, engine.version.isEmpty ? "-" : engine.version,
                    place.isEmpty ? engine.advice : place,
                ], tone: tone)
        }
        return table
    }

    private static func models(_ models: [Roundhouse_V1_ModelCategoryStatus]) -> Table {
        var table = Table([
            .init(title: "MODELS"), .init(title: "STATE", isToned: true), .init(title: "LOADED", alignment: .right),
            .init(title: "AVAILABLE", alignment: .right), .init(title: "TOTAL", alignment: .right),
        ])
        for category in models {
            let isReady = category.status == .ready
            let tone: TerminalTraits.Tone = isReady ? .good : category.total > 0 ? .bad : .faint
            table.add(
                [
                    ModelTexts.name(category.category), isReady ? "ready" : "no models", "\(category.loaded)",
                    "\(category.available)", "\(category.total)",
                ], tone: tone)
        }
        return table
    }

    private static func name(_ state: Roundhouse_V1_SystemState) -> (String, TerminalTraits.Tone?) {
        switch state {
        case .healthy: ("healthy", .good)
        case .degraded: ("degraded", .fair)
        case .unhealthy: ("unhealthy, no request can be answered", .bad)
        case .unspecified: ("state unknown", nil)
        case .UNRECOGNIZED(let number): ("state \(number)", nil)
        }
    }

    private static func name(_ dependency: Roundhouse_V1_Dependency) -> (String, TerminalTraits.Tone?) {
        let bad: TerminalTraits.Tone = dependency.category == .optional ? .faint : .bad
        return switch dependency.status {
        case .ok: ("ok", .good)
        case .missing: ("missing", bad)
        case .outdated: ("too old", bad)
        case .failed: (dependency.reachable ? "failing" : "failed", bad)
        case .unauthenticated: ("key refused", bad)
        case .timedOut: ("no answer", bad)
        case .notChecked: ("not asked", .faint)
        case .unspecified: ("unknown", nil)
        case .UNRECOGNIZED(let number): ("status \(number)", nil)
        }
    }

    private static func name(_ category: Roundhouse_V1_DependencyCategory) -> String {
        switch category {
        case .core: "core"
        case .ml: "ml"
        case .optional: "optional"
        case .unspecified, .UNRECOGNIZED: "-"
        }
    }
}

extension Roundhouse_V1_Dependency {
    /// What nobody needs and nobody has.
    fileprivate var isAbsentAndOptional: Bool { self.category == .optional && self.status == .missing }
}

/// What is wrong and what to do, one thing after another.
enum DoctorTexts {
    static func page(_ answer: Roundhouse_V1_CheckDependenciesResponse, for traits: TerminalTraits) -> String {
        var text = HealthTexts.title(answer, for: traits)
        guard !answer.findings.isEmpty else { return text + "\nThere is nothing to do.\n" }
        for (index, finding) in answer.findings.enumerated() {
            let tone: TerminalTraits.Tone = finding.severity == .warning ? .fair : .bad
            text += "\n" + traits.toned("\(index + 1). \(Self.name(finding.severity))", tone) + "\n"
            text += traits.indented(finding.message)
            if !finding.fix.isEmpty { text += traits.indented("To do: \(finding.fix)") }
            // Whole, whatever the width: it is copied.
            if !finding.command.isEmpty { text += "     $ \(TerminalText.singleLine(finding.command))\n" }
        }
        return text
    }

    private static func name(_ severity: Roundhouse_V1_FindingSeverity) -> String {
        severity == .warning ? "Warning" : "Issue"
    }
}
