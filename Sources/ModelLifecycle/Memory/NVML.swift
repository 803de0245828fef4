internal import Glibc
package import Inference

/// NVIDIA's management library, opened at run time: a machine without it has no GPUs, which is no error.
///
/// The types mirror nvml.h, whose functions keep their meaning; those that changed got a version into their name.
/// All functions used are safe to call from any thread.
@safe
package final class NVML: GPUReader {
    // nvmlReturn_t and nvmlDevice_t.
    private typealias Status = Int32
    private typealias Device = OpaquePointer

    /// nvmlMemory_t.
    private struct Memory {
        var total: UInt64 = 0
        var free: UInt64 = 0
        var used: UInt64 = 0
    }

    private typealias Plain = @convention(c) () -> Status
    private typealias Count = @convention(c) (UnsafeMutablePointer<UInt32>) -> Status
    private typealias Handle = @convention(c) (UInt32, UnsafeMutablePointer<Device?>) -> Status
    private typealias MemoryInfo = @convention(c) (Device, UnsafeMutableRawPointer) -> Status
    private typealias Name = @convention(c) (Device, UnsafeMutablePointer<CChar>, UInt32) -> Status
    private typealias Number = @convention(c) (Device, UnsafeMutablePointer<UInt32>) -> Status
    private typealias Clock = @convention(c) (Device, UInt32, UnsafeMutablePointer<UInt32>) -> Status
    private typealias Text = @convention(c) (UnsafeMutablePointer<CChar>, UInt32) -> Status
    private typealias Processes =
        @convention(c) (Device, UnsafeMutablePointer<UInt32>, UnsafeMutableRawPointer?) -> Status

    private static let success: Status = 0
    private static let insufficientSize: Status = 7
    /// NVML_CLOCK_MEM
    private static let memoryClock: UInt32 = 2

    private let count: Count
    private let handle: Handle
    private let memoryInfo: MemoryInfo
    private let name: Name?
    /// In bits.
    private let busWidth: Number?
    /// In MHz.
    private let highestClock: Clock?
    private let driver: Text?
    /// By what kind of work they do; older drivers know fewer of them.
    private let processes: [Processes]

    /// The machine's, looked for once, by the first who asks.
    package static let shared: NVML? = NVML(library: "libnvidia-ml.so.1")

    /// - Returns: `nil` without the library, or when it finds no driver. Stays open for the life of the process.
    init?(library: String) {
        guard let opened = unsafe dlopen(library, RTLD_NOW | RTLD_LOCAL) else { return nil }
        func find<Function>(_ name: String, as type: Function.Type) -> Function? {
            guard let symbol = unsafe dlsym(opened, name) else { return nil }
            return unsafe unsafeBitCast(symbol, to: type)
        }
        guard
            let initialize = find("nvmlInit_v2", as: Plain.self),
            let count = unsafe find("nvmlDeviceGetCount_v2", as: Count.self),
            let handle = unsafe find("nvmlDeviceGetHandleByIndex_v2", as: Handle.self),
            let memoryInfo = unsafe find("nvmlDeviceGetMemoryInfo", as: MemoryInfo.self),
            initialize() == Self.success
        else {
            _ = unsafe dlclose(opened)
            return nil
        }
        unsafe self.count = count
        unsafe self.handle = handle
        unsafe self.memoryInfo = memoryInfo
        unsafe self.name = find("nvmlDeviceGetName", as: Name.self)
        unsafe self.busWidth = find("nvmlDeviceGetMemoryBusWidth", as: Number.self)
        unsafe self.highestClock = find("nvmlDeviceGetMaxClockInfo", as: Clock.self)
        unsafe self.driver = find("nvmlSystemGetDriverVersion", as: Text.self)
        // `_v3` and `_v2` fill the same structure. The first version of all fills a smaller one and is left out: who has
        // only that does not learn what each process uses.
        let kinds = ["nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"]
        unsafe self.processes = kinds.compactMap { kind in
            unsafe find("\(kind)_v3", as: Processes.self) ?? find("\(kind)_v2", as: Processes.self)
        }
    }

    package func gpus() -> [GPUReading] {
        unsafe self.devices().compactMap { index, device in
            var memory = Memory()
            guard unsafe self.memoryInfo(device, &memory) == Self.success else { return nil }
            return GPUReading(
                device: .cuda(index),
                name: unsafe self.name(of: device),
                totalBytes: Int64(clamping: memory.total),
                freeBytes: Int64(clamping: memory.free),
                bandwidthBytesPerSecond: unsafe self.bandwidth(of: device)
            )
        }
    }

    package func usedBytes(by processID: Int32) -> [MemoryDevice: Int64] {
        var used: [MemoryDevice: Int64] = [:]
        for unsafe(index, device) in unsafe self.devices() {
            // A process that computes and draws is listed twice with the same figure.
            let listed = unsafe self.processes.flatMap { unsafe self.list($0, of: device) }
            let figures = listed.filter { $0.processID == processID }.compactMap(\.usedBytes)
            if let most = figures.max() { used[.cuda(index)] = most }
        }
        return used
    }

    package func driverVersion() -> String {
        // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE
        var version = [CChar](repeating: 0, count: 80)
        guard unsafe self.driver?(&version, UInt32(version.count)) == Self.success else { return "" }
        return Self.text(version)
    }

    private func devices() -> [(index: Int, device: Device)] {
        var count: UInt32 = 0
        guard unsafe self.count(&count) == Self.success else { return unsafe [] }
        var devices: [(index: Int, device: Device)] = unsafe []
        for index in 0..<count {
            var device: Device?
            // One that fell off the bus fails; the others are still there.
            if unsafe self.handle(index, &device) == Self.success, let device = unsafe device {
                unsafe devices.append((Int(index), device))
            }
        }
        return unsafe devices
    }

    private func name(of device: Device) -> String {
        // NVML_DEVICE_NAME_V2_BUFFER_SIZE
        var name = [CChar](repeating: 0, count: 96)
        guard unsafe self.name?(device, &name, UInt32(name.count)) == Self.success else { return "" }
        return Self.text(name)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Two transfers for each beat of the memory's clock, as the driver counts it, over the width of the bus.
    private func bandwidth(of device: Device) -> Int64 {
        var width: UInt32 = 0
        var megahertz: UInt32 = 0
        guard unsafe self.busWidth?(device, &width) == Self.success,
            unsafe self.highestClock?(device, Self.memoryClock, &megahertz) == Self.success
        else { return 0 }
        return Int64(megahertz) * 1_000_000 * 2 * Int64(width / 8)
    }

    private func list(_ processes: Processes, of device: Device) -> [GPUProcess] {
        var room = 64
        // Processes may start between two calls; a few tries are enough for all but a storm of them.
        for _ in 0..<4 {
            var table = GPUProcessTable(room: room)
            var count = UInt32(room)
            let status = unsafe table.bytes.withUnsafeMutableBytes { unsafe processes(device, &count, $0.baseAddress) }
            switch status {
            case Self.success: return table.entries(count: Int(count))
            case Self.insufficientSize: room = max(room * 2, Int(count) + 16)
            default: return []
            }
        }
        return []
    }
}

/// A process on a GPU.
struct GPUProcess: Equatable {
    var processID: Int32
    /// `nil` when the driver does not tell, as on WSL.
    var usedBytes: Int64?
}

/// Where NVML writes nvmlProcessInfo_t, one after another.
///
/// Each is 24 bytes: the process's id (4), padding (4), bytes used (8), two numbers (8). A few drivers of 2023 (530 to
/// 535.54) append eight more, under the same function names. So there is room for those, and where what was written ends
/// tells which it was.
struct GPUProcessTable {
    private static let stride = 24
    private static let longStride = 32
    private static let untouched: UInt8 = 0xA5

    var bytes: [UInt8]

    init(room: Int) {
        self.bytes = [UInt8](repeating: Self.untouched, count: room * Self.longStride)
    }

    func entries(count: Int) -> [GPUProcess] {
        let count = min(max(0, count), self.bytes.count / Self.longStride)
        let beyond = self.bytes[count * Self.stride..<count * Self.longStride]
        let stride = beyond.allSatisfy { $0 == Self.untouched } ? Self.stride : Self.longStride
        return (0..<count).map { index in
            let used = self.number(at: index * stride + 8, length: 8)
            return GPUProcess(
                processID: Int32(truncatingIfNeeded: self.number(at: index * stride, length: 4)),
                // NVML_VALUE_NOT_AVAILABLE
                usedBytes: used == .max ? nil : Int64(clamping: used)
            )
        }
    }

    /// Little-endian, as every machine with such a driver is.
    private func number(at offset: Int, length: Int) -> UInt64 {
        self.bytes[offset..<offset + length].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
