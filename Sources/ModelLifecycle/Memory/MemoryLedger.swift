import Inference

/// What models take of every memory, in bytes. Pure.
///
/// An instance is in the book from the start of its load: *predicted* while it loads, *actual* once it is ready, and
/// *releasing* after its end, until the system shows its memory as free: memory that was let go of is not free yet, and
/// a load that believes so runs out of it.
struct MemoryLedger: Sendable, Hashable {
    typealias Instant = ContinuousClock.Instant

    /// How long memory that was let go of is waited for.
    static let releaseTimeout = Duration.seconds(5)
    /// The part of it that has to be seen free again, in percent: the rest may be shared or was never touched.
    static let releasePercent: Int64 = 75
    /// What other programs may take meanwhile, as a part of the whole memory: without it, a busy machine would have every
    /// swap of small models wait for the whole ``releaseTimeout``.
    static let noiseDivisor: Int64 = 100

    enum Stage: Sendable, Hashable {
        case predicted
        case actual
        /// `targets`: the free bytes that say that it is over.
        case releasing(since: Instant, targets: [MemoryDevice: Int64])
    }

    struct Entry: Sendable, Hashable {
        var stage = Stage.predicted
        var bytes: [MemoryDevice: Int64]
        /// Bytes that it has taken already, as far as the load tells.
        var touched: [MemoryDevice: Int64] = [:]
        /// Bytes of it that the last reading shows as taken.
        var seen: [MemoryDevice: Int64] = [:]
        /// Whether the load tells how many bytes it has read.
        var tellsProgress = false
    }

    /// By launch.
    private(set) var entries: [Int: Entry] = [:]
    private(set) var readings: [MemoryDevice: MemoryReading] = [:]
    var limits: LifecycleLimits

    init(_ limits: LifecycleLimits) {
        self.limits = limits
    }

    // MARK: - An instance's way through the book

    /// A load begins.
    mutating func reserve(_ bytes: [MemoryDevice: Int64], for launch: Int) {
        self.entries[launch] = Entry(bytes: bytes)
    }

    /// A load has read so much of its weights.
    mutating func load(_ launch: Int, loadedBytes: Int64, of totalBytes: Int64) {
        guard let entry = self.entries[launch], entry.stage == .predicted, totalBytes > 0 else { return }
        let share = min(1, Double(max(0, loadedBytes)) / Double(totalBytes))
        self.entries[launch]?.touched = entry.bytes.mapValues { Int64(Double($0) * share) }
        self.entries[launch]?.tellsProgress = true
    }

    /// A load is over, or an instance was measured anew; without a figure the prediction stands.
    mutating func settle(_ launch: Int, measured: [MemoryDevice: Int64]) {
        guard let entry = self.entries[launch], !entry.isReleasing else { return }
        let bytes = measured.isEmpty ? entry.bytes : measured
        self.entries[launch]?.stage = .actual
        self.entries[launch]?.bytes = bytes
        self.entries[launch]?.touched = bytes
    }

    /// An instance is gone.
    mutating func end(_ launch: Int, at now: Instant) {
        guard let entry = self.entries[launch], !entry.isReleasing else { return }
        var targets: [MemoryDevice: Int64] = [:]
        for (device, bytes) in entry.bytes where bytes > 0 {
            guard let reading = self.readings[device], self.quota(of: device) != nil else { continue }
            let shown = entry.tellsProgress || entry.stage == .actual ? min(bytes, entry.seen[device] ?? 0) : bytes
            // As if nothing of ours lay there: what others load meanwhile takes nothing from what is given back.
            targets[device] = self.withoutUs(reading, except: launch) + shown / 100 * Self.releasePercent
        }
        guard !targets.isEmpty else {
            self.entries[launch] = nil
            return
        }
        self.entries[launch]?.stage = .releasing(since: now, targets: targets)
        self.entries[launch]?.bytes = entry.bytes.filter { targets[$0.key] != nil }
    }

    // MARK: - What the system says

    /// The system was asked.
    mutating func take(_ readings: [MemoryReading], at now: Instant) {
        for reading in readings { self.readings[reading.device] = reading }
        self.entries = self.entries.mapValues { entry in
            var entry = entry
            entry.seen = entry.touched
            return entry
        }
        self.settleReleases(at: now)
    }

    /// Strikes out what is free again, and what nobody waits for any longer.
    mutating func settleReleases(at now: Instant) {
        for (launch, entry) in self.entries {
            guard case .releasing(let since, let targets) = entry.stage else { continue }
            let isFree = targets.allSatisfy { device, target in
                self.readings[device].map { reading in
                    self.withoutUs(reading, except: launch) + reading.totalBytes / Self.noiseDivisor >= target
                } ?? true
            }
            if isFree || now - since >= Self.releaseTimeout { self.entries[launch] = nil }
        }
    }

    /// When the next release is given up; `nil` when nothing is being released.
    var releaseDeadline: Instant? {
        self.entries.values.compactMap { entry in
            if case .releasing(let since, _) = entry.stage { since + Self.releaseTimeout } else { nil }
        }.min()
    }

    /// What would be free if those of ours that are in memory were not.
    private func withoutUs(_ reading: MemoryReading, except launch: Int) -> Int64 {
        self.entries.reduce(reading.freeBytes) { free, entry in
            entry.key == launch || entry.value.isReleasing ? free : free + (entry.value.seen[reading.device] ?? 0)
        }
    }
}

extension MemoryLedger.Entry {
    var isReleasing: Bool {
        if case .releasing = self.stage { true } else { false }
    }
}
