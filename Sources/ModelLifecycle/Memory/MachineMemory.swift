internal import Inference

/// This machine's memories: what the operating system says, control groups leave and NVIDIA's driver tells.
package struct MachineMemory: MemoryReader {
    private let files: SystemFiles
    private let gpus: (any GPUReader)?

    /// - Parameter gpus: `nil` leaves GPUs out.
    package init(files: SystemFiles = SystemFiles(), gpus: (any GPUReader)? = NVML.shared) {
        self.files = files
        self.gpus = gpus
    }

    /// Without `/proc/meminfo` main memory is missing from the list.
    package func read() -> [MemoryReading] {
        let main = self.files.text("/proc/meminfo").flatMap(SystemMemory.init(meminfo:)).map { system in
            let group = CgroupMemory.read(self.files)
            return MemoryReading(
                device: .cpu,
                totalBytes: min(system.totalBytes, group?.limitBytes ?? .max),
                freeBytes: min(system.availableBytes, group?.freeBytes ?? .max)
            )
        }
        let graphics = (self.gpus?.gpus() ?? []).map { gpu in
            MemoryReading(device: gpu.device, totalBytes: gpu.totalBytes, freeBytes: gpu.freeBytes)
        }
        return (main.map { [$0] } ?? []) + graphics
    }
}
