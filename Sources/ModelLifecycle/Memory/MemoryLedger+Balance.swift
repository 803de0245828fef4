import Inference

extension MemoryLedger {
    /// What models may take of a memory together; `nil` when it is not counted: another program's, or one that nobody
    /// can read and that has no quota.
    func quota(of device: MemoryDevice) -> Int64? {
        guard device != .remote else { return nil }
        if let quota = self.limits.memoryQuotas[device] { return quota }
        return self.readings[device].map { Int64(Double($0.totalBytes) * self.limits.memoryShare) }
    }

    /// What a load takes of what is counted.
    func demand(of bytes: [MemoryDevice: Int64]) -> Resources {
        var demand = Resources()
        for (device, amount) in bytes where amount > 0 && self.quota(of: device) != nil {
            demand[.memory(device)] = amount
        }
        if self.limits.maxLoadedModels != nil { demand[.place] = 1 }
        return demand
    }

    /// What an instance holds of what is counted, its place included while it lives.
    func holdings(of launch: Int) -> Resources {
        guard let entry = self.entries[launch] else { return Resources() }
        var held = self.demand(of: entry.bytes)
        if entry.isReleasing { held[.place] = 0 }
        return held
    }

    /// What is on its way back.
    var releasing: Resources {
        self.sum { $0.isReleasing }
    }

    /// What a load may take at once: within the quota, and within what the system has free.
    var available: Resources {
        let committed = self.sum { _ in true }
        return self.counted { resource in
            guard let limit = self.limit(of: resource) else { return nil }
            let withinQuota = limit - committed[resource]
            guard case .memory(let device) = resource, let reading = self.readings[device] else { return withinQuota }
            return min(withinQuota, reading.freeBytes - self.unseen(device))
        }
    }

    /// What a load could take if nothing of ours were in memory.
    var capacity: Resources {
        self.counted { resource in
            guard let limit = self.limit(of: resource) else { return nil }
            guard case .memory(let device) = resource, let reading = self.readings[device] else { return limit }
            // A load under way may have taken all of it already: not every runtime tells.
            let ours = self.entries.values.reduce(0) { sum, entry in
                sum + ((entry.stage == .actual ? entry.seen[device] : entry.bytes[device]) ?? 0)
            }
            return min(limit, reading.freeBytes + ours)
        }
    }

    /// By how much the quotas are broken, as happens when a model takes more than predicted or a quota shrinks.
    var excess: Resources {
        let committed = self.sum { _ in true }
        return self.counted { resource in self.limit(of: resource).map { committed[resource] - $0 } }.positive
    }

    /// Every memory that was read or has a quota, by name.
    var devices: [DeviceMemory] {
        Set(self.readings.keys).union(self.limits.memoryQuotas.keys).sorted().map { device in
            let reading = self.readings[device]
            var memory = DeviceMemory(
                device: device,
                totalBytes: reading?.totalBytes ?? 0,
                freeBytes: reading?.freeBytes ?? 0,
                quotaBytes: self.quota(of: device) ?? 0
            )
            for entry in self.entries.values {
                let bytes = entry.bytes[device] ?? 0
                switch entry.stage {
                case .predicted: memory.predictedBytes += bytes
                case .actual: memory.actualBytes += bytes
                case .releasing: memory.releasingBytes += bytes
                }
            }
            return memory
        }
    }

    private func limit(of resource: Resource) -> Int64? {
        switch resource {
        case .memory(let device): self.quota(of: device)
        case .place: self.limits.maxLoadedModels.map { Int64($0) }
        }
    }

    /// Bytes that ours will have taken and the last reading does not show yet.
    private func unseen(_ device: MemoryDevice) -> Int64 {
        self.entries.values.reduce(0) { sum, entry in
            entry.isReleasing ? sum : sum + max(0, (entry.bytes[device] ?? 0) - (entry.seen[device] ?? 0))
        }
    }

    private func sum(where isMeant: (Entry) -> Bool) -> Resources {
        self.entries.reduce(into: Resources()) { sum, entry in
            if isMeant(entry.value) { sum += self.holdings(of: entry.key) }
        }
    }

    private func counted(_ amount: (Resource) -> Int64?) -> Resources {
        var result = Resources()
        for device in Set(self.readings.keys).union(self.limits.memoryQuotas.keys) {
            result[.memory(device)] = amount(.memory(device)) ?? 0
        }
        if self.limits.maxLoadedModels != nil { result[.place] = amount(.place) ?? 0 }
        return result
    }
}
