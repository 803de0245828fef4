internal import RoundhouseAPI

/// The machine and what fits on it, as people read it.
enum HardwareTexts {
    static func page(_ answer: Roundhouse_V1_GetHardwareResponse, for traits: TerminalTraits) -> String {
        var text = Self.facts(answer).rendered(for: traits)
        if !answer.models.isEmpty { text += "\n" + Self.table(answer.models).rendered(for: traits) }
        return text
    }

    private static func facts(_ answer: Roundhouse_V1_GetHardwareResponse) -> Page {
        var page = Page()
        page.add("processor", Self.processor(answer.processor))
        page.add("features", answer.processor.features.joined(separator: ", "))
        if answer.hasMemory { page.add("memory", Self.memory(answer.memory)) }
        if answer.processor.memoryBandwidthBytesPerSecond > 0 {
            page.add("reads", "\(Figures.bytes(answer.processor.memoryBandwidthBytesPerSecond)) of memory a second")
        }
        for gpu in answer.gpus {
            let driver = gpu.driverVersion.isEmpty ? "" : ", driver \(gpu.driverVersion)"
            page.add("GPU \(gpu.index)", "\(gpu.name): \(Self.memory(gpu.memory))\(driver)")
        }
        if answer.gpus.isEmpty { page.add("GPU", "none, or no NVIDIA driver") }
        for disk in answer.disks {
            page.add(
                "disk",
                "\(disk.path): \(Figures.bytes(disk.availableBytes)) of \(Figures.bytes(disk.totalBytes)) available"
            )
        }
        return page
    }

    /// "AMD EPYC 9654, x86_64, 8 threads on 4 cores".
    private static func processor(_ processor: Roundhouse_V1_Processor) -> String {
        var parts = [processor.name, processor.architecture].filter { !$0.isEmpty }
        if processor.logicalCores > 0 {
            let cores =
                processor.physicalCores > 0 ? " on \(Figures.count(Int64(processor.physicalCores), "core"))" : ""
            parts.append(Figures.count(Int64(processor.logicalCores), "thread") + cores)
        }
        return parts.joined(separator: ", ")
    }

    private static func memory(_ memory: Roundhouse_V1_MemoryStatus) -> String {
        var text = "\(Figures.bytes(memory.availableBytes)) of \(Figures.bytes(memory.totalBytes)) available"
        if memory.budgetBytes > 0 {
            text += "; models may take \(Figures.bytes(memory.budgetBytes)) and take "
            text += Figures.bytes(memory.usedByModelsBytes)
        }
        return text
    }

    private static func table(_ models: [Roundhouse_V1_ModelFit]) -> Table {
        var table = Table([
            .init(title: "MODEL"), .init(title: "FIT"), .init(title: "TAKES", alignment: .right),
            .init(title: "DEVICE", canBeSpared: true), .init(title: "SPEED"),
            .init(title: "TOKENS/S", alignment: .right), .init(title: "REMARK", canShrink: true),
        ])
        for model in models {
            table.add([
                model.model, Self.name(model.fit), model.requiredBytes > 0 ? Figures.bytes(model.requiredBytes) : "-",
                model.device.isEmpty ? "-" : model.device, Self.name(model.speed), Self.rate(model), model.reason,
            ])
        }
        return table
    }

    /// "~42" for an estimate, "41.5" where it was measured.
    private static func rate(_ model: Roundhouse_V1_ModelFit) -> String {
        guard model.tokensPerSecond > 0 else { return "-" }
        if model.measured { return Figures.fixed(model.tokensPerSecond, digits: 1) }
        return "~" + Figures.fixed(model.tokensPerSecond, digits: model.tokensPerSecond < 10 ? 1 : 0)
    }

    private static func name(_ fit: Roundhouse_V1_Fit) -> String {
        switch fit {
        case .well: "well"
        case .barely: "barely"
        case .not: "not"
        case .unspecified: "unknown"
        case .UNRECOGNIZED(let number): "fit \(number)"
        }
    }

    private static func name(_ speed: Roundhouse_V1_SpeedClass) -> String {
        switch speed {
        case .slow: "slow"
        case .reading: "reading"
        case .fast: "fast"
        case .veryFast: "very fast"
        case .unspecified: "-"
        case .UNRECOGNIZED(let number): "class \(number)"
        }
    }
}
