import FoundationEssentials
import Glibc
import Inference
import Synchronization
import Testing

@testable import ModelLifecycle

private let xeon = """
    processor	: 0
    vendor_id	: GenuineIntel
    model name	: Intel(R) Xeon(R)  Platinum 8488C
    physical id	: 0
    core id		: 0
    flags		: fpu sse2 avx avx2 fma f16c avx512f avx512_vnni amx_tile amx_int8 hypervisor

    processor	: 1
    model name	: Intel(R) Xeon(R)  Platinum 8488C
    physical id	: 0
    core id		: 0
    flags		: fpu sse2 avx avx2

    processor	: 2
    model name	: Intel(R) Xeon(R)  Platinum 8488C
    physical id	: 1
    core id		: 0
    flags		: fpu

    """

private let neoverse = """
    processor	: 0
    BogoMIPS	: 243.75
    Features	: fp asimd evtstrm aes asimddp sve i8mm bf16
    CPU implementer	: 0x41
    CPU architecture: 8
    CPU part	: 0xd40

    processor	: 1
    Features	: fp asimd
    CPU implementer	: 0x41
    CPU part	: 0xd40

    """

@Suite("Hardware reader")
struct HardwareReaderTests {
    @Test("x86 processors name themselves; threads of one core count once")
    func intel() {
        let processor = ProcessorInfo.read(cpuinfo: xeon, status: "", architecture: "x86_64")
        #expect(
            processor
                == ProcessorReading(
                    name: "Intel(R) Xeon(R) Platinum 8488C", architecture: "x86_64", logicalCores: 3, physicalCores: 2,
                    features: ["avx2", "fma", "f16c", "avx512f", "avx512_vnni", "amx_tile", "amx_int8"]))
    }

    @Test("ARM processors are named by their parts, and do not tell of cores")
    func arm() {
        let processor = ProcessorInfo.read(cpuinfo: neoverse, status: "", architecture: "aarch64")
        #expect(processor.name == "ARM Neoverse V1" && processor.logicalCores == 2)
        #expect(processor.physicalCores == nil)
        #expect(processor.features == ["neon", "dotprod", "i8mm", "bf16", "sve"])
        let other = neoverse.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("CPU part") ? "CPU part: 0xfff" : $0 }.joined(separator: "\n")
        let name = ProcessorInfo.read(cpuinfo: other, status: "", architecture: "aarch64").name
        #expect(name == "ARM implementer 0x41, part 0xfff")
    }

    @Test(
        "threads that we may not run on do not count",
        arguments: [("0-1", 2), ("0-3,8,10-11", 7), ("5", 1), ("", 0), ("3-1", 0)] as [(String, Int)])
    func affinity(list: String, count: Int) {
        let status = "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t\(list)\nMems_allowed:\t1\n"
        #expect(ProcessorInfo.read(cpuinfo: xeon, status: status, architecture: "").logicalCores == count)
    }

    @Test("a masked /proc is no processor, and no failure", arguments: ["", "nonsense", "\n\n\n", ":::\nprocessor"])
    func masked(text: String) {
        #expect(
            ProcessorInfo.read(cpuinfo: text, status: text, architecture: "a") == ProcessorReading(architecture: "a"))
    }

    @Test("everything is read from its place, and each disk told once")
    func whole() async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "roundhouse-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        try FileManager.default.createDirectory(
            at: root.appending(path: "proc/self"), withIntermediateDirectories: true)
        for (name, text) in [
            ("cpuinfo", xeon), ("self/status", "Cpus_allowed_list: 0-1\n"),
            ("meminfo", "MemTotal: 2048 kB\nMemAvailable: 1024 kB\n"),
        ] {
            try Data(text.utf8).write(to: root.appending(path: "proc/\(name)"))
        }
        let reader = HardwareReader(
            files: SystemFiles(root: root.path), gpus: OneGPU(),
            disks: ["\(root.path)/not/yet", root.path, "/proc", "no"],
            gauge: BandwidthGauge(threads: 3) { Int64($0) * 7 }, architecture: "x86_64")
        let reading = await reader.read()
        #expect(reading.processor.logicalCores == 2 && reading.processor.bandwidthBytesPerSecond == 21)
        #expect(reading.memory == MemoryReading(device: .cpu, totalBytes: 2 << 20, freeBytes: 1 << 20))
        #expect(reading.gpus == OneGPU().gpus() && reading.driverVersion == "570.1")
        #expect(reading.bandwidths == [.cpu: 21, .cuda(0): 5])
        // The two folders lie on one disk; /proc is another, without room.
        #expect(reading.disks.map(\.path) == ["\(root.path)/not/yet", "/proc"])
        let disk = try #require(reading.disks.first)
        #expect(disk.totalBytes > 0 && disk.availableBytes > 0 && disk.availableBytes <= disk.totalBytes)
    }

    @Test("bandwidth is measured once, whoever asks")
    func measuresOnce() async {
        let count = Mutex(0)
        let gauge = BandwidthGauge(threads: 2) { _ in
            Int64(
                count.withLock { count in
                    count += 1
                    return count
                })
        }
        await withTaskGroup { group in
            for _ in 0..<8 { group.addTask { await gauge.bytesPerSecond() } }
            for await bandwidth in group { #expect(bandwidth == 1) }
        }
        #expect(await gauge.bytesPerSecond() == 1)
    }

    @Test("this machine has a processor and reads memory at a speed that exists", arguments: [1, 2])
    func thisMachine(threads: Int) async {
        let reading = await HardwareReader(disks: ["/tmp"], gauge: BandwidthGauge(threads: threads)).read()
        #expect(reading.processor.logicalCores > 0 && !reading.processor.architecture.isEmpty)
        let gigabytes = Double(reading.processor.bandwidthBytesPerSecond) / 1e9
        print("memory bandwidth with \(threads) threads: \(gigabytes) GB/s")
        #expect((0.2...5000).contains(gigabytes))
    }
}

private struct OneGPU: GPUReader {
    func gpus() -> [GPUReading] {
        [GPUReading(device: .cuda(0), name: "A", totalBytes: 8, freeBytes: 1, bandwidthBytesPerSecond: 5)]
    }

    func usedBytes(by processID: Int32) -> [MemoryDevice: Int64] { [:] }
    func driverVersion() -> String { "570.1" }
}
