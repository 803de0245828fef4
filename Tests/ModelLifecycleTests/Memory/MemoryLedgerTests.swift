import Inference
import Testing

@testable import ModelLifecycle

@Suite("Memory ledger")
struct MemoryLedgerTests {
    private let now = ContinuousClock.now
    private let cpu = Resource.memory(.cpu)

    private func ledger(quota: Int64? = nil, share: Double = 0.8) -> MemoryLedger {
        var limits = LifecycleLimits()
        limits.memoryShare = share
        if let quota { limits.memoryQuotas = [.cpu: quota] }
        return MemoryLedger(limits)
    }

    private func reading(free: Int64, total: Int64 = 1000, _ device: MemoryDevice = .cpu) -> MemoryReading {
        MemoryReading(device: device, totalBytes: total, freeBytes: free)
    }

    @Test("counts what is predicted, then what is measured, then what is being released")
    func stages() throws {
        var ledger = self.ledger()
        ledger.take([reading(free: 900)], at: now)
        #expect(ledger.quota(of: .cpu) == 800)
        ledger.reserve([.cpu: 300], for: 1)
        #expect(ledger.devices.first?.predictedBytes == 300)
        #expect(ledger.available[cpu] == 500)
        ledger.settle(1, measured: [.cpu: 350])
        #expect(ledger.devices.first?.predictedBytes == 0)
        #expect(ledger.devices.first?.actualBytes == 350)
        #expect(ledger.available[cpu] == 450)
        ledger.take([reading(free: 550)], at: now)
        ledger.end(1, at: now)
        #expect(ledger.devices.first?.releasingBytes == 350)
        #expect(ledger.available[cpu] == 450)
        ledger.take([reading(free: 900)], at: now)
        #expect(ledger.devices.first?.releasingBytes == 0)
        #expect(ledger.available[cpu] == 800)
    }

    @Test("an absolute quota takes the place of the share")
    func absoluteQuota() {
        var ledger = self.ledger(quota: 100)
        #expect(ledger.quota(of: .cpu) == 100)
        #expect(ledger.available[cpu] == 100)
        ledger.take([reading(free: 40)], at: now)
        #expect(ledger.available[cpu] == 40, "what the system has free is the other limit")
    }

    @Test("memory that nobody reads, and another program's, is not counted")
    func notCounted() {
        var ledger = self.ledger()
        ledger.take([reading(free: 900)], at: now)
        #expect(ledger.demand(of: [.remote: 5, .cuda(0): 7]).isEmpty)
        #expect(ledger.demand(of: [:]).isEmpty)
        ledger.reserve([.remote: 1 << 40], for: 1)
        #expect(ledger.available[cpu] == 800)
        ledger.end(1, at: now)
        #expect(ledger.entries.isEmpty)
    }

    @Test("what a load has not touched yet is taken from what the system has free")
    func untouched() {
        var ledger = self.ledger()
        ledger.take([reading(free: 600)], at: now)
        ledger.reserve([.cpu: 400], for: 1)
        #expect(ledger.available[cpu] == 200)
        // Half of it is read, but no reading shows that yet.
        ledger.load(1, loadedBytes: 50, of: 100)
        #expect(ledger.available[cpu] == 200)
        ledger.take([reading(free: 400)], at: now)
        #expect(ledger.available[cpu] == 200)
        ledger.settle(1, measured: [:])
        ledger.take([reading(free: 200)], at: now)
        #expect(ledger.available[cpu] == 200)
    }

    @Test(
        "released memory counts until three quarters of it are seen free, or for five seconds",
        arguments: [72, 73, 100])
    func recovery(_ percent: Int64) {
        var ledger = self.ledger()
        ledger.take([reading(free: 1000)], at: now)
        ledger.reserve([.cpu: 400], for: 1)
        ledger.settle(1, measured: [.cpu: 400])
        ledger.take([reading(free: 600)], at: now)
        ledger.end(1, at: now)
        ledger.take([reading(free: 600 + 4 * percent)], at: now + .seconds(1))
        // What others take meanwhile is made up for: a hundredth of the memory, which is 10 here.
        #expect(ledger.entries.isEmpty == (4 * percent + 10 >= 300))
        ledger.settleReleases(at: now + .milliseconds(4999))
        // What others take meanwhile is made up for: a hundredth of the memory, which is 10 here.
        #expect(ledger.entries.isEmpty == (4 * percent + 10 >= 300))
        ledger.settleReleases(at: now + .seconds(5))
        #expect(ledger.entries.isEmpty)
    }

    @Test("what another load takes meanwhile does not hide what was given back")
    func recoveryBesideALoad() {
        var ledger = self.ledger(share: 1)
        ledger.take([reading(free: 1000)], at: now)
        ledger.reserve([.cpu: 400], for: 1)
        ledger.settle(1, measured: [:])
        ledger.take([reading(free: 600)], at: now)
        ledger.reserve([.cpu: 300], for: 2)
        ledger.end(1, at: now)
        ledger.load(2, loadedBytes: 1, of: 1)
        // 400 came back, 300 were taken.
        ledger.take([reading(free: 700)], at: now)
        #expect(ledger.entries.keys.sorted() == [2])
    }

    @Test("a load that tells no bytes does not make what the system shows look impossible")
    func silentLoad() {
        var ledger = self.ledger()
        ledger.take([reading(free: 1000)], at: now)
        ledger.reserve([.cpu: 600], for: 1)
        ledger.take([reading(free: 400)], at: now)
        #expect(ledger.capacity[cpu] == 800)
        ledger.settle(1, measured: [:])
        ledger.take([reading(free: 400)], at: now)
        #expect(ledger.capacity[cpu] == 800 && ledger.available[cpu] == 200)
    }

    @Test("a measurement beyond the quota is an excess")
    func excess() {
        var ledger = self.ledger(quota: 100)
        ledger.reserve([.cpu: 90], for: 1)
        #expect(ledger.excess.isEmpty)
        ledger.settle(1, measured: [.cpu: 130])
        #expect(ledger.excess[cpu] == 30)
        #expect(ledger.available[cpu] == -30)
    }

    @Test(
        "bytes are written for people",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB"),
            (5 << 40, "5.0 TiB"),
            ((1 << 30) - 1, "1023.9 MiB"),
        ] as [(Int64, String)])
    func words(_ bytes: Int64, _ words: String) {
        #expect(describe(bytes: bytes) == words)
    }
}
