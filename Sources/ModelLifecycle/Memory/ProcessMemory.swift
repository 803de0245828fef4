internal import Glibc
package import Inference

/// What one process has in memory.
package struct ProcessMemory: Sendable {
    private let files: SystemFiles
    private let gpus: (any GPUReader)?

    /// - Parameter gpus: `nil` leaves GPUs out.
    package init(files: SystemFiles = SystemFiles(), gpus: (any GPUReader)? = NVML.shared) {
        self.files = files
        self.gpus = gpus
    }

    /// Main memory of a process in bytes. Pages that it shares with others count in part, where the kernel tells.
    ///
    /// - Returns: `nil` when there is no such process or we may not look at it.
    package func residentBytes(_ processID: Int32) -> Int64? {
        if let rollup = self.files.text("/proc/\(processID)/smaps_rollup"), let bytes = KilobyteTable(rollup)["Pss"] {
            return bytes
        }
        guard let statm = self.files.text("/proc/\(processID)/statm") else { return nil }
        let pages = statm.split { $0 == " " || $0 == "\n" }.dropFirst().first.flatMap { Int64($0) }
        return pages.map { $0 * Int64(sysconf(Int32(_SC_PAGESIZE))) }
    }

    /// Main memory and GPU memory of a process. Empty when there is no such process.
    package func memory(of processID: Int32) -> [MemoryDevice: Int64] {
        guard let resident = self.residentBytes(processID) else { return [:] }
        var memory = self.gpus?.usedBytes(by: processID) ?? [:]
        memory[.cpu] = resident
        return memory
    }
}
