import FoundationEssentials
import Glibc
import Inference
import Testing

@testable import ModelLifecycle

/// NVML as far as we use it: three GPUs, of which the second fell off the bus.
private let source = """
    #include <string.h>
    typedef struct { unsigned long long total, free, used; } Memory;
    typedef struct {
        unsigned int pid; unsigned long long used; unsigned int instance, compute;
    #ifdef LONG
        unsigned long long secret;
    #endif
    } Process;
    static int devices[3];
    int nvmlInit_v2(void) { return INIT; }
    int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 3; return 0; }
    int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
        if (index == 1) return 15;
        *device = &devices[index];
        return 0;
    }
    int nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
        memory->total = 80ull << 30;
        memory->free = (10ull << 30) + (unsigned)((int *)device - devices);
        memory->used = memory->total - memory->free;
        return 0;
    }
    int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
        strncpy(name, "NVIDIA H200", length);
        return 0;
    }
    #ifdef CLOCKS
    int nvmlDeviceGetMemoryBusWidth(void *device, unsigned int *width) { *width = 5120; return 0; }
    int nvmlDeviceGetMaxClockInfo(void *device, unsigned int type, unsigned int *clock) {
        if (type != 2) return 2;
        *clock = 2619;
        return device == &devices[2] ? 3 : 0;
    }
    int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
        strncpy(version, "570.86.15", length);
        return 0;
    }
    #endif
    static int list(void *device, unsigned int *count, Process *processes, unsigned int first) {
        if (*count < 100) { *count = 100; return 7; }
        *count = 100;
        for (unsigned int i = 0; i < 100; i++) {
            memset(&processes[i], 0, sizeof *processes);
            processes[i].pid = first + i;
            processes[i].used = i == 5 ? ~0ull : (1ull << 40) + i + (unsigned)((int *)device - devices);
        }
        return 0;
    }
    int COMPUTE(void *device, unsigned int *count, Process *processes) { return list(device, count, processes, 1000); }
    int GRAPHICS(void *device, unsigned int *count, Process *processes) { return list(device, count, processes, 1050); }
    """

/// A library that is built for one test.
private final class BuiltLibrary {
    let path: String

    init?(_ definitions: [String]) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "roundhouse-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        self.path = directory.path
        try Data(source.utf8).write(to: directory.appending(path: "nvml.c"))
        let flags = definitions.map { "-D\($0)" }.joined(separator: " ")
        let status = unsafe system("cc -shared -fPIC \(flags) -o \(self.path)/nvml.so \(self.path)/nvml.c")
        guard status == 0 else { return nil }
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    var library: String { "\(self.path)/nvml.so" }
}

@Suite("NVML")
struct NVMLTests {
    @Test(
        "GPUs and what processes use of them are told, by every layout that drivers write",
        arguments: [
            ["INIT=0", "COMPUTE=nvmlDeviceGetComputeRunningProcesses_v3"],
            ["INIT=0", "COMPUTE=nvmlDeviceGetComputeRunningProcesses_v2"],
            ["INIT=0", "COMPUTE=nvmlDeviceGetComputeRunningProcesses_v3", "LONG"],
        ])
    func reads(definitions: [String]) throws {
        let built = try #require(
            try BuiltLibrary(definitions + ["GRAPHICS=nvmlDeviceGetGraphicsRunningProcesses_v3"]))
        let nvml = try #require(NVML(library: built.library))
        let gib: Int64 = 1 << 30
        #expect(
            nvml.gpus() == [
                GPUReading(device: .cuda(0), name: "NVIDIA H200", totalBytes: 80 * gib, freeBytes: 10 * gib),
                GPUReading(device: .cuda(2), name: "NVIDIA H200", totalBytes: 80 * gib, freeBytes: 10 * gib + 2),
            ])
        // 1060 is listed as computing and as drawing, 1149 as drawing only.
        let base: Int64 = 1 << 40
        for (processID, place) in [(1007, 7), (1060, 60), (1149, 99)] as [(Int32, Int64)] {
            let expected: [MemoryDevice: Int64] = [.cuda(0): base + place, .cuda(2): base + place + 2]
            #expect(nvml.usedBytes(by: processID) == expected)
        }
        #expect(nvml.usedBytes(by: 1005).isEmpty)
        #expect(nvml.usedBytes(by: 7).isEmpty)
    }

    @Test("Bandwidth is what clock and bus give, and 0 where a GPU does not tell; the driver has a version")
    func clocks() throws {
        let names = ["COMPUTE=a", "GRAPHICS=b", "INIT=0"]
        let built = try #require(try BuiltLibrary(names + ["CLOCKS"]))
        let nvml = try #require(NVML(library: built.library))
        #expect(nvml.gpus().map(\.bandwidthBytesPerSecond) == [3_352_320_000_000, 0])
        #expect(nvml.driverVersion() == "570.86.15")
        let old = try #require(try BuiltLibrary(names))
        let silent = try #require(NVML(library: old.library))
        #expect(silent.gpus().map(\.bandwidthBytesPerSecond) == [0, 0] && silent.driverVersion().isEmpty)
    }

    @Test("A driver that knows only the first layout tells of GPUs, not of processes")
    func old() throws {
        let built = try #require(
            try BuiltLibrary([
                "INIT=0", "COMPUTE=nvmlDeviceGetComputeRunningProcesses",
                "GRAPHICS=nvmlDeviceGetGraphicsRunningProcesses",
            ]))
        let nvml = try #require(NVML(library: built.library))
        #expect(nvml.gpus().count == 2)
        #expect(nvml.usedBytes(by: 1007).isEmpty)
    }

    @Test("A library that finds no driver is as good as none")
    func noDriver() throws {
        let built = try #require(try BuiltLibrary(["INIT=9", "COMPUTE=a", "GRAPHICS=b"]))
        #expect(NVML(library: built.library) == nil)
    }
}
