import FoundationEssentials
import Glibc
import Inference
import Testing

@testable import ModelLifecycle

/// A directory in the place of `/` for one test.
private final class FakeRoot {
    let path: String

    init(_ texts: [String: String]) throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "roundhouse-\(UUID().uuidString)")
        self.path = url.path
        for (name, text) in texts {
            let file = URL(filePath: self.path + name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    var files: SystemFiles { SystemFiles(root: self.path) }
}

private let gib: Int64 = 1 << 30

private let meminfo = """
    MemTotal:       16777216 kB
    MemFree:         1048576 kB
    MemAvailable:    8388608 kB
    Buffers:          524288 kB
    Cached:          2097152 kB
    SwapTotal:             0 kB
    HugePages_Total:       0

    """

private let mountsV2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
private let mountsV1 = "35 30 0:31 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"

@Suite("Memory readers")
struct MemoryReaderTests {
    @Test("meminfo tells what is available, also where the kernel has no estimate of it")
    func system() {
        #expect(SystemMemory(meminfo: meminfo) == SystemMemory(totalBytes: 16 * gib, availableBytes: 8 * gib))
        let old = meminfo.split(separator: "\n").filter { !$0.hasPrefix("MemAvailable") }.joined(separator: "\n")
        #expect(SystemMemory(meminfo: old)?.availableBytes == 3 * gib + gib / 2)
        for broken in ["", "MemTotal: many kB", "MemTotal: -5 kB", "MemTotal: 9999999999999999999 kB", "MemTotal 5 kB"]
        {
            #expect(SystemMemory(meminfo: broken) == nil)
        }
    }

    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var files: [String: String]
        var total: Int64
        var free: Int64
    }

    static let cases = [
        Case(testDescription: "no groups at all", files: [:], total: 16 * gib, free: 8 * gib),
        Case(
            testDescription: "version 2 without a limit",
            files: [
                "/proc/self/cgroup": "0::/a.slice\n", "/proc/self/mountinfo": mountsV2,
                "/sys/fs/cgroup/a.slice/memory.max": "max\n", "/sys/fs/cgroup/a.slice/memory.current": "5\n",
            ],
            total: 16 * gib, free: 8 * gib
        ),
        Case(
            testDescription: "version 2: page cache that is not in use is free",
            files: [
                "/proc/self/cgroup": "0::/a.slice\n", "/proc/self/mountinfo": mountsV2,
                "/sys/fs/cgroup/a.slice/memory.max": "\(4 * gib)\n",
                "/sys/fs/cgroup/a.slice/memory.current": "\(3 * gib)\n",
                "/sys/fs/cgroup/a.slice/memory.stat": "anon 7\nfile 9\ninactive_file \(gib)\nactive_file 3\n",
            ],
            total: 4 * gib, free: 2 * gib
        ),
        Case(
            testDescription: "version 2, nested: a parent's limit and its other children bind us too",
            files: [
                "/proc/self/cgroup": "0::/a.slice/b.scope\n", "/proc/self/mountinfo": mountsV2,
                "/sys/fs/cgroup/a.slice/b.scope/memory.max": "\(4 * gib)\n",
                "/sys/fs/cgroup/a.slice/b.scope/memory.current": "\(gib)\n",
                "/sys/fs/cgroup/a.slice/memory.max": "\(6 * gib)\n",
                "/sys/fs/cgroup/a.slice/memory.current": "\(5 * gib)\n",
            ],
            total: 4 * gib, free: 1 * gib
        ),
        Case(
            testDescription: "version 2: throttling begins below the limit",
            files: [
                "/proc/self/cgroup": "0::/a\n", "/proc/self/mountinfo": mountsV2,
                "/sys/fs/cgroup/a/memory.max": "max\n", "/sys/fs/cgroup/a/memory.high": "\(2 * gib)\n",
                "/sys/fs/cgroup/a/memory.current": "0\n",
            ],
            total: 2 * gib, free: 2 * gib
        ),
        Case(
            testDescription: "version 2 in a container that sees its own group as the root",
            files: [
                "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": mountsV2,
                "/sys/fs/cgroup/memory.max": "\(gib)\n", "/sys/fs/cgroup/memory.current": "\(2 * gib)\n",
            ],
            total: gib, free: 0
        ),
        Case(
            testDescription: "version 1",
            files: [
                "/proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/job\n0::/\n",
                "/proc/self/mountinfo": mountsV1,
                "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "\(2 * gib)\n",
                "/sys/fs/cgroup/memory/job/memory.usage_in_bytes": "\(gib)\n",
                "/sys/fs/cgroup/memory/job/memory.stat": "inactive_file 4\ntotal_inactive_file \(gib / 2)\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "/sys/fs/cgroup/memory/memory.usage_in_bytes": "\(12 * gib)\n",
            ],
            total: 2 * gib, free: gib + gib / 2
        ),
        Case(
            testDescription: "version 1 without a limit",
            files: [
                "/proc/self/cgroup": "4:memory:/\n", "/proc/self/mountinfo": mountsV1,
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "/sys/fs/cgroup/memory/memory.usage_in_bytes": "5\n",
            ],
            total: 16 * gib, free: 8 * gib
        ),
        Case(
            testDescription: "version 1 in a container: its own group is mounted under its full name",
            files: [
                "/proc/self/cgroup": "4:memory:/docker/abc/inner\n",
                "/proc/self/mountinfo": "35 30 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": "\(3 * gib)\n",
                "/sys/fs/cgroup/memory/memory.usage_in_bytes": "\(gib)\n",
                "/sys/fs/cgroup/memory/inner/memory.limit_in_bytes": "\(2 * gib)\n",
                "/sys/fs/cgroup/memory/inner/memory.usage_in_bytes": "0\n",
            ],
            total: 2 * gib, free: 2 * gib
        ),
        Case(
            testDescription: "both versions side by side",
            files: [
                "/proc/self/cgroup": "4:memory:/job\n0::/job\n",
                "/proc/self/mountinfo":
                    mountsV1 + "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
                "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "\(2 * gib)\n",
                "/sys/fs/cgroup/memory/job/memory.usage_in_bytes": "0\n",
                "/sys/fs/cgroup/unified/job/cgroup.procs": "1\n",
            ],
            total: 2 * gib, free: 2 * gib
        ),
        Case(
            testDescription: "a process outside of what its container sees",
            files: [
                "/proc/self/cgroup": "0::/../other\n", "/proc/self/mountinfo": mountsV2,
                "/sys/fs/cgroup/memory.max": "\(gib)\n", "/sys/fs/cgroup/memory.current": "0\n",
            ],
            total: gib, free: gib
        ),
        Case(
            testDescription: "a limit above what the machine has",
            files: [
                "/proc/self/cgroup": "0::/a\n", "/proc/self/mountinfo": mountsV2,
                "/sys/fs/cgroup/a/memory.max": "\(64 * gib)\n", "/sys/fs/cgroup/a/memory.current": "0\n",
            ],
            total: 16 * gib, free: 8 * gib
        ),
        Case(
            testDescription: "mounts that cannot be read",
            files: [
                "/proc/self/cgroup": "0::/a\n",
                "/sys/fs/cgroup/a/memory.max": "\(gib)\n", "/sys/fs/cgroup/a/memory.current": "0\n",
            ],
            total: gib, free: gib
        ),
    ]

    @Test("Control groups leave the smaller share", arguments: cases)
    func groups(_ example: Case) throws {
        let root = try FakeRoot(example.files.merging(["/proc/meminfo": meminfo]) { file, _ in file })
        let readings = MachineMemory(files: root.files, gpus: nil).read()
        #expect(readings == [MemoryReading(device: .cpu, totalBytes: example.total, freeBytes: example.free)])
    }

    @Test("Without /proc there is nothing to say about main memory; GPUs are told all the same")
    func missing() throws {
        let root = try FakeRoot(["/etc/hostname": "a"])
        #expect(MachineMemory(files: root.files, gpus: nil).read().isEmpty)
        let readings = MachineMemory(files: root.files, gpus: TwoGPUs()).read()
        #expect(readings.map(\.device) == [.cuda(0), .cuda(1)])
        #expect(readings.map(\.freeBytes) == [gib, 2 * gib])
    }

    @Test("This machine has memory")
    func thisMachine() throws {
        let main = try #require(MachineMemory().read().first)
        #expect(main.device == .cpu)
        #expect(main.totalBytes > 0 && main.freeBytes > 0 && main.freeBytes <= main.totalBytes)
    }

    @Test("A machine without NVIDIA's library has no GPUs", arguments: ["libnvidia-absent.so.1", "libc.so.6"])
    func noLibrary(name: String) {
        #expect(NVML(library: name) == nil)
    }
}

private struct TwoGPUs: GPUReader {
    func gpus() -> [GPUReading] {
        [
            GPUReading(device: .cuda(0), name: "A", totalBytes: 8 * gib, freeBytes: gib),
            GPUReading(device: .cuda(1), name: "B", totalBytes: 8 * gib, freeBytes: 2 * gib),
        ]
    }

    func usedBytes(by processID: Int32) -> [MemoryDevice: Int64] { processID == 7 ? [.cuda(1): 700] : [:] }
}
