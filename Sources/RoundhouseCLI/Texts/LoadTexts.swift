internal import RoundhouseAPI
internal import SwiftProtobuf

/// Loads, loaded models and memories, as people read them.
enum LoadTexts {
    /// What a load is doing, in a few words that stay the same while it does it.
    static func title(_ progress: Roundhouse_V1_LoadProgress) -> String {
        let model = progress.model
        let words =
            switch progress.phase {
            case .queued:
                progress.queuePosition > 0 ? "\(model) waits in place \(progress.queuePosition)" : "\(model) waits"
            case .starting: "starting \(model)"
            case .loading: "loading \(model)"
            case .warming: "warming up \(model)"
            case .ready: "\(model) is ready"
            case .unspecified: model
            case .UNRECOGNIZED(let number): "\(model) is in phase \(number)"
            }
        return progress.message.isEmpty ? words : "\(words): \(progress.message)"
    }

    /// "local/small is ready: 356.2 MiB on cpu, process 4711, loaded in 1.24 s".
    static func sentence(_ loaded: Roundhouse_V1_LoadedModel) -> String {
        var parts: [String] = []
        if loaded.memoryBytes > 0 { parts.append(Self.memory(loaded) + " on \(loaded.device)") }
        if loaded.processID > 0 { parts.append("process \(loaded.processID)") }
        if loaded.contextLength > 0 { parts.append("context of \(Figures.count(loaded.contextLength, "token"))") }
        if loaded.hasLoadDuration { parts.append("loaded in \(Figures.duration(Duration(loaded.loadDuration)))") }
        let details = parts.isEmpty ? "" : ": " + parts.joined(separator: ", ")
        return "\(Self.name(loaded)) is \(StateTexts.name(loaded.state))\(details)"
    }

    /// "local/small is unloaded: 356.2 MiB freed, in 85 ms".
    static func sentence(_ response: Roundhouse_V1_UnloadModelResponse) -> String {
        guard response.unloaded else { return "\(response.model) was not loaded" }
        var parts = ["\(Figures.bytes(response.freedBytes)) freed"]
        let (drained, cut) = (Int64(response.drainedLeaseCount), Int64(response.cutLeaseCount))
        if drained > 0 { parts.append("\(Figures.count(drained, "request")) ended first") }
        if cut > 0 { parts.append("\(Figures.count(cut, "request")) cut") }
        if response.hasElapsed { parts.append("in \(Figures.duration(Duration(response.elapsed)))") }
        return "\(response.model) is unloaded: " + parts.joined(separator: ", ")
    }

    static func table(_ models: [Roundhouse_V1_LoadedModel]) -> Table {
        let hasRemarks = models.contains { !Self.remark($0).isEmpty }
        var table = Table(
            [
                .init(title: "MODEL"), .init(title: "STATE"), .init(title: "MEMORY", alignment: .right),
                .init(title: "DEVICE"), .init(title: "ENGINE", canBeSpared: true),
                .init(title: "PID", alignment: .right, canBeSpared: true), .init(title: "REQUESTS", alignment: .right),
                .init(title: "WAITING", alignment: .right, canBeSpared: true),
                .init(title: "IDLE", alignment: .right), .init(title: "UNLOADED AT", canBeSpared: true),
            ] + (hasRemarks ? [.init(title: "REMARK", canShrink: true)] : [])
        )
        for model in models {
            table.add([
                Self.name(model), StateTexts.name(model.state), Self.memory(model), model.device, model.engine,
                model.processID > 0 ? "\(model.processID)" : "-", "\(model.leaseCount)", "\(model.waiterCount)",
                model.hasIdleDuration ? Figures.wholeSeconds(Duration(model.idleDuration)) : "-",
                model.hasExpireTime ? Figures.time(model.expireTime) : "-", Self.remark(model),
            ])
        }
        return table
    }

    static func table(_ devices: [Roundhouse_V1_DeviceMemory]) -> Table {
        var table = Table(
            [Table.Column(title: "MEMORY")]
                + ["TOTAL", "FREE", "QUOTA", "LOADED", "LOADING", "RELEASING"]
                .map { Table.Column(title: $0, alignment: .right, canBeSpared: $0 == "TOTAL" || $0 == "RELEASING") }
        )
        for device in devices {
            let figures = [
                device.totalBytes, device.freeBytes, device.quotaBytes, device.actualBytes, device.predictedBytes,
                device.releasingBytes,
            ]
            table.add([device.device] + figures.map(Figures.bytes))
        }
        return table
    }

    private static func name(_ model: Roundhouse_V1_LoadedModel) -> String {
        model.version.isEmpty ? model.model : "\(model.model) (version \(model.version))"
    }

    /// A tilde marks what was predicted.
    private static func memory(_ model: Roundhouse_V1_LoadedModel) -> String {
        guard model.memoryBytes > 0 else { return "-" }
        return (model.memoryMeasured ? "" : "~") + Figures.bytes(model.memoryBytes)
    }

    private static func remark(_ model: Roundhouse_V1_LoadedModel) -> String {
        var marks: [String] = []
        if model.pinned { marks.append("pinned") }
        if model.restartCount > 0 { marks.append(Figures.count(Int64(model.restartCount), "restart")) }
        if !model.stateReason.isEmpty { marks.append(model.stateReason) }
        return marks.joined(separator: "; ")
    }
}
