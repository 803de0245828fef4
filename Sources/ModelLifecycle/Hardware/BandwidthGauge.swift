internal import Dispatch
internal import Glibc
private import Synchronization

/// Measures how fast main memory can be read, once, when it is first asked: tokens of an answer cost one reading of the
/// model each.
///
/// Each of an engine's threads goes through its part of 64 MiB, three times; the best time counts, as others may be at
/// work. Takes some 50 ms and 64 MiB for as long, on threads of its own. The figure is an estimate: a part of 64 MiB may
/// stay in the caches of a large processor, and more threads than an engine uses would read faster.
package final class BandwidthGauge: Sendable {
    private static let bytes = 64 << 20
    private static let rounds = 3

    private let threads: Int
    private let queue = DispatchQueue(label: "roundhouse.bandwidth")
    private let measure: @Sendable (_ threads: Int) -> Int64
    /// Written on the queue only.
    private let known = Mutex<Int64?>(nil)

    /// - Parameters:
    ///   - threads: As many as an engine computes with.
    ///   - measure: Blocks; gives bytes in a second, 0 when it cannot be told.
    package init(
        threads: Int,
        measure: @escaping @Sendable (_ threads: Int) -> Int64 = BandwidthGauge.measure
    ) {
        self.threads = max(1, threads)
        self.measure = measure
    }

    /// In bytes in a second; 0 when it cannot be told.
    package func bytesPerSecond() async -> Int64 {
        await withCheckedContinuation { continuation in
            self.queue.async {
                let bandwidth = self.known.withLock { $0 } ?? self.measure(self.threads)
                self.known.withLock { $0 = bandwidth }
                continuation.resume(returning: bandwidth)
            }
        }
    }

    /// Measures, whatever is known.
    package static func measure(threads: Int) -> Int64 {
        let part = Self.bytes / max(1, threads)
        guard let memory = unsafe malloc(part * threads) else { return 0 }
        defer { unsafe free(memory) }
        // Anything but zero: pages that were never written are all the same one.
        _ = unsafe memset(memory, 1, part * threads)
        nonisolated(unsafe) let start = UnsafeRawPointer(memory)
        let clock = ContinuousClock()
        let times = (0..<Self.rounds).map { _ in
            clock.measure {
                DispatchQueue.concurrentPerform(iterations: threads) { index in
                    // The C library's search for a byte that is not there reads as fast as the machine can, however
                    // we were compiled.
                    _ = unsafe memchr(start + index * part, 2, part)
                }
            }
        }
        guard let best = times.min(), best > .zero else { return 0 }
        let seconds = Double(best.components.seconds) + Double(best.components.attoseconds) / 1e18
        return Int64(Double(part * threads) / seconds)
    }
}
