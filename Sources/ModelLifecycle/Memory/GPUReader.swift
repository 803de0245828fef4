package import Inference

/// Asks a driver about its GPUs. May take milliseconds; not for the hot path.
package protocol GPUReader: Sendable {
    /// Every GPU, by index. Empty when there are none.
    func gpus() -> [GPUReading]

    /// What a process has in the memory of each GPU that it uses. Empty when it uses none, or the driver does not tell.
    func usedBytes(by processID: Int32) -> [MemoryDevice: Int64]

    /// Of the driver; empty when it does not tell.
    func driverVersion() -> String
}

extension GPUReader {
    package func driverVersion() -> String { "" }
}

/// One GPU. Memory in bytes.
package struct GPUReading: Sendable, Hashable {
    package var device: MemoryDevice
    /// `NVIDIA H200`.
    package var name: String
    package var totalBytes: Int64
    package var freeBytes: Int64
    /// How much of it can be read in a second, by its clock and the width of its bus; 0 when they are not told.
    package var bandwidthBytesPerSecond: Int64

    package init(
        device: MemoryDevice,
        name: String,
        totalBytes: Int64,
        freeBytes: Int64,
        bandwidthBytesPerSecond: Int64 = 0
    ) {
        self.device = device
        self.name = name
        self.totalBytes = totalBytes
        self.freeBytes = freeBytes
        self.bandwidthBytesPerSecond = bandwidthBytesPerSecond
    }
}
