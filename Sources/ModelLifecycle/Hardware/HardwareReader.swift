internal import Dispatch
internal import Glibc
internal import Inference

/// Looks at the machine: its processor, memories, GPUs and disks.
package struct HardwareReader: Sendable {
    private let files: SystemFiles
    private let gpus: (any GPUReader)?
    private let disks: [String]
    private let gauge: BandwidthGauge
    private let architecture: String
    /// Files, a driver and disks may take their time.
    private let queue = DispatchQueue(label: "roundhouse.hardware")

    /// - Parameters:
    ///   - gpus: `nil` leaves GPUs out.
    ///   - disks: Folders whose file systems are told; absolute, may not exist yet.
    ///   - threads: As many as an engine computes with, for how fast it can read memory.
    package init(
        files: SystemFiles = SystemFiles(),
        gpus: (any GPUReader)? = NVML.shared,
        disks: [String],
        gauge: BandwidthGauge
    ) {
        self.init(files: files, gpus: gpus, disks: disks, gauge: gauge, architecture: ProcessorInfo.architecture)
    }

    init(
        files: SystemFiles,
        gpus: (any GPUReader)?,
        disks: [String],
        gauge: BandwidthGauge,
        architecture: String
    ) {
        self.files = files
        self.gpus = gpus
        self.disks = disks
        self.gauge = gauge
        self.architecture = architecture
    }

    /// What there is now. The first call takes longer: it measures how fast memory can be read.
    package func read() async -> HardwareReading {
        let bandwidth = await self.gauge.bytesPerSecond()
        var reading = await withCheckedContinuation { continuation in
            self.queue.async { continuation.resume(returning: self.look()) }
        }
        reading.processor.bandwidthBytesPerSecond = bandwidth
        return reading
    }

    private func look() -> HardwareReading {
        HardwareReading(
            processor: ProcessorInfo.read(
                cpuinfo: self.files.text("/proc/cpuinfo") ?? "",
                status: self.files.text("/proc/self/status") ?? "",
                architecture: self.architecture
            ),
            memory: MachineMemory(files: self.files, gpus: nil).read().first,
            gpus: self.gpus?.gpus() ?? [],
            driverVersion: self.gpus?.driverVersion() ?? "",
            disks: Self.read(self.disks)
        )
    }

    private static func read(_ folders: [String]) -> [DiskReading] {
        var seen: Set<dev_t> = []
        return folders.compactMap { folder in
            guard let place = Self.existing(folder) else { return nil }
            var identity = stat()
            var system = statvfs()
            guard unsafe stat(place, &identity) == 0, unsafe statvfs(place, &system) == 0,
                seen.insert(identity.st_dev).inserted
            else { return nil }
            return DiskReading(
                path: folder,
                totalBytes: Self.product(system.f_blocks, system.f_frsize),
                availableBytes: Self.product(system.f_bavail, system.f_frsize)
            )
        }
    }

    /// The folder, or what is there of the way to it.
    private static func existing(_ folder: String) -> String? {
        var path = folder
        while unsafe access(path, F_OK) != 0 {
            guard let slash = path.lastIndex(of: "/"), path != "/" else { return nil }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
        return path
    }

    private static func product(_ count: UInt, _ size: UInt) -> Int64 {
        let (bytes, overflow) = UInt64(count).multipliedReportingOverflow(by: UInt64(size))
        return overflow ? .max : Int64(clamping: bytes)
    }
}
