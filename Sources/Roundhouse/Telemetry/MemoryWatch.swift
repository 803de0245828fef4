internal import Inference
internal import ModelLifecycle
internal import Synchronization

/// Notices when the machine runs short of memory while models take some of it.
final class MemoryWatch: Sendable {
    /// Short is less than a 32nd free; it is over when twice as much is.
    private static let shortPart: Int64 = 32

    private let short = Mutex<Set<MemoryDevice>>([])

    /// - Parameters:
    ///   - readings: what the system says now.
    ///   - devices: what models take.
    /// - Returns: how many memories have run short since the last look.
    func look(_ readings: [MemoryReading], _ devices: [DeviceMemory]) -> Int {
        let taken = devices.reduce(into: [MemoryDevice: Int64]()) { sums, device in
            sums[device.device, default: 0] += device.actualBytes + device.predictedBytes
        }
        return self.short.withLock { short in
            var news = 0
            for reading in readings where reading.totalBytes > 0 {
                let least = reading.totalBytes / Self.shortPart
                if reading.freeBytes >= 2 * least {
                    short.remove(reading.device)
                } else if reading.freeBytes < least, taken[reading.device] ?? 0 > 0,
                    short.insert(reading.device).inserted
                {
                    news += 1
                }
            }
            return news
        }
    }
}
