package import Inference

/// What a machine has, at one moment. What could not be found out is empty, 0 or `nil`.
package struct HardwareReading: Sendable, Hashable {
    package var processor: ProcessorReading
    /// Main memory, within the limits of our control groups.
    package var memory: MemoryReading?
    /// By index.
    package var gpus: [GPUReading]
    /// Of the graphics driver.
    package var driverVersion: String
    /// One for each file system, under the first of the folders on it that were asked for.
    package var disks: [DiskReading]

    package init(
        processor: ProcessorReading = ProcessorReading(),
        memory: MemoryReading? = nil,
        gpus: [GPUReading] = [],
        driverVersion: String = "",
        disks: [DiskReading] = []
    ) {
        self.processor = processor
        self.memory = memory
        self.gpus = gpus
        self.driverVersion = driverVersion
        self.disks = disks
    }

    /// How much each memory can be read in a second, in bytes, as far as it is known: what a model's speed depends on.
    package var bandwidths: [MemoryDevice: Int64] {
        var bandwidths = Dictionary(self.gpus.map { ($0.device, $0.bandwidthBytesPerSecond) }) { first, _ in first }
        bandwidths[.cpu] = self.processor.bandwidthBytesPerSecond
        return bandwidths.filter { $0.value > 0 }
    }
}

/// A processor.
package struct ProcessorReading: Sendable, Hashable {
    /// As it names itself.
    package var name: String
    /// `x86_64`, `aarch64`.
    package var architecture: String
    /// Threads that run at the same time and that this process may use; 0 when not known.
    package var logicalCores: Int
    /// Of the whole machine; `nil` when it is not told, as on ARM and in some virtual machines.
    package var physicalCores: Int?
    /// Instruction sets that decide how fast engines are, the plainest first: `avx2`, `avx512f`, `amx_tile`, `neon`.
    package var features: [String]
    /// How much main memory the threads of an engine read in a second, in bytes; 0 when not measured.
    package var bandwidthBytesPerSecond: Int64

    package init(
        name: String = "",
        architecture: String = "",
        logicalCores: Int = 0,
        physicalCores: Int? = nil,
        features: [String] = [],
        bandwidthBytesPerSecond: Int64 = 0
    ) {
        self.name = name
        self.architecture = architecture
        self.logicalCores = logicalCores
        self.physicalCores = physicalCores
        self.features = features
        self.bandwidthBytesPerSecond = bandwidthBytesPerSecond
    }
}

/// A file system, in bytes.
package struct DiskReading: Sendable, Hashable {
    /// A folder on it.
    package var path: String
    package var totalBytes: Int64
    /// What we may still write.
    package var availableBytes: Int64

    package init(path: String, totalBytes: Int64, availableBytes: Int64) {
        self.path = path
        self.totalBytes = totalBytes
        self.availableBytes = availableBytes
    }
}
