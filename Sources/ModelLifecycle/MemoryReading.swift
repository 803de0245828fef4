package import Inference

/// What the system says of one memory, in bytes.
package struct MemoryReading: Sendable, Hashable {
    package var device: MemoryDevice
    /// What there is, cgroup limits included.
    package var totalBytes: Int64
    package var freeBytes: Int64

    package init(device: MemoryDevice, totalBytes: Int64, freeBytes: Int64) {
        self.device = device
        self.totalBytes = totalBytes
        self.freeBytes = freeBytes
    }
}

/// Looks at the machine's memories: main memory first, then each GPU's.
package protocol MemoryReader: Sendable {
    /// May read files and ask a driver; not for the hot path.
    func read() -> [MemoryReading]
}
